"""The report of runs and experiments, typed.

Names are keys of the JSON (docs/reference/report.md), their order is its order, and
``config/report.schema.json`` is made from these types. All but a run's number and uid
have a default, for reports that earlier recorders wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from recorder.records.alarms import RunAlarm
from recorder.records.announcement import UNNAMED
from recorder.records.image_report import (
    ClassCounts,
    ClassificationReport,
    DelayCounts,
    EvidenceCounts,
    ImageCounts,
    LineReport,
    PumpClasses,
    PumpCounts,
    Rates,
    Resolutions,
    TargetReport,
    UnitCells,
)
from recorder.records.reading_report import EnergyScanReport, SpectrumReport
from recorder.records.run_about import RunAbout
from recorder.records.runs import SERIAL, RunState, RunStatus
from recorder.records.scan_report import ScanReport
from recorder.records.technique_report import MxReport
from recorder.records.timeline_report import ChainReport, Count, TimelineReport
from recorder.records.units import Json

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""RFC 3339 with zone."""


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
    provisional: bool = False
    """The run goes on: its first images are looked at again when it ends."""
    revision: Count = 0
    announced: bool = False
    space_group: str | None = None
    start_time: Moment = ""
    end_time: Moment | None = None
    images: ImageCounts = field(default_factory=ImageCounts)
    classes: ClassCounts = field(default_factory=ClassCounts)
    rates: Rates = field(default_factory=Rates)
    pump: PumpCounts = field(default_factory=PumpCounts)
    pump_classes: PumpClasses | None = None
    """Null in reports that earlier recorders wrote."""
    evidence: EvidenceCounts = field(default_factory=EvidenceCounts)
    delays: tuple[DelayCounts, ...] = ()
    scan: ScanReport | None = None
    """Null without a scan that can be used."""
    targets: tuple[TargetReport, ...] = ()
    """Indexed images that are wanted of its time points, by delay."""
    line: LineReport = field(default_factory=LineReport)
    event_chains: tuple[ChainReport, ...] = ()
    timeline: TimelineReport = field(default_factory=TimelineReport)
    unit_cell: UnitCells = field(default_factory=UnitCells)
    resolution: Resolutions = field(default_factory=Resolutions)
    classification: ClassificationReport = field(default_factory=ClassificationReport)
    ledger: LedgerReport = field(default_factory=LedgerReport)
    counts: Mapping[str, Count] = field(default_factory=dict)
    events: Mapping[str, Count] = field(default_factory=dict)
    contradictions: Count = 0
    alarms: tuple[RunAlarm, ...] = ()
    """In the order in which they were raised."""
    notes: tuple[str, ...] = ()
    sinks: Mapping[str, str] = field(default_factory=dict)
    technique: str = "ssx"
    """What was done; its part of the report has the same name."""
    mx: MxReport | None = None
    """Of a rotation, a characterisation or a grid scan."""
    energy_scan: EnergyScanReport | None = None
    spectrum: SpectrumReport | None = None
    other: Mapping[str, Json] = field(default_factory=dict)
    """Of a technique that another package brings."""
    about: RunAbout | None = None
    """Of a run that is not serial."""
    experiment: str = UNNAMED
    data_collection_group_id: Count | None = None
    started_ns: Count = 0
    ended_ns: Count | None = None
    as_of: Moment | None = None
    """When what it says was known; null until it is read from the journal."""

    @property
    def serial(self) -> bool:
        """Whether each of its images is of another crystal."""
        return self.technique == SERIAL

    @property
    def told_chains(self) -> tuple[ChainReport, ...]:
        """The chains that people are told of.

        Of a run that is not serial only what was declared: that its images have
        triggers is no chain.
        """
        if self.serial:
            return self.event_chains
        return tuple(chain for chain in self.event_chains if chain.commanded)

    @property
    def measured(self) -> bool:
        """Whether any event of its chains was seen."""
        return any(chain.measured for chain in self.event_chains)


@dataclass(frozen=True, slots=True)
class Cumulative:
    """Sums over serial runs; ``skipped`` is ISPyB's word: images minus hits.

    Images of a crystal that turns are no trials of a hit rate: they are counted apart.
    """

    runs: Count = 0
    """All runs, of whatever technique."""
    images: Count = 0
    indexed: Count = 0
    non_indexed_hits: Count = 0
    skipped: int = 0
    other_runs: Count = 0
    """Runs that are not serial."""
    other_images: Count = 0
    """Their received images."""


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
