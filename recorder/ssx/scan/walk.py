"""The walk over a chip: which well each trigger is for, and back.

A well is known by its index on the whole chip, row by row from the top left:
``row of the chip * columns of the chip + column of the chip``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from recorder.records.scan import Along, Corner, Scan, skipped_wells
from recorder.ssx.arrays import Int64Array

NOWHERE = -1
"""Stands for the block, row, column, shot or well of an image that has none."""
_KEPT = 4
"""Walks that are kept: those of the runs that are looked at again and again, 12 MB each
at the most. Chosen, not tuned."""


@dataclass(frozen=True, slots=True, eq=False)
class Wells:
    """Where images are from; arrays (n,), NOWHERE in all of them without a well."""

    walk: Walk
    well: Int64Array
    """Index on the whole chip."""
    shot: Int64Array
    """How many triggers the well had before."""

    @property
    def block(self) -> Int64Array:
        """Counted along the rows of blocks."""
        return self._part(0)

    @property
    def row(self) -> Int64Array:
        """In its block."""
        return self._part(1)

    @property
    def column(self) -> Int64Array:
        """In its block."""
        return self._part(2)

    def _part(self, which: int) -> Int64Array:
        part = self.walk.parts(self.well)[which]
        return np.where(self.well == NOWHERE, NOWHERE, part)


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """The wells of a scan in the order in which they are visited."""

    scan: Scan
    wells: Int64Array
    """Index of each well on the chip, in walk order, shape (m,)."""
    place: Int64Array
    """When each well of the chip is visited, counted from 0; NOWHERE for those that are
    skipped, shape (rows, columns) of the chip."""

    @property
    def triggers(self) -> int:
        """X-ray triggers of the whole walk."""
        return self.wells.size * self.scan.shots_per_position

    def at(self, ordinal: Int64Array) -> Wells:
        """Well and shot of triggers.

        Args:
            ordinal: Trigger of each of n images, from 0; any other number, and one
                beyond the walk, is from no well.
        """
        inside = (ordinal >= 0) & (ordinal < self.triggers)
        place = np.where(inside, ordinal, 0)
        shot = np.zeros_like(place)
        if self.scan.shots_per_position > 1:
            place, shot = np.divmod(place, self.scan.shots_per_position)
        wells = self.wells if self.wells.size else np.full(1, NOWHERE, np.int64)
        well = np.where(inside, wells[place], NOWHERE)
        return Wells(self, well, np.where(inside, shot, NOWHERE))

    def parts(self, well: Int64Array) -> tuple[Int64Array, Int64Array, Int64Array]:
        """Block of wells, and row and column in it; any shape."""
        scan = self.scan
        down, across = np.divmod(well, scan.grid[1])
        block = down // scan.rows * scan.blocks[1] + across // scan.columns
        return block, down % scan.rows, across % scan.columns

    def trigger(
        self, block: Int64Array, row: Int64Array, column: Int64Array, shot: Int64Array
    ) -> Int64Array:
        """The inverse of :meth:`at`: the trigger of each well and shot.

        Args:
            block: Shape (n,), within the chip, as are row and column in it.
            row: Shape (n,).
            column: Shape (n,).
            shot: Shape (n,), from 0 to ``shots_per_position`` - 1.

        Returns:
            NOWHERE for wells that are skipped, shape (n,).
        """
        scan = self.scan
        by, bx = np.divmod(block, scan.blocks[1])
        place = self.place[by * scan.rows + row, bx * scan.columns + column]
        return np.where(place >= 0, place * scan.shots_per_position + shot, NOWHERE)


@lru_cache(maxsize=_KEPT)
def walk_of(scan: Scan) -> Walk:
    """The walk of a scan; kept for those that were asked for last."""
    blocks = _lines(scan.blocks, scan.block_order, scan.block_snake)
    inside = _lines((scan.rows, scan.columns), scan.order, scan.snake)
    down = (blocks[0][:, None] * scan.rows + inside[0][None, :]).ravel()
    across = (blocks[1][:, None] * scan.columns + inside[1][None, :]).ravel()
    height, width = scan.grid
    if scan.start_corner in (Corner.BOTTOM_LEFT, Corner.BOTTOM_RIGHT):
        down = height - 1 - down
    if scan.start_corner in (Corner.TOP_RIGHT, Corner.BOTTOM_RIGHT):
        across = width - 1 - across
    wells = down * width + across
    wells = wells[~skipped_wells(scan)[down, across]]
    place = np.full(height * width, NOWHERE, np.int64)
    place[wells] = np.arange(wells.size)
    return Walk(scan, wells, place.reshape(height, width))


def _lines(
    shape: tuple[int, int], along: Along, snake: bool
) -> tuple[Int64Array, Int64Array]:
    """Rows and columns of a grid in walk order from the top left."""
    rows, columns = shape
    lines, length = (rows, columns) if along is Along.ROWS else (columns, rows)
    line, step = np.divmod(np.arange(lines * length, dtype=np.int64), length)
    if snake:
        step = np.where(line % 2 == 1, length - 1 - step, step)
    return (line, step) if along is Along.ROWS else (step, line)
