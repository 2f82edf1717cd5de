"""The timeline and the event chains of a run, as its report tells them.

Names are keys of the JSON (docs/reference/report.md), and the schema is made from these
types. Each has a default, for reports that earlier recorders wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import WithJsonSchema

from recorder.records.chains import EventType
from recorder.records.labels import Start

Count = Annotated[int, WithJsonSchema({"type": "integer", "minimum": 0})]
"""How many, also an index or an id.

The schema promises the bound; reading does not insist on it, so that no report which
could be written is refused.
"""


class ChainScope(StrEnum):
    """What the offsets of a chain count from."""

    COLLECTION = "collection"
    POSITION = "position"


class AuditVerdict(StrEnum):
    """What became of an event."""

    OK = "ok"
    DIFFERS = "differs"
    UNSEEN = "unseen"
    EXTRA = "extra"


class BreakKind(StrEnum):
    """How the thread between images and triggers broke."""

    GAP = "gap"
    STEP = "step"


@dataclass(frozen=True, slots=True)
class CommandedEvent:
    """An event as it was declared; times in s."""

    type: EventType = EventType.XRAY_DETECTION
    name: str | None = None
    offset: float = 0.0
    duration: float | None = None
    period: float | None = None
    repetition: Count | None = None


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """An event as it was seen; times in s."""

    type: EventType = EventType.XRAY_DETECTION
    name: str | None = None
    offset: float = 0.0
    duration: float | None = None
    period: float | None = None
    repetition: Count | None = None
    seen: Count = 0
    drops: int = 0
    jitter: float = 0.0
    offset_sigma: float = 0.0
    irregular: bool = False
    declared: Count | None = None
    """Index of the commanded event that it answers to."""


@dataclass(frozen=True, slots=True)
class EventAudit:
    """What the audit says of one event."""

    event: str = ""
    type: EventType = EventType.XRAY_DETECTION
    verdict: AuditVerdict = AuditVerdict.UNSEEN
    findings: tuple[str, ...] = ()
    offset_error: float | None = None
    period_ppm: float | None = None
    seen: Count | None = None
    commanded: Count | None = None


@dataclass(frozen=True, slots=True)
class ChainReport:
    """A chain as commanded, as measured, and where they differ."""

    name: str = ""
    scope: ChainScope = ChainScope.COLLECTION
    commanded: tuple[CommandedEvent, ...] = ()
    measured: tuple[SeenEvent, ...] = ()
    audit: tuple[EventAudit, ...] = ()


@dataclass(frozen=True, slots=True)
class ClockReport:
    """A fitted clock."""

    source: str | None = None
    against: str = ""
    offset_ns: int = 0
    ppm: float = 0.0
    ppm_now: float = 0.0
    sigma_ns: float = 0.0
    anchors: Count = 0
    last_anchor_ns: int = 0
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class BreakReport:
    """Where the thread between images and triggers broke."""

    image_id: Count = 0
    kind: BreakKind = BreakKind.GAP
    resolved: bool = False
    step: float = 0.0
    """How far the clock jumped (s)."""


@dataclass(frozen=True, slots=True)
class TriggerRowCounts:
    """What the timing hardware sent."""

    xray: Count = 0
    laser: Count = 0
    missing: Count = 0
    counter_wraps: Count = 0
    counter_restarts: Count = 0


@dataclass(frozen=True, slots=True)
class WalkReport:
    """Positions of a chain of scope ``position``, else cycles."""

    positions: Count = 0
    period: float | None = None
    """From one to the next (s)."""


@dataclass(frozen=True, slots=True)
class TimelineReport:
    """How images, triggers and clocks belong together, and how sure that is."""

    start: Start = Start.UNCERTAIN
    ordinals_by: Literal["time", "count"] = "count"
    against: str = "declared chains"
    triggers: Count | None = None
    missed_triggers: int = 0
    triggers_after_last_image: int = 0
    clocks: tuple[ClockReport, ...] = ()
    breaks: tuple[BreakReport, ...] = ()
    contradictions: Mapping[str, Count] = field(default_factory=dict)
    rows: TriggerRowCounts = field(default_factory=TriggerRowCounts)
    walk: WalkReport = field(default_factory=WalkReport)
    summary: str = ""
