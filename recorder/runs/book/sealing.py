"""A run is sealed as a copy of it was; what comes meanwhile counts, too.

Before its first report its first images are looked at again.
"""

from __future__ import annotations

from recorder.records import RunState
from recorder.runs.book.actions import Action, Due, LookAgain
from recorder.runs.run import Run, SecondLookState

TRIES = 3
"""Reports that are made anew because something came while they were made; then the last
one stands, and what came makes a further revision. Chosen, not tuned."""


def look_draining(run: Run, now: float) -> list[Action]:
    """Whether all that may still come has come, and a report is due."""
    if now < run.drain_until or run.images.pending or run.being_sealed:
        return []
    if run.second_look is SecondLookState.NOT_YET:
        run.second_look = SecondLookState.GOES_ON
        return [LookAgain(run)]
    if run.second_look is SecondLookState.GOES_ON:
        return []
    run.being_sealed = True
    return [Due(run)]


def has_changed(run: Run, copy: Run) -> bool:
    """Whether something came since the copy was made that changes what it says."""
    return _content(run) != _content(copy)


def _content(run: Run) -> tuple[object, ...]:
    return (
        run.images.received,
        run.images.pending,
        run.events.size,
        run.readings,
        run.end,
        run.announcement.uid,
    )


def seal_as(run: Run, copy: Run) -> bool:
    """Seal a run as its copy says; False if its report is rather to be made anew."""
    run.being_sealed = False
    run.seal_tries += 1
    if run.state is not RunState.DRAINING:  # it goes on after all
        return False
    if has_changed(run, copy) and run.seal_tries < TRIES:
        return False
    run.seal_tries = 0
    run.state = RunState.SEALED
    run.status, run.reason, run.decided = copy.status, copy.reason, copy.decided
    for note in copy.notes:
        run.note(note)
    return True
