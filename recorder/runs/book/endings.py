"""When a run is over, and how it ended."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from recorder.records import (
    Announcement,
    CollectionEnd,
    Experiment,
    RunState,
    RunStatus,
)
from recorder.runs.book.actions import Action, Changed, notice
from recorder.runs.book.further_ends import note_end
from recorder.runs.book.without_images import (
    NOTHING,
    UNENDED,
    decide_readings,
    readings_overdue,
)
from recorder.runs.ledger import expected_images
from recorder.runs.run import Run
from recorder.runs.timeline.of_run import timeline_of

NOT_ANNOUNCED = Announcement(proposal="mx2345", experiment=Experiment("unannounced"))


@dataclass(frozen=True, slots=True)
class BookSettings:
    """When runs begin and end; see the configuration section ``runs``."""

    hold_s: float = 1.0
    match_window_s: float | None = None
    detectors: tuple[str, ...] = ()
    """Names of all detectors; empty: nobody knows them, and what is named is not looked
    at."""
    live: bool = True
    """Off: a file is replayed, and its times are not those of today."""
    series_timeout_s: float = 30.0
    announcement_timeout_s: float = 600.0
    max_announced: int = 200
    drain_s: float = 2.0
    quiet_s: float = 10.0
    revise_max_s: float = 300.0
    max_image_id: int = 100_000_000
    max_held_bytes: int = 2 << 30
    """Pixels that the images of one series may keep while it waits for its
    announcement; those of later images are dropped."""
    unannounced: Announcement = NOT_ANNOUNCED
    """What stands for the announcement of a run that nobody announced."""
    clock_step_ns: Callable[[], int] = lambda: 0
    """By how much the host's clock was set since the recorder first read it (ns)."""
    new_uid: Callable[[], str] = field(default=lambda: str(uuid.uuid4()))
    """Gives the uid of a run that nobody announced."""


END_TOLD_S = 5.0
"""Once its end was announced, a run without further images waits so long for the series
end: it may have been on its way when the recorder was killed."""
END_LOST = "the series end was lost; the series was complete without it"
SUPERSEDED = "a new series began before this one ended"
NO_IMAGE = "no image came"
Ending = tuple[RunStatus | None, str]


@dataclass(frozen=True, slots=True)
class Progress:
    """When a series moved last; all parts of it together."""

    images: bool
    """Some came."""
    moment: float
    """Monotonic time of the last one, or of the header (s)."""


def progress_of(parts: Iterable[Run]) -> Progress:
    """How far a series is.

    Args:
        parts: Its runs.
    """
    every = list(parts)
    return Progress(
        any(run.images.received for run in every),
        max(run.last_progress for run in every),
    )


def overdue(
    run: Run, progress: Progress, now: float, settings: BookSettings
) -> Ending | None:
    """Whether a run has waited too long, and what that makes of it.

    Args:
        run: A run that is announced or open.
        progress: Of its series.
        now: Monotonic time (s).
        settings: The limits.

    Returns:
        Status (None leaves it open to what was said) and reason; None if all is well.
    """
    if not run.takes_images:
        return readings_overdue(run, now, settings.announcement_timeout_s)
    limit = settings.series_timeout_s
    if run.state is RunState.ANNOUNCED:
        limit = settings.announcement_timeout_s
    elif run.end is not None or run.superseded:
        limit = min(limit, END_TOLD_S)
    elif not progress.images:
        limit = settings.announcement_timeout_s
    if now - progress.moment < limit:
        return None
    if run.state is RunState.ANNOUNCED:
        return RunStatus.ABORTED, f"announced, but no series came for {limit:g} s"
    if run.superseded:
        return None, ""  # decide_status says so
    if run.end is not None:
        run.note("the series end was lost; the run's end was announced")
        return None, ""
    run.silent_s = limit
    return None, ""  # decide_status says so, once what is late has come


def all_here(run: Run) -> bool:
    """Whether every image that somebody declared has come."""
    declared = run.declared_images
    if run.end is not None and run.end.images is not None:
        declared = run.end.images
    return bool(declared) and run.images.lost(declared or 0) == 0


def _cut_short(run: Run) -> bool:
    """Whether fewer images were made than declared."""
    declared = run.declared_images
    made = run.images.size
    if declared is not None and made < declared:
        # A missed trigger makes no image: then fewer than declared are all there are.
        made += timeline_of(run).assignment.missed
    return declared is not None and made < declared


