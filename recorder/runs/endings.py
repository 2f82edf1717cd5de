"""When a run is over, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from recorder.records import CollectionEnd, Json, RunState, RunStatus
from recorder.runs.run import Run


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
    unannounced_body: Json = field(default_factory=dict)


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
        made += run.timeline().placement.missed
    if declared is not None and made < declared:
        run.status = RunStatus.ABORTED
        run.reason = f"the series ended after image {run.images.size} of {declared}"
    else:
        run.status = RunStatus.SUCCESS


def says_more(run: Run, end: CollectionEnd) -> bool:
    """Whether an end that comes after the seal changes what was sealed."""
    if run.status is not end.status:
        return True
    return end.images is not None and end.images != run.expected(run.timeline())
