"""Another series begins on a source: what becomes of the ones before.

They are over, it seems. Images that still come for them are theirs, and their ends as
well: then the run goes on, or is complete.
"""

from __future__ import annotations

from recorder.records import RunState, SeriesStart
from recorder.runs.book.actions import Action, notice
from recorder.runs.book.binding import series_matches
from recorder.runs.book.endings import BookSettings, end_run
from recorder.runs.book.known_runs import KnownRuns
from recorder.runs.book.part_headers import whole_start
from recorder.runs.book.waiting_series import Waiting, WaitingSeries
from recorder.runs.run import Run


def supersede(
    by: Waiting,
    start: SeriesStart | None,
    runs: KnownRuns,
    waiting: WaitingSeries,
    now: float,
    settings: BookSettings,
) -> list[Action]:
    """End what is open on a source, for now.

    Args:
        by: The series that begins.
        start: Its header, if that came.
        runs: The ones in memory.
        waiting: The series without a run.
        now: Monotonic time (s).
        settings: How long to wait for what is late.
    """
    actions: list[Action] = []
    for run in runs.open_of(by.key.source):
        begun = any(part.images.received for part in runs.parts_of(run))
        if begun or not run.announced:
            run.superseded = True
            actions += end_run(run, now, settings, None, "")
        elif start is not None and not _holds(run, start):
            actions += _replaced(run, waiting)
    return actions + waiting.supersede(by.key.source, by)


def _replaced(run: Run, waiting: WaitingSeries) -> list[Action]:
    """The detector was armed again before the first image of an announced run."""
    said = notice("series_replaced", "warning", run.key, run=run)
    waits = run.part is not None and any(one.key == run.key for one in waiting)
    if run.key is not None and not waits:
        waiting.add(Waiting(run.key, whole_start(run)))
    run.key, run.start, run.state = None, None, RunState.ANNOUNCED
    return [said]


def _holds(run: Run, start: SeriesStart) -> bool:
    """Whether a run and its series name each other, and another series does not."""
    told = run.announcement
    named = run.key is not None and series_matches(told, run.key, run.start, None)
    return named and not series_matches(told, start.key, start, None)
