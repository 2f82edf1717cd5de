"""Captured positions of a run: of its triggers, and of its images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recorder.runs.run import Run
from recorder.ssx.arrays import Int64Array
from recorder.ssx.clocks.unknown import NO_ORDINAL
from recorder.ssx.labels.timeline import Timeline

FloatArray = NDArray[np.float64]


def rows_of_images(timeline: Timeline, numbers: Int64Array) -> Int64Array:
    """Which of some triggers made each image.

    Args:
        timeline: Labels of the images.
        numbers: The hardware's numbers of triggers, ascending, shape (m,).

    Returns:
        Place among ``numbers``, -1 where the trigger of an image is not known or is
        none of them, shape (n,).
    """
    ordinal = timeline.labels.ordinal
    if not numbers.size:
        return np.full(ordinal.size, -1, np.int64)
    wanted = ordinal + timeline.table.first_number
    place = np.minimum(np.searchsorted(numbers, wanted), numbers.size - 1)
    found = (ordinal != NO_ORDINAL) & (numbers[place] == wanted)
    return np.where(found, place, -1)


def captured_positions(run: Run, timeline: Timeline, axis: str) -> FloatArray | None:
    """Position of an axis at each image's trigger; None if it was never captured.

    Args:
        run: The run.
        timeline: Its labels.
        axis: One of :data:`~recorder.records.positions.POSITIONS`.

    Returns:
        Degrees or mm, NaN where unknown, shape (n,): one for each received image.
    """
    if axis not in run.events.positioned:
        return None
    numbers, values = run.events.positions(axis)
    row = rows_of_images(timeline, numbers)
    if not numbers.size:
        return np.full(row.size, np.nan)
    return np.where(row >= 0, values[np.maximum(row, 0)], np.nan)


def stage_positions(run: Run) -> tuple[Int64Array, FloatArray, FloatArray]:
    """Triggers of which the stage's x and y are known.

    Returns:
        The hardware's numbers, ascending, x and y (mm), all (n,).
    """
    of_x, x = run.events.positions("x")
    of_y, y = run.events.positions("y")
    both, in_x, in_y = np.intersect1d(
        of_x, of_y, assume_unique=True, return_indices=True
    )
    return both, x[in_x], y[in_y]
