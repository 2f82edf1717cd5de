"""Whether two keys, or an image and a run, are of one series."""

from __future__ import annotations

from recorder.records import Image, RunState, SeriesKey, SeriesStart
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


def completes(start: SeriesStart, run: Run, now: float) -> bool:
    """Whether this is the header that the run's series lacks.

    Args:
        start: A header of the series' number.
        run: A run with images and no header.
        now: Monotonic time (s).
    """
    if run.start is not None or run.key is None or run.state is RunState.SEALED:
        return False
    if run.key.unique_id == start.key.unique_id:
        return True
    declared = start.expected_images
    return (
        run.key.unique_id == ""
        and now - run.bound_at <= HEADER_OVERTAKEN_S
        and (declared is None or declared >= run.images.size)
    )