def decide_status(run: Run) -> None:
    """How a run ended: what the detector did, then what was said."""
    if run.status is not RunStatus.RUNNING:
        return
    run.decided = True
    if not run.takes_images:
        decide_readings(run)
        return
    if run.superseded and _ended_early(run):
        run.status, run.reason = RunStatus.ABORTED, SUPERSEDED
    elif run.silent_s and _ended_early(run):
        run.status = RunStatus.ABORTED
        run.reason = f"no image for {run.silent_s:g} s and no series end"
    elif run.end is not None:
        _take_end(run, run.end)
    elif _cut_short(run):
        run.status = RunStatus.ABORTED
        declared = run.declared_images
        run.reason = f"the series ended after image {run.images.size} of {declared}"
    else:
        run.status = RunStatus.SUCCESS
    if run.silent_s and run.status is RunStatus.SUCCESS:
        run.note(END_LOST)
    _say_if_empty(run)


def _ended_early(run: Run) -> bool:
    """Whether a series that nobody ended had not reached its end, as far as is known.

    Without a declared number nobody knows what its end would have been.
    """
    if all_here(run):
        return False
    return run.declared_images is None or _cut_short(run)


def _take_end(run: Run, end: CollectionEnd) -> None:
    run.status, run.reason = _said_of(run, end)
    _say_if_empty(run)


def _said_of(run: Run, end: CollectionEnd) -> tuple[RunStatus, str]:
    """Status and reason of a run by its announced end.

    What was aborted as a whole may have parts that were complete by then.
    """
    part = run.part
    whole = part is not None and run.images.lost(part.images) == 0
    if part is None or not whole or end.status is not RunStatus.ABORTED:
        return end.status, end.reason
    why = f": {end.reason}" if end.reason else ""
    return RunStatus.SUCCESS, f"complete before {part.of} was aborted{why}"


def _say_if_empty(run: Run) -> None:
    """A success without a single image is said to be one, wherever it is shown."""
    if run.status is not RunStatus.SUCCESS or run.images.received:
        return
    declared = run.declared_images
    text = NO_IMAGE if declared is None else f"{NO_IMAGE} of {declared} announced"
    run.note(f"{text}: the recorder received none, whatever the run's end says")
    if NO_IMAGE not in run.reason:
        run.reason = f"{run.reason}; {text}" if run.reason else text


def _says_more(run: Run, end: CollectionEnd) -> bool:
    """Whether an end that comes after the seal changes what was sealed."""
    if run.status is not _said_of(run, end)[0] or end.facts.says:
        return True
    if end.images is None:
        return False
    expected = run.sealed_images  # of a long run it takes seconds to work it out
    if expected is None:
        expected = expected_images(run, timeline_of(run))
    return end.images != expected


def end_run(
    run: Run,
    now: float,
    settings: BookSettings,
    status: RunStatus | None,
    reason: str,
    ended_ns: int | None = None,
) -> list[Action]:
    """No more images are expected: wait for what is late, then it is sealed.

    Args:
        run: The run.
        now: Monotonic time (s).
        settings: How long to wait.
        status: How it ended, None if that is decided later.
        reason: Why, for people.
        ended_ns: When its series ended (Unix ns), if it did.
    """
    run.state = RunState.DRAINING
    run.drain_until = now + settings.drain_s
    if run.part is None or run.ended_ns is None:  # a part may have ended before
        run.ended_ns = ended_ns
    if status is not None:
        run.status, run.reason = status, reason
    return [Changed(run, "series_ended")]


def reopen_run(run: Run, now: float, settings: BookSettings) -> list[Action]:
    """Something came late: seal the run again, as a further revision."""
    run.state = RunState.DRAINING
    run.revision += 1
    run.wedges_checked = False
    run.revise_by = now + settings.revise_max_s
    run.drain_until = now + settings.drain_s
    said = (NO_IMAGE, NOTHING, UNENDED)
    run.notes = [note for note in run.notes if not note.startswith(said)]
    if run.decided:  # on what was there; it is decided again
        run.status, run.reason = RunStatus.RUNNING, ""
    return [
        Changed(run, "reopened"),
        notice("run_reopened", "warning", run.key, run=run),
    ]


def wait_for_quiet(run: Run, now: float, settings: BookSettings) -> None:
    """More came for a run that was sealed before: wait whether that is all."""
    if run.state is RunState.DRAINING and run.revision > 0:
        quiet = min(now + settings.quiet_s, run.revise_by)
        run.drain_until = max(run.drain_until, quiet)


def hear_end(run: Run, end: CollectionEnd, now: float, settings: BookSettings) -> bool:
    """The end of a run is announced.

    Returns:
        Whether the run is sealed and the announcement changes what was sealed.
    """
    amended = run.state is RunState.SEALED and _says_more(run, end)
    run.end = end
    note_end(run, end)
    if amended or (run.state is RunState.DRAINING and run.revision > 0):
        # it was sealed without this word, and is to be sealed again
        _take_end(run, end)
        run.drain_until = min(run.drain_until, now + settings.drain_s)
    measured = run.state is RunState.OPEN and not run.takes_images
    if measured:
        run.ended_ns = end.received_ns
    if measured or run.state is RunState.ANNOUNCED:
        run.state = RunState.DRAINING
        run.drain_until = now + settings.drain_s
    return amended
