"""Hits of a chip well by well, and how far they are from what is around them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import BoolArray, FloatArray, Int64Array
from recorder.ssx.scan.walk import Walk
from recorder.ssx.scan.wells import WellState

AROUND = 4
"""Wells to each side whose mean rate is expected of a well: loading that changes over
the chip is no pattern; stripes and checkers repeat within nine. Chosen, not tuned."""
MIN_WELLS = 200
"""Wells with a class below which no pattern is looked for: a row of such a chip has
some 14 wells, and a rate of 30 % is not known to better than 12 %."""
MIN_OF_EACH = 30
"""Wells with a hit, and without, below which no pattern is looked for: scores are
normal from there on."""


@dataclass(frozen=True, slots=True, eq=False)
class HitGrid:
    """Wells of a chip; arrays of shape (rows, columns) of the chip.

    One trial is one well, not one image: shots at one crystal are not independent.
    """

    walk: Walk
    tried: BoolArray
    """Some image of it has a class."""
    hit: BoolArray
    """Some image of it is a hit."""
    row: Int64Array
    """In its block."""
    column: Int64Array
    """In its block."""
    excess: FloatArray
    """Hit minus the rate around it; 0 where nothing was tried."""
    variance: FloatArray
    """Of that, if hits come independently at the rate around."""

    def z(self, weight: FloatArray) -> float:
        """Weighted sum of the excess (standard deviations)."""
        spread = float((weight * weight * self.variance).sum())
        return float((weight * self.excess).sum()) / spread**0.5 if spread else 0.0

    def rates(self, here: BoolArray) -> tuple[float, float]:
        """Share of wells with a hit among some, and among all others."""
        return _rate(self, here), _rate(self, ~here)


def _rate(grid: HitGrid, here: BoolArray) -> float:
    tried = int(np.count_nonzero(here & grid.tried))
    return int(np.count_nonzero(here & grid.hit)) / tried if tried else 0.0


def hit_grid(walk: Walk, states: NDArray[np.uint8]) -> HitGrid | None:
    """The hits of a chip, None if there are too few wells to see a pattern.

    Args:
        walk: Its walk.
        states: :class:`WellState` of each well, shape (rows, columns) of the chip.
    """
    tried = states >= WellState.NON_HIT
    hit = states >= WellState.NON_INDEXED_HIT
    wells, hits = int(np.count_nonzero(tried)), int(np.count_nonzero(hit))
    if wells < MIN_WELLS or min(hits, wells - hits) < MIN_OF_EACH:
        return None
    rate = _box(hit) / np.maximum(_box(tried), 1.0)
    down, across = walk.scan.grid
    row, column = np.divmod(np.arange(down * across, dtype=np.int64), across)
    return HitGrid(
        walk,
        tried,
        hit,
        (row % walk.scan.rows).reshape(states.shape),
        (column % walk.scan.columns).reshape(states.shape),
        np.where(tried, hit - rate, 0.0),
        np.where(tried, rate * (1 - rate), 0.0),
    )


def _box(values: BoolArray) -> FloatArray:
    """Sums over (2 AROUND + 1)² wells, fewer at the edges."""
    found = values.astype(np.float64)
    for axis in (0, 1):
        sums = np.cumsum(found, axis=axis)
        size = sums.shape[axis]
        at = np.arange(size)
        high = np.take(sums, np.minimum(at + AROUND, size - 1), axis=axis)
        low = np.take(sums, np.maximum(at - AROUND - 1, 0), axis=axis)
        shape = [1, 1]
        shape[axis] = size
        found = high - np.where((at > AROUND).reshape(shape), low, 0.0)
    return found
