"""Whether an image of a run is taken: new, and with an id that can be."""

from __future__ import annotations

from recorder.records import Image
from recorder.runs.book.actions import Accepted, Action, notice
from recorder.runs.run import Run

MAX_JUMP = 1_000_000
"""Ids further beyond everything seen than this are garbage, not a gap, which would be
a quarter of an hour at 1000 images a second."""


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
    limit = max(run.declared_images or 0, seen) + MAX_JUMP
    if image.image_id >= min(limit, max_image_id):
        run.counts["impossible_ids"] += 1
        impossible = notice(
            "image_id_impossible",
            "warning",
            image.key,
            image_id=image.image_id,
            run=run,
        )
        return [impossible]
    if not run.images.receive(image.image_id, image.start_time_ns, image.stop_time_ns):
        run.counts["duplicate_images"] += 1
        return []
    run.counts["out_of_order_images"] += image.image_id < seen - 1
    run.counts["ignored_channels"] += len(image.ignored_channels)
    run.last_progress = now
    return [Accepted(run, image), *_second_client(run, image)]


def _second_client(run: Run, image: Image) -> list[Action]:
    """Say once that another client takes its share of the images."""
    stride = run.images.stride
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
