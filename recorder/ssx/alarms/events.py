"""What the alarms say: raised, cleared, and what may be the cause."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How loud an alarm is."""

    RED = "red"
    """Go and look now: measuring on is worth nothing."""
    AMBER = "amber"
    """Look soon."""
    INFO = "info"
    """To know."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One quantity before the change and since."""

    name: str
    before: float
    after: float
    z: float
    """Standard deviations of the change; below 0 it fell."""


@dataclass(frozen=True, slots=True)
class Hint:
    """What may be the cause. Always a perhaps, always with its numbers."""

    cause: str
    """One of the names in the reference of the alarms."""
    text: str
    evidence: tuple[Evidence, ...]
    """Strongest first."""


@dataclass(frozen=True, slots=True)
class AlarmRaised:
    """An alarm, or a new word about one that stands.

    The same id again means that it got worse (another level) or that more is known
    (other hints): the newer takes the place of the older.
    """

    id: str
    """``kind/number``, counted from 1 by kind."""
    kind: str
    level: str
    """Which of several designs told it; empty for kinds that have one."""
    severity: Severity
    run_uid: str | None
    subject: str
    """Source or sink that it is about; empty where there is one only."""
    since_image: int | None
    """First image of the change as estimated, where images tell it."""
    since_time_s: float
    at_image: int | None
    """Image at which it was told."""
    at_time_s: float
    text: str
    evidence: tuple[Evidence, ...]
    hints: tuple[Hint, ...]
    """At most two."""


@dataclass(frozen=True, slots=True)
class AlarmCleared:
    """An alarm is over."""

    id: str
    kind: str
    run_uid: str | None
    at_image: int | None
    at_time_s: float
    reason: str
    """Why, in words: it recovered, the run ended, somebody took it as normal."""


Event = AlarmRaised | AlarmCleared
