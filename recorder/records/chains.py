"""Declared event chains."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EventType(StrEnum):
    """The event types of ISPyB."""

    XRAY_DETECTION = "XrayDetection"
    XRAY_EXPOSURE = "XrayExposure"
    LASER_EXCITATION = "LaserExcitation"
    REACTION_TRIGGER = "ReactionTrigger"


@dataclass(frozen=True, slots=True)
class ChainEvent:
    """One declared event of a chain; a pattern, not single pulses."""

    type: EventType
    offset: float
    name: str | None = None
    duration: float | None = None
    period: float | None = None
    repetition: int | None = None
    """None means unknown, not zero."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Events that belong together."""

    name: str
    scope: str
    """``collection``: offsets from the run's start, repetition over the whole run;
    ``position``: per position, repetition = shots per position."""
    events: tuple[ChainEvent, ...] = ()
