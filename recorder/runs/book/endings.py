"""When a run is over, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass

from recorder.records import (
    Announcement,
    CollectionEnd,
    Experiment,
    RunState,
    RunStatus,
)
from recorder.runs.book.actions import Action, Changed, notice
from recorder.runs.ledger import expected_images
from recorder.runs.run import Run
from recorder.runs.timeline.of_run import timeline_of

NOT_ANNOUNCED = Announcement(proposal="mx2345", experiment=Experiment("unannounced"))


@dataclass(frozen=True, slots=True)
class BookSettings:
    """When runs begin and end; see the configuration section ``runs``."""

    hold_s: float = 1.0
    match_window_s: float = 60.0
    series_timeout_s: float = 30.0
    announcement_timeout_s: float = 600.0
    drain_s: float = 2.0
    max_image_id: int = 100_000_000
    max_held_bytes: int = 2 << 30
    """Pixels that the images of one series may keep while it waits for its
    announcement; those of later images are dropped."""
    unannounced: Announcement = NOT_ANNOUNCED
    """What stands for the announcement of a run that nobody announced."""


END_TOLD_S = 5.0
"""Once its end was announced, a run without further images waits so long for the series
end: it may have been on its way when the recorder was killed."""
Ending = tuple[RunStatus | None, str]


def overdue(run: Run, now: float, settings: BookSettings) -> Ending | None:
    """Whether a run has waited too long, and what that makes of it.

    Args:
        run: A run that is announced or open.
        now: Monotonic time (s).
        settings: The limits.

    Returns:
        Status (None leaves it open to what was said) and reason; None if all is well.
    """
    limit = settings.series_timeout_s
    if run.state is RunState.ANNOUNCED:
        limit = settings.announcement_timeout_s
    elif run.end is not None:
        limit = min(limit, END_TOLD_S)
    elif run.images.received == 0:
        limit = settings.announcement_timeout_s
    if now - run.last_progress < limit:
        return None
    if run.state is RunState.ANNOUNCED:
        return RunStatus.ABORTED, f"announced, but no series came for {limit:g} s"
    declared = run.declared_images
    if declared is not None and run.images.lost(declared) == 0:
        run.note("the series end was lost; all images are here")
        return None, ""
    if run.end is not None:
        run.note("the series end was lost; the run's end was announced")
        return None, ""
    return RunStatus.ABORTED, f"no image for {limit:g} s and no series end"


def decide_status(run: Run) -> None:
    """How a run ended: what the detector did, then what was said."""
    if run.status is not RunStatus.RUNNING:
        return
    run.decided = True
    if run.end is not None:
        run.status, run.reason = run.end.status, run.end.reason
        return
    declared = run.declared_images
    made = run.images.size
    if declared is not None and made < declared:
        # A missed trigger makes no image: then fewer than declared are all there are.
        made += timeline_of(run).assignment.missed
    if declared is not None and made < declared:
        run.status = RunStatus.ABORTED
        run.reason = f"the series ended after image {run.images.size} of {declared}"
    else:
        run.status = RunStatus.SUCCESS


def _says_more(run: Run, end: CollectionEnd) -> bool:
    """Whether an end that comes after the seal changes what was sealed."""
    if run.status is not end.status:
        return True
    return end.images is not None and end.images != expected_images(
        run, timeline_of(run)
    )


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
    run.ended_ns = ended_ns
    if status is not None:
        run.status, run.reason = status, reason
    return [Changed(run, "series_ended")]


def reopen_run(run: Run, now: float, settings: BookSettings) -> list[Action]:
    """Something came late: seal the run again, as a further revision."""
    run.state = RunState.DRAINING
    run.revision += 1
    run.drain_until = now + settings.drain_s
    if run.decided:  # on what was there; it is decided again
        run.status, run.reason = RunStatus.RUNNING, ""
    return [
        Changed(run, "reopened"),
        notice("run_reopened", "warning", run.key, run=run),
    ]


def hear_end(run: Run, end: CollectionEnd, now: float, settings: BookSettings) -> bool:
    """The end of a run is announced.

    Returns:
        Whether the run is sealed and the announcement changes what was sealed.
    """
    amended = run.state is RunState.SEALED and _says_more(run, end)
    run.end = end
    if amended or (run.state is RunState.DRAINING and run.revision > 0):
        # it was sealed without this word, and is to be sealed again
        run.status, run.reason = end.status, end.reason
    if run.state is RunState.ANNOUNCED:
        run.state = RunState.DRAINING
        run.drain_until = now + settings.drain_s
    return amended
