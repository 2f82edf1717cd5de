"""Whether an image of a run is taken: new, and with an id that can be."""

from __future__ import annotations

from recorder.records import Image
from recorder.runs.book.actions import Accepted, Action, notice
from recorder.runs.run import Run

MAX_JUMP = 1_000_000
"""Where nobody says how many images there are: ids further beyond everything seen than
this are garbage, not a gap, which would be a quarter of an hour at 1000 images a
second."""
MAX_EXCESS = 1000
"""Where the header or the announcement says how many there are: ids further than this
beyond both, and beyond everything seen, are garbage. A second of a fast detector; a
series that goes on past what was declared is taken all the same. Chosen, not tuned."""

REUSED = (
    "image ids came again with other start times, first {image_id}: the detector "
    "began to count anew in mid-series. Those images are not recorded, and are counted "
    "as reused_image_ids: send a header whenever the count begins anew"
)
"""What a run says of images that cannot be told from others by their id."""


def accept_image(run: Run, image: Image, now: float, max_image_id: int) -> list[Action]:
    """Take an image into its run's table, or count why not.

    Args:
        run: Its run.
        image: The image.
        now: Monotonic time (s).
        max_image_id: Larger ids are garbage.

    Returns:
        :class:`Accepted` first if it is new; what is to be said of it.
    """
    seen = run.images.size
    declared = _declared(run)
    limit = max(declared or 0, seen) + (MAX_JUMP if declared is None else MAX_EXCESS)
    if image.image_id >= min(limit, max_image_id):
        return _impossible(run, image, declared, limit, max_image_id)
    if not run.images.receive(image.image_id, image.start_time_ns, image.stop_time_ns):
        if run.images.repeats(image.image_id, image.start_time_ns):
            run.counts["duplicate_images"] += 1
            return []
        return _reused(run, image)
    run.counts["out_of_order_images"] += image.image_id < seen - 1
    run.counts["ignored_channels"] += len(image.ignored_channels)
    run.last_progress = now
    return [Accepted(run, image), *_second_client(run, image)]


def _declared(run: Run) -> int | None:
    """The most that header or announcement say; None if neither does."""
    header = run.start.expected_images if run.start else None
    said = [n for n in (header, run.announcement.planned_images) if n is not None]
    return max(said, default=None)


def _impossible(
    run: Run, image: Image, declared: int | None, limit: int, max_image_id: int
) -> list[Action]:
    """Count it; say the first one, which is worth a line and a note."""
    run.counts["impossible_ids"] += 1
    if run.counts["impossible_ids"] > 1:
        return []
    if limit > max_image_id:
        why = f"runs.max_image_id is {max_image_id}"
    elif declared is None:
        why = f"the last one was {run.images.size - 1}, and nobody declared more"
    else:
        why = f"header and announcement say {declared} images"
    run.note(f"images were refused: image_id {image.image_id}, but {why}")
    return [
        notice(
            "image_id_impossible",
            "warning",
            image.key,
            image_id=image.image_id,
            why=why,
            run=run,
        )
    ]


def _reused(run: Run, image: Image) -> list[Action]:
    """An id comes again with another start time: another image, which has no place."""
    run.counts["reused_image_ids"] += 1
    if run.counts["reused_image_ids"] > 1:
        return []
    run.note(REUSED.format(image_id=image.image_id))
    return [
        notice(
            "image_id_reused", "warning", image.key, image_id=image.image_id, run=run
        )
    ]


def _second_client(run: Run, image: Image) -> list[Action]:
    """Say once that another client takes its share of the images.

    Where several nodes of ours receive, this cannot tell: each has its share, and those
    of one may be heard before those of another. Whatever is missing then is a loss.
    """
    stride = run.images.stride
    if image.pulled_by > 1:
        return []
    if stride > 1 and not run.stride_told:
        run.stride_told = True
        run.note(
            f"only every {stride}. image arrives: another client "
            "is connected to the detector's socket"
        )
        return [notice("second_client", "error", image.key, stride=stride, run=run)]
    if run.stride_told and stride == 1:
        run.stride_told = False
    return []
