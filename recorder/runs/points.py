"""How many points of an energy scan there are to be."""

from __future__ import annotations

from recorder.runs.run import Run


def planned_points(run: Run) -> int | None:
    """Points that there are to be: as the end says, else as announced, else None."""
    if run.end is not None and run.end.facts.points is not None:
        return run.end.facts.points
    plan = run.announcement.energy_scan
    return None if plan is None else plan.points


def expected_points(run: Run) -> int:
    """Points that exist, as far as is known: never fewer than were seen."""
    return max(planned_points(run) or 0, run.points.reach)
