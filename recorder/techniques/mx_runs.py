"""The ``runs`` facet of what is measured with a goniometer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from recorder.records import Announcement
from recorder.records.technique_report import (
    AxisReport,
    GradeCounts,
    TechniqueReport,
)
from recorder.runs.run import Run
from recorder.runs.technique import Sum
from recorder.runs.timeline.mx_images import mx_images
from recorder.ssx.labels.timeline import Timeline
from recorder.techniques.axis_report import axis_report
from recorder.techniques.grid_report import grid_reports
from recorder.techniques.mx_checks import grid_problems, sweep_problems
from recorder.techniques.mx_report import mx_head
from recorder.techniques.plain import PlainRuns


@dataclass(frozen=True)
class SweepRuns(PlainRuns):
    """Runs that turn: see :class:`~recorder.runs.technique.Technique`."""

    one_trigger_each: bool = False
    flux_at_end: bool = True

    def check(self, announcement: Announcement) -> tuple[str, ...]:
        """Whether its sweeps agree with each other and with the number of images."""
        return sweep_problems(announcement)

    def sums(self, run: Run, part: TechniqueReport) -> tuple[Sum, ...]:
        """Each image has a known angle or none, and is of a sweep or of none."""
        axis = part.mx.axis if part.mx else None
        if axis is None:
            return ()
        count, grades = run.images.received, axis.by_grade
        known = grades.captured + grades.file + grades.announced + grades.header
        found = [Sum("images = angle known + unknown", count, known + grades.none)]
        if axis.wedges_planned == len(axis.sweeps) > 0:
            there = sum(sweep.received for sweep in axis.sweeps) + axis.of_no_sweep
            found.append(Sum("images = of sweeps + of none", count, there))
        return tuple(found)

    def report(self, run: Run, timeline: Timeline) -> TechniqueReport:
        """Axis, sweeps and angles."""
        images = mx_images(run, timeline)
        head = mx_head(run, images)
        if images is None:
            none = GradeCounts(none=run.images.received)
            return TechniqueReport(mx=replace(head, axis=AxisReport(by_grade=none)))
        return TechniqueReport(
            mx=replace(head, axis=axis_report(run, images, head.images))
        )


@dataclass(frozen=True)
class GridRuns(PlainRuns):
    """Runs over cells: see :class:`~recorder.runs.technique.Technique`."""

    one_trigger_each: bool = False
    flux_at_end: bool = True

    def check(self, announcement: Announcement) -> tuple[str, ...]:
        """Whether its cells agree with the number of images and the type."""
        return grid_problems(announcement)

    def sums(self, run: Run, part: TechniqueReport) -> tuple[Sum, ...]:
        """Each cell has an image, or is lost or was not reached, or nobody knows."""
        if part.mx is None or part.mx.grid is None:
            return ()
        cells = there = images = 0
        for grid in (part.mx.grid, *part.mx.planes):
            cells += grid.steps[0] * grid.steps[1]
            there += grid.received + grid.lost + grid.not_reached + grid.unknown
            images += grid.received + grid.repeated + grid.unplaced
        return (
            Sum("cells = received + lost + not reached + unknown", cells, there),
            Sum("images = on cells + repeated + unplaced", run.images.received, images),
        )

    def report(self, run: Run, timeline: Timeline) -> TechniqueReport:
        """Cells, map and crystals of each plane."""
        images = mx_images(run, timeline)
        head, plan = mx_head(run, images), run.announcement.grid
        if images is None or images.cells is None or plan is None:
            notes = (*head.notes, "no grid was announced: no image has a cell")
            return TechniqueReport(mx=replace(head, notes=notes))
        grid, *more = grid_reports(run, plan, images.cells, head.images)
        return TechniqueReport(mx=replace(head, grid=grid, planes=tuple(more)))
