"""Another series begins on a source: what becomes of the ones before.

They are over, it seems. Images that still come for them are theirs, and their ends as
well: then the run goes on, or is complete.
"""

from __future__ import annotations

from collections.abc import Iterable

from recorder.records import RunState, SeriesStart
from recorder.runs.book.actions import Action, notice
from recorder.runs.book.binding import series_matches
from recorder.runs.book.endings import BookSettings, end_run
from recorder.runs.book.waiting_series import Waiting, WaitingSeries
from recorder.runs.run import Run


def supersede(
    by: Waiting,
    start: SeriesStart | None,
    runs: Iterable[Run],
    waiting: WaitingSeries,
    now: float,
    settings: BookSettings,
) -> list[Action]:
    """End what is open on a source, for now.

    Args:
        by: The series that begins.
        start: Its header, if that came.
        runs: Open on its source.
        waiting: The series without a run.
        now: Monotonic time (s).
        settings: How long to wait for what is late.
    """
    actions: list[Action] = []
    for run in runs:
        if run.images.received or not run.announced:
            run.superseded = True
            actions += end_run(run, now, settings, None, "")
        elif start is not None and not _holds(run, start):
            actions += _replaced(run, waiting)
    return actions + waiting.supersede(by.key.source, by)


def _replaced(run: Run, waiting: WaitingSeries) -> list[Action]:
    """The detector was armed again before the first image of an announced run."""
    said = notice("series_replaced", "warning", run.key, run=run)
    if run.key is not None:
        waiting.add(Waiting(run.key, run.start))
    run.key, run.start, run.state = None, None, RunState.ANNOUNCED
    return [said]


def _holds(run: Run, start: SeriesStart) -> bool:
    """Whether a run and its series name each other, and another series does not."""
    told = run.announcement
    named = run.key is not None and series_matches(told, run.key, run.start, None)
    return named and not series_matches(told, start.key, start, None)
