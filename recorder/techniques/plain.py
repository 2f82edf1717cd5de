"""What most techniques have in common."""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from recorder.records import Announcement
from recorder.records.technique_report import TechniqueReport
from recorder.runs.run import Run
from recorder.runs.technique import Sum, Technique
from recorder.ssx.labels.timeline import Timeline
from recorder.techniques.parting import PlanName, parts_by

if TYPE_CHECKING:
    from recorder.sinks.ispyb.techniques.rows import TechniqueRows
    from recorder.sinks.results.technique_files import TechniqueFiles


@dataclass(frozen=True, slots=True)
class OurTechnique:
    """See :class:`~recorder.techniques.protocols.TechniquePlugin`.

    What writes rows and files is imported where it is asked for: a program that only
    reads reports loads no database.
    """

    name: str
    runs: Technique
    rows_at: str
    """What it writes into ISPyB, as ``module:name``."""
    files_at: str = ""
    """What it adds to a run's files; empty: nothing."""

    @property
    def rows(self) -> TechniqueRows:
        """What it writes into ISPyB."""
        return cast("TechniqueRows", pkgutil.resolve_name(self.rows_at))

    @property
    def files(self) -> TechniqueFiles | None:
        """What it adds to a run's files; None: nothing."""
        if not self.files_at:
            return None
        return cast("TechniqueFiles", pkgutil.resolve_name(self.files_at))


@dataclass(frozen=True)
class PlainRuns:
    """A :class:`~recorder.runs.technique.Technique` with nothing of its own to say."""

    types: tuple[str, ...]
    takes_images: bool = True
    one_trigger_each: bool = True
    flux_at_end: bool = False
    parted_by: PlanName | None = None
    """Each piece of this plan is a collection; None: a run is always one."""
    regular_is_one: bool = False
    """Sweeps that are alike and at equal distances are one collection by default."""

    def check(self, announcement: Announcement) -> tuple[str, ...]:
        """Nothing can be wrong."""
        return ()

    def parts(self, announcement: Announcement) -> tuple[Announcement, ...]:
        """One for each piece of its plan, else itself."""
        by = self.parted_by
        if by is None:
            return (announcement,)
        return parts_by(by, announcement, regular_is_one=self.regular_is_one)

    def sums(self, run: Run, part: TechniqueReport) -> tuple[Sum, ...]:
        """None of its own."""
        return ()

    def report(self, run: Run, timeline: Timeline) -> TechniqueReport:
        """No part of its own."""
        return TechniqueReport()
