"""Energy scans over an absorption edge: points, no images."""

from __future__ import annotations

from dataclasses import dataclass

from recorder.records import Announcement
from recorder.records.technique_report import TechniqueReport
from recorder.runs.points import expected_points
from recorder.runs.run import Run
from recorder.runs.technique import Sum
from recorder.ssx.labels.timeline import Timeline
from recorder.techniques.plain import OurTechnique, PlainRuns
from recorder.techniques.scan_check import plan_problems
from recorder.techniques.scan_report import point_counts, scan_report


@dataclass(frozen=True)
class EnergyScanRuns(PlainRuns):
    """See :class:`~recorder.runs.technique.Technique`."""

    def check(self, announcement: Announcement) -> tuple[str, ...]:
        """Whether there are such an element and such an edge."""
        return plan_problems(announcement.energy_scan)

    def sums(self, run: Run, part: TechniqueReport) -> tuple[Sum, ...]:
        """Each point came or is lost."""
        counts = point_counts(run)
        there = counts.received + counts.lost
        return (Sum("points = received + lost", expected_points(run), there),)

    def report(self, run: Run, timeline: Timeline) -> TechniqueReport:
        """Its points, and what is made of them."""
        return TechniqueReport(energy_scan=scan_report(run))


PLUGIN = OurTechnique(
    "energy-scan",
    EnergyScanRuns(types=("Energy scan",), takes_images=False),
    rows_at="recorder.sinks.ispyb.techniques.energy_scan:ROWS",
    files_at="recorder.sinks.results.reading_files:FILES",
)
