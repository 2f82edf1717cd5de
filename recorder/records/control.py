"""What control systems say: announcements, ends, events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recorder.records.announcement import Announcement
from recorder.records.chains import EventType
from recorder.records.detector import BadMessage
from recorder.records.labels import Evidence
from recorder.records.readings import EndFacts, Reading
from recorder.records.runs import RunStatus


@dataclass(frozen=True, slots=True)
class CollectionEnd:
    """The announced end of a run (``collection/end``)."""

    uid: str
    time_ns: int
    status: RunStatus
    reason: str = ""
    received_ns: int = 0
    images: int | None = None
    """Images that the detector made, if the sender knows: tells a lost tail from
    missed triggers."""
    facts: EndFacts = field(default_factory=EndFacts)
    """What it says of a scan, and of the beam at the end."""


@dataclass(frozen=True, slots=True)
class Capture:
    """What timing hardware saw from being armed to being disarmed."""

    id: str
    """Tells the captures of one clock apart."""
    begun_ns: int
    """When its header came (Unix ns, the host's clock)."""
    detector: str | None = None
    """Source whose triggers it holds; None if nobody said."""


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """Something that happened at the beamline (``event``)."""

    uid: str
    type: EventType
    time_ns: int
    collection: str | None = None
    name: str | None = None
    duration_s: float | None = None
    trigger: int | None = None
    clock: str | None = None
    evidence: Evidence = Evidence.COMMANDED
    value: float | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    received_ns: int = 0
    capture: Capture | None = field(default=None, compare=False)
    """The capture that it is a row of: tells the run while no run is named."""


ControlRecord = Announcement | CollectionEnd | TimedEvent | Reading | BadMessage
