"""The part of an energy scan in the report of a run."""

from __future__ import annotations

import numpy as np

from recorder.records.reading_report import (
    SHOWN_POINTS,
    EnergyScanReport,
    PointCounts,
    ScanFound,
)
from recorder.records.readings import ScanResult
from recorder.runs.points import expected_points
from recorder.runs.run import Run
from recorder.runs.tables.point_table import PointArrays
from recorder.techniques.edge_check import check_scan

NO_PLAN = "no element and no edge: send energy_scan with collection/start"
_RANGES = 100
"""Ranges of lost points that are named, and problems."""


def scan_report(run: Run) -> EnergyScanReport:
    """What is known of a run's energy scan."""
    plan, points = run.announcement.energy_scan, run.points.arrays()
    facts = None if run.end is None else run.end.facts
    check, hint = check_scan(points, plan, facts.result if facts else None)
    every = -(-points.index.size // SHOWN_POINTS) or 1
    last = max(0, points.index.size - 1)
    shown = np.unique(np.append(np.arange(0, last, every), last))[: points.index.size]
    return EnergyScanReport(
        element=plan.element if plan else None,
        edge=plan.edge if plan else None,
        edge_energy=plan.edge_energy if plan else None,
        points=point_counts(run),
        every=every,
        energy=tuple(points.energy[shown].tolist()),
        counts=tuple(points.counts[shown].tolist()),
        result=_found(facts.result) if facts and facts.result else None,
        check=check,
        hint=hint,
        flux_end=facts.flux if facts else None,
        files=facts.files if facts else None,
        problems=(*(() if plan else (NO_PLAN,)), *order_problems(points)),
    )


def _found(result: ScanResult) -> ScanFound:
    return ScanFound(result.peak, result.inflection, result.remote)


def point_counts(run: Run) -> PointCounts:
    """The sums of a run's points."""
    expected = expected_points(run)
    ranges = run.points.missing(expected if run.final else run.points.reach)
    return PointCounts(
        expected=expected if run.final else None,
        received=run.points.size,
        lost=sum(last - first + 1 for first, last in ranges),
        lost_ranges=tuple(ranges[:_RANGES]),
    )


def order_problems(points: PointArrays) -> tuple[str, ...]:
    """Energies that come twice, or turn back; a scan may go up or down."""
    found = []
    values, times = np.unique(points.energy, return_counts=True)
    twice = values[times > 1]
    if twice.size:
        found.append(
            f"{twice.size} energies come more than once, the first is {twice[0]:g} eV"
        )
    steps = np.diff(points.energy)
    steps, after = steps[steps != 0], points.index[1:][steps != 0]
    if steps.size:
        goes = 1 if np.count_nonzero(steps > 0) * 2 >= steps.size else -1
        back = after[steps * goes < 0]
        if back.size:
            way = "up" if goes > 0 else "down"
            found.append(
                f"the energies go {way} but for {back.size} points, the first is "
                f"point {back[0]}"
            )
    return tuple(found)
