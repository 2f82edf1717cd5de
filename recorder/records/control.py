"""What control systems say: announcements, ends, events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from recorder.records.detector import BadMessage
from recorder.records.labels import Evidence
from recorder.records.runs import RunStatus
from recorder.records.units import Json


class EventType(StrEnum):
    """The event types of ISPyB."""

    XRAY_DETECTION = "XrayDetection"
    XRAY_EXPOSURE = "XrayExposure"
    LASER_EXCITATION = "LaserExcitation"
    REACTION_TRIGGER = "ReactionTrigger"


@dataclass(frozen=True, slots=True)
class Collection:
    """An announced run (``collection/start``)."""

    uid: str
    time_ns: int
    body: Json
    """The message as validated, unknown keys kept."""
    received_ns: int = 0

    @property
    def series_unique_id(self) -> str | None:
        """The detector series that the announcement names, if it does."""
        value = self.body.get("series_unique_id")
        return None if value is None else str(value)


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


ControlRecord = Collection | CollectionEnd | TimedEvent | BadMessage
