"""How the time of sessions was used, as py-ISPyB's API names it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Collected:
    """A data collection, as the sums need it."""

    key: int
    session: int
    sample_id: int | None
    kind: str | None
    """Type of the experiment."""
    start: datetime | None
    end: datetime | None
    status: str | None
    wavelength: float | None
    """In angstrom."""
    exposure: float | None
    """In s."""
    size_x: float | None
    """Of the beam, in mm."""
    size_y: float | None
    chi: float | None
    kappa: float | None
    phi: float | None
    sample: str | None
    protein: str | None


@dataclass(frozen=True, slots=True)
class Action:
    """Something else that took time."""

    what: str
    """``robot``, ``edge``, ``xrf``, ``fault`` or ``strategy``."""
    session: int
    sample_id: int | None
    start: datetime | None
    end: datetime | None
    kind: str | None = None
    status: str | None = None
    sample: str | None = None
    protein: str | None = None


@dataclass(frozen=True, slots=True)
class SessionOf:
    """A session, as the sums need it."""

    key: int
    name: str | None
    beamline: str | None
    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class TimeEntry:
    """Hours; 0 where nothing is known."""

    duration: float = 0.0
    startup: float = 0.0
    """Before the first collection."""
    datacollection: float = 0.0
    edge: float = 0.0
    xrf: float = 0.0
    robot: float = 0.0
    strategy: float = 0.0
    """Waiting for one."""
    centring: float = 0.0
    fault: float = 0.0
    remaining: float = 0.0
    """After the last collection."""
    thinking: float = 0.0
    """What is left."""


@dataclass(frozen=True, slots=True)
class SessionTimes(TimeEntry):
    """Of one session."""

    sessionId: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there was."""

    datacollections: int = 0
    failed: int = 0
    datacollectionTypes: dict[str, int] | None = None
    robot: int = 0
    edge: int = 0
    xrf: int = 0


@dataclass(frozen=True, slots=True)
class Overview:
    """What is summed up: a session, or a period of a beamline."""

    counts: Counts
    startDate: datetime | None = None
    endDate: datetime | None = None
    duration: float | None = None
    """Hours; null: a date is missing."""
    beamLineName: str | None = None
    sessionId: str | None = None
    """Text, as py-ISPyB has it; null: there are several, or none."""
    session: str | None = None
    run: str | None = None


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """Something with beginning and end."""

    eventType: str
    startTime: datetime
    endTime: datetime
    protein: str | None = None
    sample: str | None = None
    subType: str | None = None
    status: str | None = None
    title: str | None = None
    session: str | None = None
    sessionId: str | None = None


@dataclass(frozen=True, slots=True)
class Plottable:
    """One value of each collection."""

    title: str
    data: tuple[float | None, ...] = ()
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Plottables:
    """Values of collections over time."""

    time: tuple[datetime, ...] = ()
    series: tuple[Plottable, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """What was said of collections that failed."""

    count: int
    message: str


@dataclass(frozen=True, slots=True)
class TypeErrors:
    """How collections of one type ended."""

    experimentType: str
    total: int = 0
    failed: int = 0
    failedPercent: float = 0.0
    aborted: int = 0
    """Those whose ``runStatus`` says so."""
    abortedPercent: float = 0.0
    cancelled: int = 0
    """Those whose ``runStatus`` says so; they did not fail."""
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Hourly:
    """An average for each hour of the day."""

    hour: tuple[int, ...] = tuple(range(24))
    average: tuple[float, ...] = (0.0,) * 24


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often a parameter had which value at a beamline."""

    beamLineName: str | None
    bin: tuple[int, ...]
    """Lower edges."""
    frequency: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Stats:
    """All of it.

    py-ISPyB's page takes the answer of one address of ``/stats`` for another's, so each
    has the keys of all.
    """

    average: TimeEntry
    sessions: tuple[SessionTimes, ...]
    overview: Overview
    history: tuple[HistoryPoint, ...]
    plottables: Plottables
    totals: tuple[TypeErrors, ...]
    datacollections: Hourly
    loaded: Hourly
    parameter: str
    unit: str
    beamLines: tuple[Histogram, ...]


@dataclass(frozen=True, slots=True)
class BeamlineRun:
    """A period between shutdowns."""

    runId: int
    run: str | None
    startDate: datetime | None
    endDate: datetime | None
