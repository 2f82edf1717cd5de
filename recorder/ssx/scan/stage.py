"""Wells by captured positions of the stage: where it was, not where it should be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recorder.records.scan import Stage
from recorder.ssx.arrays import BoolArray, Int64Array
from recorder.ssx.clocks.unknown import NO_ORDINAL
from recorder.ssx.scan.walk import NOWHERE, Walk

NEAR = 0.4
"""Share of the step to the next well within which a position is at a well. In the
middle between two wells the stage moves, and neither is hit. Chosen, not tuned."""

FloatArray = NDArray[np.float64]


def wells_at(walk: Walk, stage: Stage, x: FloatArray, y: FloatArray) -> Int64Array:
    """The well at each position; NOWHERE between wells and off the chip.

    Args:
        walk: The walk over the chip.
        stage: Where its wells are.
        x: mm along the rows of wells, (n,); NaN unknown.
        y: mm down the columns of wells, (n,).

    Returns:
        Index of the well on the chip, as :class:`~recorder.ssx.scan.walk.Walk` has it.
    """
    scan = walk.scan
    column = _along(x, 0, stage, scan.columns, scan.blocks[1])
    row = _along(y, 1, stage, scan.rows, scan.blocks[0])
    there = (column != NOWHERE) & (row != NOWHERE)
    return np.where(there, row * scan.grid[1] + column, NOWHERE)


def _along(
    values: FloatArray, axis: int, stage: Stage, size: int, blocks: int
) -> Int64Array:
    """Row or column of the chip at positions along one axis of the stage."""
    step = stage.step[axis]
    block_step = stage.block_step[axis] if stage.block_step else step * size
    well = np.arange(blocks)[:, None] * block_step + np.arange(size)[None, :] * step
    centres = (stage.origin[axis] + well).ravel()
    order = np.argsort(centres, kind="stable")
    between = (centres[order][1:] + centres[order][:-1]) / 2
    nearest = order[np.searchsorted(between, np.where(np.isfinite(values), values, 0))]
    with np.errstate(invalid="ignore"):
        near = np.abs(values - centres[nearest]) <= NEAR * abs(step)
    return np.where(near, nearest, NOWHERE).astype(np.int64)


def shots_at(well: Int64Array) -> Int64Array:
    """How many triggers in a row were at the same well before; NOWHERE without one.

    Args:
        well: Well of each trigger, ascending, (n,).
    """
    if not well.size:
        return well
    index = np.arange(well.size)
    begins = np.concatenate(([True], well[1:] != well[:-1]))
    since = np.maximum.accumulate(np.where(begins, index, 0))
    return np.where(well == NOWHERE, NOWHERE, index - since)


def ordinals_at(walk: Walk, well: Int64Array, shot: Int64Array) -> Int64Array:
    """The trigger of the walk that is for each well and shot; NO_ORDINAL for none.

    Wells that the walk jumps over have none, and more shots than are announced.
    """
    scan = walk.scan
    on = (well != NOWHERE) & (shot < scan.shots_per_position)
    place = np.where(on, walk.place.ravel()[np.where(on, well, 0)], NOWHERE)
    ordinal = place * scan.shots_per_position + shot
    return np.where(on & (place != NOWHERE), ordinal, NO_ORDINAL)


def visited(walk: Walk, well: Int64Array) -> BoolArray:
    """Which places of the walk the stage was at, (m,) in the order of the walk."""
    found = np.zeros(walk.wells.size, np.bool_)
    place = walk.place.ravel()[well[well != NOWHERE]]
    found[place[place != NOWHERE]] = True
    return found
