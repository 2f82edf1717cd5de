"""Whether two keys, or an image and a run, are of one series."""

from __future__ import annotations

from collections.abc import Sequence

from recorder.records import Image, RunState, SeriesKey, SeriesStart
from recorder.runs.book.parts import seen_of_series
from recorder.runs.run import Run

HEADER_OVERTAKEN_S = 10.0
"""A header that comes no later than this after the first image of its series number is
that series': a relay let images overtake it. Later, the detector counts anew. Chosen,
not tuned."""


def same_series(a: SeriesKey, b: SeriesKey) -> bool:
    """Same series; without its header a series has no unique id ("")."""
    return (a.source, a.series_id) == (b.source, b.series_id) and (
        a.unique_id == b.unique_id or "" in (a.unique_id, b.unique_id)
    )


def is_another_series(run: Run, image: Image) -> bool:
    """A known image_id with another start time: the detector began anew, unheard."""
    if not 0 <= image.image_id < run.images.size:
        return False
    if run.images.repeats(image.image_id, image.start_time_ns):
        return False
    return image.key.unique_id != (run.key.unique_id if run.start and run.key else "")


def completes(start: SeriesStart, parts: Sequence[Run], now: float) -> bool:
    """Whether this is the header that a series lacks.

    Args:
        start: A header of the series' number.
        parts: The runs of the series, with images and no header.
        now: Monotonic time (s).
    """
    lacking = [
        run
        for run in parts
        if run.start is None
        and run.key is not None
        and run.state is not RunState.SEALED
    ]
    for run in lacking:
        if run.key is not None and run.key.unique_id == start.key.unique_id:
            return True
    declared = start.expected_images
    return any(
        run.key is not None
        and run.key.unique_id == ""
        and now - run.bound_at <= HEADER_OVERTAKEN_S
        and (declared is None or declared >= seen_of_series(parts))
        for run in lacking
    )
