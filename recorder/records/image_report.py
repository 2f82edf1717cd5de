"""What became of a run's images, as its report tells it: counts, rates, cells.

Names are keys of the JSON (docs/reference/report.md), and the schema is made from these
types. Each has a default, for reports that earlier recorders wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import WithJsonSchema

from recorder.records.classification import Unprocessed
from recorder.records.timeline_report import Count

Share = Annotated[float, WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1})]
CellParameter = Literal["a", "b", "c", "alpha", "beta", "gamma"]
CellParameters = tuple[float, float, float, float, float, float]
Reasons = Annotated[
    Mapping[str, Count],
    WithJsonSchema(
        {
            "type": "object",
            "properties": {
                str(reason): {"type": "integer", "minimum": 0} for reason in Unprocessed
            },
            "additionalProperties": False,
        }
    ),
]
"""Images by why they are unprocessed; only reasons that occurred."""


@dataclass(frozen=True, slots=True)
class ImageCounts:
    """The ledger's images."""

    declared: Count | None = None
    expected: Count | None = None
    received: Count = 0
    lost: Count = 0
    missed_triggers: int = 0
    """Negative: more images came than triggers were seen."""
    classified: Count = 0
    unprocessed: Reasons = field(default_factory=dict)
    pending: Count = 0
    triggers: Count | None = None
    lost_ranges: tuple[tuple[Count, Count], ...] = ()


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """Classified images by class."""

    indexed: Count = 0
    non_indexed_hits: Count = 0
    non_hits: Count = 0
    lattices: Count = 0

    @property
    def hits(self) -> int:
        """Indexed or not."""
        return self.indexed + self.non_indexed_hits


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares; null where nothing is classified."""

    hit: Share | None = None
    hit_ci95: tuple[Share, Share] | None = None
    indexed_of_hits: Share | None = None
    indexed_of_images: Share | None = None


@dataclass(frozen=True, slots=True)
class PumpCounts:
    """Received images by pump state."""

    light: Count = 0
    dark: Count = 0
    unknown: Count = 0


@dataclass(frozen=True, slots=True)
class StateClasses:
    """Images of one pump state."""

    classified: Count = 0
    hits: Count = 0
    tried: Count = 0
    """Hits that were tried to be indexed."""
    indexed: Count = 0


@dataclass(frozen=True, slots=True)
class PumpClasses:
    """Classes of the images by pump state."""

    light: StateClasses = field(default_factory=StateClasses)
    dark: StateClasses = field(default_factory=StateClasses)
    unknown: StateClasses = field(default_factory=StateClasses)


@dataclass(frozen=True, slots=True)
class EvidenceCounts:
    """Received images by the evidence of their label."""

    measured: Count = 0
    captured: Count = 0
    clock: Count = 0
    image_id: Count = 0
    commanded: Count = 0
    none: Count = 0


@dataclass(frozen=True, slots=True)
class DelayCounts:
    """The light images of one chain, slot and delay (s)."""

    chain: str | None = None
    slot: Count | None = None
    delay: float | None = None
    images: Count = 0
    hits: Count = 0
    indexed: Count = 0


@dataclass(frozen=True, slots=True)
class TargetReport:
    """How many indexed images are wanted of a delay (s)."""

    delay: float = 0.0
    indexed: Count = 0


@dataclass(frozen=True, slots=True)
class LineReport:
    """Images by class over the run; point i is of ids [i * step, (i + 1) * step)."""

    step: Count = 1
    classified: tuple[Count, ...] = ()
    hits: tuple[Count, ...] = ()
    indexed: tuple[Count, ...] = ()


@dataclass(frozen=True, slots=True)
class CellHistogram:
    """Lattices by one cell parameter (Å, degrees)."""

    parameter: CellParameter = "a"
    first: float = 0.0
    last: float = 0.0
    counts: tuple[Count, ...] = ()


@dataclass(frozen=True, slots=True)
class UnitCells:
    """Unit cells of the accepted lattices."""

    median: CellParameters | None = None
    images: Count = 0
    histograms: tuple[CellHistogram, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolutions:
    """Estimated resolution limits (Å)."""

    median: float | None = None
    edges: tuple[float, ...] = ()
    counts: tuple[Count, ...] = ()


@dataclass(frozen=True, slots=True)
class ClassifiedBy:
    """Classified images by who did it."""

    recorder: Count = 0
    upstream: Count = 0


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Classified images for which something was left out under overload."""

    no_retry: Count = 0
    one_lattice: Count = 0
    no_indexing: Count = 0


@dataclass(frozen=True, slots=True)
class MultiLattice:
    """Images with several lattices."""

    images: Count = 0
    of_indexed: Share | None = None
    expected: Share | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """Geometry and cell in use from some image on."""

    from_image: Count = 0
    beam_center: tuple[float, float] | None = None
    distance: float | None = None
    unit_cell: CellParameters | None = None
    cell_found: bool = False
    images: Count = 0
    lattice: str | None = None
    misfit: float | None = None


@dataclass(frozen=True, slots=True)
class DriftPoint:
    """Where the beam was at some image of the run."""

    image_id: Count = 0
    beam_center: tuple[float, float] = (0.0, 0.0)
    distance: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class ClassificationReport:
    """How the classes came about, and how well the lattices fit."""

    by: ClassifiedBy = field(default_factory=ClassifiedBy)
    left_out: LeftOut = field(default_factory=LeftOut)
    multi_lattice: MultiLattice = field(default_factory=MultiLattice)
    residual: float | None = None
    solvent: float | None = None
    gain: float | None = None
    """Counts per photon."""
    pedestal: float = 0.0
    """Counts of a pixel without a photon."""
    tried: Count = 0
    """Hits that were tried to be indexed."""
    rings: Count = 0
    """Images with rings of ice, salt or another substance."""
    calibrations: tuple[Calibration, ...] = ()
    drift: tuple[DriftPoint, ...] = ()
