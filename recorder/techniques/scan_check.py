"""What of an announced energy scan cannot be as it is said."""

from __future__ import annotations

from recorder.errors import shown
from recorder.mx.elements import EDGES, edge_of, symbol_of
from recorder.records.mx_plan import EnergyScanPlan


def plan_problems(plan: EnergyScanPlan | None) -> tuple[str, ...]:
    """What contradicts itself in the plan of an energy scan, for people."""
    if plan is None:
        return ()
    found = []
    if symbol_of(plan.element) is None:
        found.append(
            f"energy_scan.element: {shown(plan.element)} is no symbol of an element"
        )
    if edge_of(plan.edge) is None:
        found.append(
            f"energy_scan.edge: {shown(plan.edge)} is no edge; there are "
            f"{', '.join(EDGES)}"
        )
    if plan.range is None:
        return tuple(found)
    low, high = sorted(plan.range)
    if low == high:
        found.append(f"energy_scan.range: it begins and ends at {low:g} eV")
    if plan.edge_energy is not None and not low <= plan.edge_energy <= high:
        found.append(
            f"energy_scan.range: {low:g} to {high:g} eV do not have the edge, which "
            f"edge_energy puts at {plan.edge_energy:g} eV"
        )
    if plan.step is not None and plan.step > high - low > 0:
        found.append(
            f"energy_scan.step: {plan.step:g} eV are more than the range of "
            f"{high - low:g} eV"
        )
    return tuple(found)
