"""Pixels that stand out again and again: no crystal repeats its spots, a defect does.

All images of a lesson are looked at, hits as well: where a defect makes false spots,
every image is a hit.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import BoolArray, FloatArray, IntArray
from recorder.ssx.background import poisson
from recorder.ssx.background.learned_map import BLOCK
from recorder.ssx.spots.connected import where_true
from recorder.ssx.spots.integrate import sharp

SHARE = 0.5
"""Share of the images in which a hot pixel stands out. In all of them is too much:
false spots grow from 0.4 to 0.7 in a blank at 4.6 photons/px; half of it changes
nothing (`make bench-quality`, Spots)."""
_LEAST = 3
"""Images, at least, in which it does: of few images half is chance. With ten images
the share decides (`make bench-quality`, Spots). Chosen, not tuned."""
_SEGMENT = 128
"""Pixels of a piece of a column or row that is judged as a whole: bad ones often end at
the border of a module. Chosen, not tuned."""
_SEGMENT_SHARE = 0.3
"""Share of the images in which a bad column stands out: some are noisy at times."""
_IN_IMAGE = 2
"""Pixels of a piece that stand out in an image in which the piece does: one is
chance."""
_PLACES = 16
"""Different pixels of a piece that stand out, at least: four spots of a crystal that
does not move do not reach so many. Chosen, not tuned."""
_P_SEGMENT = 1e-9
"""Chance that a good piece has so many, by its neighbours."""
_NEIGHBOURS = (3, 10)
"""Columns on either side from which it is known what is usual; the nearest may be bad
as well, or share its spots."""


class Repeated:
    """Counts how often pixels stand out.

    Args:
        shape: (slow, fast).
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        self._images = 0
        self.times = np.zeros(shape, np.uint8)
        """(slow, fast) number of images in which each pixel stands out."""
        height, width = shape
        self._columns = _Pieces(height, width)
        self._rows = _Pieces(width, height)

    def add(self, index: IntArray) -> None:
        """Take in the pixels that stand out of one image, by flat index."""
        self._images += 1
        self.times.ravel()[index] += 1
        y, x = np.divmod(index, self._shape[1])
        self._columns.add(y, x)
        self._rows.add(x, y)

    def often(self) -> BoolArray:
        """(slow, fast) pixels that stand out in half of the images."""
        least = max(_LEAST, math.ceil(SHARE * self._images))
        return np.asarray(self.times >= least)

    def mark_hot(
        self,
        bad: BoolArray,
        total: NDArray[np.float32],
        counted: NDArray[np.float32],
        typical: FloatArray,
    ) -> None:
        """Mark pixels that stand out often and are sharper than a spot.

        A crystal that does not move repeats its spots, which are never so sharp.

        Args:
            bad: (slow, fast) what is marked.
            total: (slow, fast) sums of counts.
            counted: (slow, fast) images in them.
            typical: (rows, columns) mean counts of a pixel in blocks.
        """
        height, width = self._shape
        y, x = np.divmod(where_true(self.often()), width)
        near = np.array((-1, 0, 1))
        rows = np.clip(y[:, None] + near, 0, height - 1)[:, :, None]
        columns = np.clip(x[:, None] + near, 0, width - 1)[:, None, :]
        around = total[rows, columns] / np.maximum(counted[rows, columns], 1)
        above = around.reshape(len(y), 9) - typical[y // BLOCK, x // BLOCK][:, None]
        bad[y, x] |= sharp(above)

    def mark_lines(self, bad: BoolArray) -> None:
        """Mark (slow, fast) pixels of columns and rows that stand out as a whole."""
        y, x = np.divmod(where_true(self.times > 0), self._shape[1])
        least = max(_LEAST, math.ceil(_SEGMENT_SHARE * self._images))
        self._columns.mark(bad, y, x, least)
        self._rows.mark(bad.T, x, y, least)


class _Pieces:
    """Pieces of the columns of an array; of its rows, where it is transposed."""

    def __init__(self, height: int, width: int) -> None:
        self._size = -(-height // _SEGMENT), width
        self._sums = np.zeros(self._size, np.intp)
        self._images = np.zeros(self._size, np.intp)

    def _times(self, along: IntArray, across: IntArray) -> NDArray[np.intp]:
        pieces, width = self._size
        place = (along // _SEGMENT) * width + across
        return np.bincount(place, minlength=pieces * width).reshape(self._size)

    def add(self, along: IntArray, across: IntArray) -> None:
        found = self._times(along, across)
        self._sums += found
        self._images += found >= _IN_IMAGE

    def mark(
        self, bad: BoolArray, along: IntArray, across: IntArray, least: int
    ) -> None:
        """Mark the pieces that stand out in at least so many images, at many places."""
        usual = _beside(self._sums)
        found = (self._images >= least) & (self._times(along, across) >= _PLACES)
        found &= self._sums > poisson.quantile(usual, _P_SEGMENT)
        for piece, line in zip(*np.nonzero(found), strict=True):
            bad[piece * _SEGMENT : (piece + 1) * _SEGMENT, line] = True


def _beside(sums: NDArray[np.intp]) -> FloatArray:
    """Mean of the neighbours on the side that has more of them."""
    near, far = _NEIGHBOURS
    ends = np.pad(np.cumsum(sums, axis=1), ((0, 0), (1, 0)))
    place = np.arange(sums.shape[1])

    def mean(first: IntArray, last: IntArray) -> FloatArray:
        first = np.clip(first, 0, sums.shape[1])
        last = np.clip(last, 0, sums.shape[1])
        inside = ends[:, last] - ends[:, first]
        return np.asarray(inside / np.maximum(last - first, 1), dtype=np.float64)

    left = mean(place - far, place - near + 1)
    right = mean(place + near, place + far + 1)
    return np.maximum(left, right)


def beyond(index: IntArray, pixels: NDArray[np.integer], most: FloatArray) -> IntArray:
    """Flat indices of those pixels (slow, fast) that exceed a limit of their block."""
    y, x = np.divmod(index, pixels.shape[1])
    return np.asarray(index[pixels.ravel()[index] > most[y // BLOCK, x // BLOCK]])


def extremes(grid: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The highest and the lowest of the 3 x 3 blocks around each."""
    padded = np.pad(grid, 1, mode="edge")
    rows = padded[:-2], padded[1:-1], padded[2:]
    high, low = np.maximum.reduce(rows), np.minimum.reduce(rows)
    return (
        np.maximum(np.maximum(high[:, :-2], high[:, 1:-1]), high[:, 2:]),
        np.minimum(np.minimum(low[:, :-2], low[:, 1:-1]), low[:, 2:]),
    )
