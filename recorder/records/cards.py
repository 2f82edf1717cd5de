"""Runs in short, as a page lists them: what a report says at a glance.

Names are keys of the JSON (docs/reference/api.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from recorder.records.announcement import UNNAMED
from recorder.records.image_report import ClassCounts, ImageCounts
from recorder.records.run_report import Cumulative, LedgerReport, Moment
from recorder.records.runs import SERIAL, RunState, RunStatus
from recorder.records.timeline_report import Count


@dataclass(frozen=True, slots=True)
class RunCard:
    """One run."""

    run: Count
    uid: str
    opened: Count = 0
    """Record of the journal that opened it: given as ``before``, older runs follow."""
    experiment: str = UNNAMED
    proposal: str = ""
    protein: str | None = None
    """Acronym."""
    sample: str | None = None
    support: str | None = None
    """Experiment type, such as ``SSX-Chip``, and what holds the sample."""
    state: RunState = RunState.ANNOUNCED
    status: RunStatus = RunStatus.RUNNING
    reason: str = ""
    announced: bool = False
    start_time: Moment = ""
    end_time: Moment | None = None
    images: ImageCounts = field(default_factory=ImageCounts)
    """Without ``lost_ranges``: the report has them."""
    classes: ClassCounts = field(default_factory=ClassCounts)
    tried: Count = 0
    """Hits that were tried to be indexed; 0 in reports of earlier recorders."""
    revision: Count = 0
    """0, and one more each time it was sealed again."""
    ledger: LedgerReport = field(default_factory=LedgerReport)
    chains: Count = 0
    """Event chains, declared or measured."""
    data_collection_id: Count | None = None
    data_collection_group_id: Count | None = None
    sinks: Mapping[str, str] = field(default_factory=dict)
    """``written``, ``pending`` or ``parked: why``, by sink."""
    problem: str | None = None
    """Why its report cannot be read: then nothing else is known."""
    technique: str = SERIAL
    """What was done."""
    part_of: str | None = None
    """Uid of the announcement, of one of several collections of it."""

    @property
    def serial(self) -> bool:
        """Whether each of its images is of another crystal."""
        return self.technique == SERIAL


@dataclass(frozen=True, slots=True)
class ExperimentCard:
    """One experiment: its runs, latest first, and their sum."""

    experiment: str
    data_collection_group_id: Count | None = None
    opened: Count = 0
    """Of its first run."""
    proposal: str = ""
    protein: str | None = None
    sample: str | None = None
    support: str | None = None
    cumulative: Cumulative = field(default_factory=Cumulative)
    lost: Count = 0
    """Images of all its runs that did not come."""
    runs: tuple[RunCard, ...] = ()
    runs_left_out: Count = 0
    """Older runs that count in the sum and are not listed here."""
