"""Which announcement a series belongs to; docs/reference/mqtt.md says how."""

from __future__ import annotations

from collections.abc import Iterable

from recorder.records import Announcement, Image, SeriesKey, SeriesStart
from recorder.runs.book.waiting_series import Waiting
from recorder.runs.run import Run
from recorder.ssx.clocks.unknown import NO_TIME

ADOPT_WINDOW_S = 5.0
"""Events without a name, and announcements that come late, belong to a run that begins
no further from them."""


def series_matches(
    announcement: Announcement,
    key: SeriesKey,
    start: SeriesStart | None,
    uid: str | None,
) -> bool:
    """Whether the announcement names this series, or the series this announcement.

    Args:
        announcement: Of a run without a series.
        key: Numbers that identify the series.
        start: Its header; None if it did not come.
        uid: Uid of a run that its images carried; None if they carried none.
    """
    if announcement.series_unique_id is not None:
        return announcement.series_unique_id in (key.unique_id, str(key.series_id))
    carried = uid or (start.recorder_uid if start else None)
    return carried is not None and carried == announcement.uid


def best_run(runs: Iterable[Run], waiting: Waiting, window_ns: int) -> Run | None:
    """The announced run without a series that fits a waiting series best, if one does.

    By the series' unique id, then by the uid that the detector carries, then by time:
    the announcement nearest to the arming of the detector, within the window (ns).
    """
    key, start, uid = waiting.key, waiting.start, waiting.uid
    free = [run for run in runs if run.key is None and run.announced]
    for run in free:
        if series_matches(run.announcement, key, start, uid):
            return run
    if uid or (start and start.recorder_uid):
        return None  # it names its announcement, and that is none of these
    moment = (start.arm_time_ns if start else None) or waiting.received_ns
    near = [
        (abs(run.announcement.time_ns - moment), n, run)
        for n, run in enumerate(free)
        if run.announcement.series_unique_id is None
    ]
    if not near:
        return None
    distance, _, run = min(near)
    return run if distance <= window_ns else None


def run_to_adopt(runs: Iterable[Run], announcement: Announcement) -> Run | None:
    """An open, unannounced run that this late announcement is for."""
    for run in runs:
        if run.announced or run.key is None:
            continue
        uid = run.start.recorder_uid if run.start else None
        if series_matches(announcement, run.key, run.start, uid):
            return run
        near = abs(announcement.time_ns - run.opened_ns) <= ADOPT_WINDOW_S * 1e9
        if near and uid is None and announcement.series_unique_id is None:
            return run
    return None


def same_series(a: SeriesKey, b: SeriesKey) -> bool:
    """Same series; without its header a series has no unique id ("")."""
    return (a.source, a.series_id) == (b.source, b.series_id) and (
        a.unique_id == b.unique_id or "" in (a.unique_id, b.unique_id)
    )


def is_another_series(run: Run, image: Image) -> bool:
    """A known image_id with another start time: the detector began anew, unheard."""
    if image.start_time_ns is None or not 0 <= image.image_id < run.images.size:
        return False
    known = int(run.images.column("start_time_ns")[image.image_id])
    return known not in (NO_TIME, image.start_time_ns) and image.key.unique_id != (
        run.key.unique_id if run.start and run.key else ""
    )
