"""Alarms as the journal and the report of a run have them.

Names are keys of the JSON (docs/reference/report.md). What each kind means stands in
docs/reference/alarms.md; how they are worked out in :mod:`recorder.ssx.alarms`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

Severity = Literal["red", "amber", "info"]
Place = Annotated[int, WithJsonSchema({"type": "integer", "minimum": 0})]
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""RFC 3339 with zone."""
AlarmKind = Literal[
    "hit_rate",
    "hit_rate_block",
    "index_rate",
    "several_lattices",
    "rings",
    "solvent",
    "background",
    "resolution",
    "cell",
    "misfires",
    "misfires_in_a_row",
    "losses",
    "second_client",
    "data_age",
    "backlog",
    "journal",
    "sink_lag",
    "parked",
    "clock",
    "disk",
    "not_announced",
    "none_come",
]
"""Kinds that the configuration may switch off; a test holds them to the reference."""


@dataclass(frozen=True, slots=True)
class AlarmEvidence:
    """One quantity before the change and since; null where it is no number."""

    name: str = ""
    before: float | None = None
    since: float | None = None
    z: float | None = None
    """Standard deviations of the change; below 0 it fell."""


@dataclass(frozen=True, slots=True)
class AlarmHint:
    """What may be the cause."""

    cause: str = ""
    text: str = ""
    evidence: tuple[AlarmEvidence, ...] = ()


@dataclass(frozen=True, slots=True)
class RunAlarm:
    """One alarm of a run, with its last words."""

    id: str
    kind: str = ""
    level: str = ""
    """Which of several designs told it; empty for kinds that have one."""
    severity: Severity = "amber"
    subject: str = ""
    """Source or sink that it is about; empty where there is one only."""
    text: str = ""
    since_image: Place | None = None
    """First image of the change as estimated; null where images do not tell it."""
    since: Moment = ""
    raised_image: Place | None = None
    raised: Moment = ""
    cleared: Moment | None = None
    cleared_because: str = ""
    evidence: tuple[AlarmEvidence, ...] = ()
    hints: tuple[AlarmHint, ...] = ()
    seen_by: str | None = None
