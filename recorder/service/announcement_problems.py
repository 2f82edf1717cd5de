"""What of an announcement cannot be used: noted with its run, counted, logged."""

from __future__ import annotations

from recorder.runs.run import Run
from recorder.runtime.log import get_logger
from recorder.runtime.throttle import Throttle

log = get_logger("runs")


def note_problems(run: Run, lines: Throttle) -> None:
    """Say what is wrong with an announcement; the rest of it is used.

    Args:
        run: The run.
        lines: Which lines are written.
    """
    announced = run.announcement
    for problem in (*announced.problems, *announced.chain_problems):
        run.note(problem)
    if announced.problems:
        run.counts["announcement_problems"] += len(announced.problems)
        if lines.passes("announcement_problems"):
            log.warning(
                "announcement_problems",
                run=run.number,
                uid=run.uid,
                problems=list(announced.problems),
            )
    if announced.chain_problems:
        run.counts["chain_problems"] += len(announced.chain_problems)
        if lines.passes("chain_problems"):
            log.warning(
                "chain_problems",
                run=run.number,
                uid=run.uid,
                problems=list(announced.chain_problems),
            )
