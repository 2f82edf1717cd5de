"""What of an announcement cannot be used: noted with its run, counted, logged."""

from __future__ import annotations

from collections.abc import Sequence

from recorder.runs.run import Run
from recorder.runs.technique import technique_problems
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
    _note("announcement_problems", announced.problems, run, lines)
    _note("chain_problems", announced.chain_problems, run, lines)
    _note("technique_problems", technique_problems(announced), run, lines)


def _note(event: str, problems: Sequence[str], run: Run, lines: Throttle) -> None:
    for problem in problems:
        run.note(problem)
    if problems:
        run.counts[event] += len(problems)
        if lines.passes(event):
            log.warning(event, run=run.number, uid=run.uid, problems=list(problems))
