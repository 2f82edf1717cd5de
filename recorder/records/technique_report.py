"""What a report says of a run beside its images: one part for each technique.

Names are keys of the JSON (docs/reference/report.md), and the schema is made from these
types. Each has a default, for reports that other recorders wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from recorder.records.reading_report import EnergyScanReport, SpectrumReport
from recorder.records.timeline_report import Count
from recorder.records.units import Json

Pair = tuple[float, float]
"""(x, y)."""


@dataclass(frozen=True, slots=True)
class GradeCounts:
    """Received images by what their angle rests on."""

    captured: Count = 0
    file: Count = 0
    announced: Count = 0
    header: Count = 0
    none: Count = 0


@dataclass(frozen=True, slots=True)
class SweepReport:
    """A sweep of a rotation, a wedge of a characterisation; degrees."""

    start: float = 0.0
    range: float = 0.0
    """Of an image, with its sign."""
    pitch: float = 0.0
    """From the start of an image to that of the next."""
    overlap: float = 0.0
    """``range`` less ``pitch``: below 0 where images are apart."""
    planned: Count = 0
    received: Count = 0
    """Images that are known to be of it."""
    end: float | None = None
    """Where its last image that came ends; null without any."""
    hits: Count = 0
    indexed: Count = 0
    whole: bool = False
    """All of its planned images came."""
    kappa: float | None = None
    chi: float | None = None
    phi: float | None = None


@dataclass(frozen=True, slots=True)
class LostAngles:
    """Angles at which no image came."""

    first: Count = 0
    """``image_id``."""
    last: Count = 0
    start: float | None = None
    """Degrees; null where no plan says it."""
    end: float | None = None


@dataclass(frozen=True, slots=True)
class AxisReport:
    """How the crystal was turned; degrees."""

    name: str = "omega"
    start: float | None = None
    """Where the first image that came begins; null if unknown."""
    end: float | None = None
    """Where the last one ends."""
    range: float | None = None
    """Of an image, with its sign; null if sweeps differ.

    Where captured angles, or those of a file, contradict all announced ones it is
    theirs, and null if they are uneven.
    """
    overlap: float | None = None
    total: float | None = None
    """From the start of the plan to its end, as ISPyB's pages show it."""
    sweeps: tuple[SweepReport, ...] = ()
    """The first 100."""
    wedges_whole: Count = 0
    """Sweeps all of whose images came."""
    wedges_planned: Count = 0
    wedges_missed: Count = 0
    """Sweeps that surely made no image though a later one did."""
    of_no_sweep: Count = 0
    """Images of an unknown sweep, or beyond the plan."""
    by_grade: GradeCounts = field(default_factory=GradeCounts)
    lost: tuple[LostAngles, ...] = ()
    """At most 20."""
    contradictions: tuple[str, ...] = ()
    """Angles of other sources that differ from the announced ones, in words."""


@dataclass(frozen=True, slots=True)
class CrystalReport:
    """A crystal on a grid; pairs are (x, y).

    Cells count from the outer corner of the first one: its middle is at 0.5.
    """

    centre: Pair = (0.0, 0.0)
    """Centre of mass, weighted by spots, cells."""
    sigma: Pair = (0.0, 0.0)
    """Its standard deviation, cells."""
    centre_um: Pair = (0.0, 0.0)
    sigma_um: Pair = (0.0, 0.0)
    first: tuple[Count, Count] = (0, 0)
    """First cell of the box around it."""
    last: tuple[Count, Count] = (0, 0)
    peak: tuple[Count, Count] = (0, 0)
    """The cell with the most spots."""
    cells: Count = 0
    spots: float = 0.0
    peak_spots: float = 0.0
    beside_unknown: Count = 0
    """Neighbouring cells of which nothing is known: it may go on there."""
    at_border: bool = False
    """It may go on beyond the grid."""


@dataclass(frozen=True, slots=True)
class ShiftReport:
    """Images that are further on than their count says."""

    image_id: Count = 0
    cells: Count = 0


@dataclass(frozen=True, slots=True)
class GridReport:
    """A plane of a grid scan, or a line."""

    steps: tuple[Count, Count] = (0, 0)
    """Cells along (x, y)."""
    step_um: Pair = (0.0, 0.0)
    fast: Literal["x", "y"] = "x"
    snaked: bool = False
    angle: float | None = None
    received: Count = 0
    """Cells of which an image came."""
    lost: Count = 0
    """Cells whose image was lost, or whose trigger made none."""
    not_reached: Count = 0
    unknown: Count = 0
    """Cells that may be those of images whose cell is unknown."""
    repeated: Count = 0
    """Images of a cell that has one already."""
    unplaced: Count = 0
    """Images whose cell is unknown, or beyond the grid."""
    placed_by: Literal["captured", "times", "count", "nothing"] = "count"
    """What the cells of images rest on."""
    shifts: tuple[ShiftReport, ...] = ()
    """At most 20."""
    crystals: tuple[CrystalReport, ...] = ()
    """At most 10, the one with most spots first; empty: none was found."""
    map_step: Count = 1
    """Cells along x and y that an entry of the map stands for: the best of them."""
    map: tuple[tuple[int, ...], ...] = ()
    """Spots, row by row from the top; -1: nothing is known of the cell."""


@dataclass(frozen=True, slots=True)
class MxReport:
    """A rotation, a characterisation or a grid scan."""

    planned: Count | None = None
    """Images of the plan."""
    images: Count = 0
    """Those that were made: of an aborted run, up to the last that came."""
    axis: AxisReport | None = None
    """Null for a grid."""
    grid: GridReport | None = None
    """Null for others."""
    planes: tuple[GridReport, ...] = ()
    """The further planes of a grid scan all of whose planes are one run."""
    part: Count | None = None
    """Which collection of its announcement it is, from 1; null if that is one alone."""
    parts: Count | None = None
    series_first_image: Count = 0
    """``image_id`` in the series of its image 0."""
    resolution_edge: float | None = None
    """Å, of the last ring that lies on the detector as a whole."""
    resolution_corner: float | None = None
    """Å, of the detector's last pixel."""
    wavelength: float | None = None
    """Å."""
    energy: float | None = None
    """eV."""
    transmission: float | None = None
    """Per cent."""
    flux: float | None = None
    """Photons/s at the start."""
    flux_end: float | None = None
    exposure_time: float | None = None
    """s, of an image."""
    distance: float | None = None
    """m."""
    notes: tuple[str, ...] = ()
    """What of angles, wedges and cells people should know."""


@dataclass(frozen=True, slots=True)
class TechniqueReport:
    """The parts of one run; those of other techniques are null."""

    mx: MxReport | None = None
    energy_scan: EnergyScanReport | None = None
    spectrum: SpectrumReport | None = None
    other: Mapping[str, Json] = field(default_factory=dict)
    """Of a technique that another package brings."""
