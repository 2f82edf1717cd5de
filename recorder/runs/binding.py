"""Which announcement a series belongs to: docs/explanations/ledger.md."""

from __future__ import annotations

from collections.abc import Iterable

from recorder.records import Collection, Image, SeriesKey, SeriesStart
from recorder.runs.run import Run
from recorder.ssx.times import NO_TIME


def series_matches(
    collection: Collection, key: SeriesKey, start: SeriesStart | None, uid: str | None
) -> bool:
    """Whether the announcement names this series, or the series this announcement."""
    if collection.series_unique_id is not None:
        return collection.series_unique_id in (key.unique_id, str(key.series_id))
    carried = uid or (start.recorder_uid if start else None)
    return carried is not None and carried == collection.uid


def best_run(
    runs: Iterable[Run],
    key: SeriesKey,
    start: SeriesStart | None,
    uid: str | None,
    received_ns: int,
    window_ns: int,
) -> Run | None:
    """The announced run without a series that fits best, None if none fits.

    By the series' unique id, then by the uid that the detector carries, then by time:
    the announcement nearest to the arming of the detector, within the window.
    """
    waiting = [run for run in runs if run.key is None and run.collection is not None]
    for run in waiting:
        if run.collection and series_matches(run.collection, key, start, uid):
            return run
    if uid or (start and start.recorder_uid):
        return None  # it names its announcement, and that is none of these
    moment = (start.arm_time_ns if start else None) or received_ns
    near = [
        (abs(announced_ns(run.collection) - moment), n, run)
        for n, run in enumerate(waiting)
        if run.collection and run.collection.series_unique_id is None
    ]
    if not near:
        return None
    distance, _, run = min(near)
    return run if distance <= window_ns else None


def announced_ns(collection: Collection) -> int:
    """When the announcement was made, by its own clock."""
    return collection.time_ns


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
