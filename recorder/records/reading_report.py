"""What a report says of an energy scan or of a fluorescence spectrum."""

from __future__ import annotations

from dataclasses import dataclass, field

from recorder.records.readings import Found, ReadingFiles

SHOWN_POINTS = 1000
"""Points that a report has; of more it has every second, third … one. Chosen, not
tuned: a scan has about 100."""
SHOWN_CHANNELS = 1024
"""Entries of a spectrum that a report has; of more channels neighbours are summed.
Chosen, not tuned: as wide as a page is, in pixels."""


@dataclass(frozen=True, slots=True)
class PointCounts:
    """Points of a scan: expected = received + lost, once it is over."""

    expected: int | None = None
    """Null while it goes on."""
    received: int = 0
    lost: int = 0
    lost_ranges: tuple[tuple[int, int], ...] = ()
    """First and last index of each, at most 100."""


@dataclass(frozen=True, slots=True)
class ScanFound:
    """What another program found in a scan, as it sent it."""

    peak: Found | None = None
    inflection: Found | None = None
    remote: Found | None = None


@dataclass(frozen=True, slots=True)
class EdgeCheck:
    """Peak and inflection by the recorder's own spline: only a check of the result."""

    inflection: float | None = None
    """eV."""
    inflection_error: float | None = None
    """eV, one standard deviation by the counting errors, and by the steps."""
    peak: float | None = None
    """eV; null without a white line: then there is no peak to speak of."""
    peak_error: float | None = None
    """eV, as ``inflection_error``."""
    white_line: bool = False
    """The counts have a maximum at the edge that stands out of what follows."""
    says: tuple[str, ...] = ()
    """Where it contradicts the sender's result, or why there is no check."""


@dataclass(frozen=True, slots=True)
class EnergyScanReport:
    """An energy scan over an absorption edge."""

    element: str | None = None
    edge: str | None = None
    edge_energy: float | None = None
    """eV, as announced."""
    points: PointCounts = field(default_factory=PointCounts)
    every: int = 1
    """``energy`` and ``counts`` have one of so many points, and the last one."""
    energy: tuple[float, ...] = ()
    """eV, by ascending index."""
    counts: tuple[float, ...] = ()
    result: ScanFound | None = None
    """As the sender says."""
    check: EdgeCheck = field(default_factory=EdgeCheck)
    hint: str = ""
    """Which element and edge the energies are of, by a table."""
    flux_end: float | None = None
    """Photons/s."""
    files: ReadingFiles | None = None
    """Of the sender."""
    problems: tuple[str, ...] = ()
    """What of its points contradicts the rest."""


@dataclass(frozen=True, slots=True)
class LineFound:
    """A line of a spectrum."""

    energy: float
    """eV."""
    counts: float
    """Above what is beside it."""
    names: tuple[str, ...] = ()
    """Elements and lines that it may be of, the likeliest first; empty: none is known.
    """


@dataclass(frozen=True, slots=True)
class SpectrumReport:
    """A fluorescence spectrum."""

    channels: int = 0
    """0: none came."""
    sum: int = 1
    """So many channels are added up in each entry of ``counts``."""
    counts: tuple[float | None, ...] = ()
    """Null where the sender had no number."""
    calibration: tuple[float, float, float] | None = None
    """(a, b, c): channel i has a + b i + c i² eV."""
    total: float = 0.0
    """Counts of all channels."""
    live_time: float | None = None
    """s, as is ``real_time``."""
    real_time: float | None = None
    dead: float | None = None
    """Share of the time in which nothing could be counted, 0 to 1."""
    energy: float | None = None
    """Of the beam, eV."""
    lines: tuple[LineFound, ...] = ()
    """The strongest first, at most 20."""
    hint: str = ""
    """Which elements the lines are of, by a table."""
    flux_end: float | None = None
    """Photons/s."""
    files: ReadingFiles | None = None
    """Of the sender."""
