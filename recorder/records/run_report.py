"""The report of runs and experiments, typed.

Names are keys of the JSON (docs/reference/report.md), their order is its order, and
``config/report.schema.json`` is made from these types. All but a run's number and uid
have a default, for reports that earlier recorders wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from recorder.records.classification import Unprocessed
from recorder.records.runs import RunState, RunStatus
from recorder.records.timeline_report import ChainReport, Count, TimelineReport

Share = Annotated[float, Field(ge=0, le=1)]
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""RFC 3339 with zone."""
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
    missed_triggers: Count = 0
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


@dataclass(frozen=True, slots=True)
class ClassificationReport:
    """How the classes came about, and how well the lattices fit."""

    by: ClassifiedBy = field(default_factory=ClassifiedBy)
    left_out: LeftOut = field(default_factory=LeftOut)
    multi_lattice: MultiLattice = field(default_factory=MultiLattice)
    residual: float | None = None
    solvent: float | None = None
    calibrations: tuple[Calibration, ...] = ()


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """Whether the sums hold."""

    closed: bool = False
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunReport:
    """The report of one run."""

    run: Count
    uid: str
    data_collection_id: Count | None = None
    state: RunState = RunState.ANNOUNCED
    status: RunStatus = RunStatus.RUNNING
    reason: str = ""
    revision: Count = 0
    announced: bool = False
    space_group: str | None = None
    start_time: Moment = ""
    end_time: Moment | None = None
    images: ImageCounts = field(default_factory=ImageCounts)
    classes: ClassCounts = field(default_factory=ClassCounts)
    rates: Rates = field(default_factory=Rates)
    pump: PumpCounts = field(default_factory=PumpCounts)
    evidence: EvidenceCounts = field(default_factory=EvidenceCounts)
    delays: tuple[DelayCounts, ...] = ()
    event_chains: tuple[ChainReport, ...] = ()
    timeline: TimelineReport = field(default_factory=TimelineReport)
    unit_cell: UnitCells = field(default_factory=UnitCells)
    resolution: Resolutions = field(default_factory=Resolutions)
    classification: ClassificationReport = field(default_factory=ClassificationReport)
    ledger: LedgerReport = field(default_factory=LedgerReport)
    counts: Mapping[str, Count] = field(default_factory=dict)
    events: Mapping[str, Count] = field(default_factory=dict)
    contradictions: Count = 0
    notes: tuple[str, ...] = ()
    sinks: Mapping[str, str] = field(default_factory=dict)
    experiment: str = "unnamed"
    data_collection_group_id: Count | None = None
    started_ns: Count = 0
    ended_ns: Count | None = None
    as_of: Moment | None = None
    """When what it says was known; null until it is read from the journal."""

    @property
    def measured(self) -> bool:
        """Whether any event of its chains was seen."""
        return any(chain.measured for chain in self.event_chains)


@dataclass(frozen=True, slots=True)
class Cumulative:
    """Sums over runs; ``skipped`` is ISPyB's word: images minus hits."""

    runs: Count = 0
    images: Count = 0
    indexed: Count = 0
    non_indexed_hits: Count = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class ExperimentReport:
    """The runs of one experiment, oldest first."""

    experiment: str
    data_collection_group_id: Count | None = None
    runs: tuple[RunReport, ...] = ()
    cumulative: Cumulative = field(default_factory=Cumulative)


@dataclass(frozen=True, slots=True)
class FullReport:
    """All experiments, or those asked for."""

    experiments: tuple[ExperimentReport, ...] = ()

    @property
    def runs(self) -> tuple[RunReport, ...]:
        """The runs of all experiments."""
        return tuple(run for entry in self.experiments for run in entry.runs)
