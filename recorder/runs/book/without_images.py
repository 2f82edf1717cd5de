"""When a run without images is over, and how it ended."""

from __future__ import annotations

from recorder.records import RunStatus
from recorder.runs.points import expected_points
from recorder.runs.run import Run

NOTHING = "nothing measured came"
UNENDED = "nobody announced its end"


def readings_overdue(run: Run, now: float, limit_s: float) -> tuple[None, str] | None:
    """Whether an open run without images is over: ended, or nothing came for long."""
    if run.end is not None:
        return None, ""
    if now - run.last_progress < limit_s:
        return None
    run.silent_s = limit_s
    return None, ""


def decide_readings(run: Run) -> None:
    """How a run without images ended: as was said, else by what came."""
    if run.end is not None:
        run.status, run.reason = run.end.status, run.end.reason
    elif not run.readings:
        run.status = RunStatus.ABORTED
        run.reason = f"announced, but nothing was measured for {run.silent_s:g} s"
    elif run.points.size < expected_points(run):
        run.status = RunStatus.ABORTED
        run.reason = (
            f"no further point for {run.silent_s:g} s and no collection/end: "
            f"{run.points.size} of {expected_points(run)} came"
        )
    else:
        run.status = RunStatus.SUCCESS
        run.note(f"{UNENDED}; all that was planned came")
    if run.status is RunStatus.SUCCESS and not run.readings:
        run.note(f"{NOTHING}, whatever the run's end says")
