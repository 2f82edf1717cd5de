"""Our own look at an energy scan, beside what its sender found."""

from __future__ import annotations

import numpy as np

from recorder.mx.edge import Edge, find_edge
from recorder.mx.elements import edge_of, symbol_of
from recorder.mx.smoothing import Floats
from recorder.mx.xray_table import edge_hint
from recorder.records.mx_plan import EnergyScanPlan
from recorder.records.reading_report import EdgeCheck
from recorder.records.readings import Found, ScanResult
from recorder.runs.tables.point_table import PointArrays
from recorder.techniques.xray_data import ABSENT, xray_table

APART_EV = 2.0
"""A result within so much (eV) of ours does not contradict it: smoothing over a fixed
number of points alone errs 1.2 eV at
steps of 2 eV."""
APART_ERRORS = 4.0
"""The same in errors of ours. Chosen, not tuned."""
FAR_EV = 20.0
"""An inflection further (eV) from where the plan has the edge is named. Chosen, not
tuned: chemistry shifts it by some eV, a monochromator may be off by some more."""


def signal_of(points: PointArrays) -> tuple[Floats, Floats]:
    """Counts by monitor and live time, as far as every point has them, and errors."""
    scale = np.ones(points.index.size)
    for beside in (points.monitor, points.live_time):
        if beside.size and bool((np.isfinite(beside) & (beside > 0)).all()):
            scale = scale * float(beside.mean()) / beside
    return points.counts * scale, np.sqrt(np.maximum(points.counts, 1.0)) * scale


def check_scan(
    points: PointArrays, plan: EnergyScanPlan | None, result: ScanResult | None
) -> tuple[EdgeCheck, str]:
    """Peak and inflection of our own, and the hint which edge it is.

    Args:
        points: What came.
        plan: As announced.
        result: As its sender found.
    """
    edge = find_edge(points.energy, *signal_of(points))
    says = [edge.why] if edge.why else []
    says += _contradictions(edge, plan, result)
    check = EdgeCheck(
        inflection=edge.inflection,
        inflection_error=edge.inflection_error,
        peak=edge.peak,
        peak_error=edge.peak_error,
        white_line=edge.white_line,
        says=tuple(says),
    )
    return check, _hint(edge, plan)


def _contradictions(
    edge: Edge, plan: EnergyScanPlan | None, result: ScanResult | None
) -> list[str]:
    found = []
    planned = plan.edge_energy if plan else None
    if edge.inflection is not None and planned is not None:
        away = edge.inflection - planned
        if abs(away) > FAR_EV:
            found.append(
                f"the inflection is {away:+.1f} eV from the announced edge, "
                f"{planned:g} eV"
            )
    if result is None or edge.inflection is None:
        return found
    found += _apart(
        "inflection", result.inflection, edge.inflection, edge.inflection_error
    )
    if edge.peak is not None:
        found += _apart("peak", result.peak, edge.peak, edge.peak_error)
    elif result.peak is not None and result.peak.energy is not None:
        found.append(
            "there is no white line that stands out of what follows it: where the "
            f"result has its peak ({result.peak.energy:g} eV) these counts do not tell"
        )
    return found


def _apart(
    name: str, theirs: Found | None, ours: float, error: float | None
) -> list[str]:
    if theirs is None or theirs.energy is None:
        return []
    away = theirs.energy - ours
    if abs(away) <= max(APART_EV, APART_ERRORS * (error or 0.0)):
        return []
    return [
        f"the {name} of the result, {theirs.energy:g} eV, is {away:+.1f} eV from that "
        f"of the counts, {ours:g} ± {error or 0:.2g} eV"
    ]


def _hint(edge: Edge, plan: EnergyScanPlan | None) -> str:
    """Only of an inflection that was found; without the table it says so."""
    energy = edge.inflection
    if energy is None:
        return ""
    table = xray_table()
    if table is None:
        return ABSENT
    element = symbol_of(plan.element) if plan else None
    shell = edge_of(plan.edge) if plan else None
    hint = edge_hint(table, energy, element, shell)
    if element and shell and table.edge(element, shell) is None:
        hint = f"{hint}; {element} has no {shell} edge in the table"
    return hint
