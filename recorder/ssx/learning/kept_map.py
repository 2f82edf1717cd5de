"""Whether a map of the background still fits a run's images, or must be made anew.

A few images are compared with it: parts of the detector, single blocks, and pixels that
stand out again and again. It costs a tenth of a new map.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.records import LearnedBackground
from recorder.ssx.arrays import BoolArray, FloatArray, IntArray
from recorder.ssx.background.learned_map import BLOCK, ScaledBackground
from recorder.ssx.background.noise import limit, variance
from recorder.ssx.learning.bad_pixels import Repeated, beyond, extremes
from recorder.ssx.spots.finder import P_PIXEL, SpotFinder

LOOKED = 4
"""Images that are looked at: as many as a map needs at least."""
_ROWS = (3, 4)
"""Of the rows of a block, those that are looked at. Chosen, not tuned."""
_PART = 4
"""Blocks of a part of the detector, each way: at 0.6 photons/px four images put 600
photons on its rows, which tell its mean to 4 %."""
_UNEVEN = 0.05
"""Relative difference of the parts, as the root of the mean square without the photons'
own scatter, from which the map is made anew. Chosen, not tuned: thresholds are 10 %
apart."""
_SIGMAS = 4.0
"""Standard deviations by which a block differs that is another one."""
_RELATIVE = 0.1
"""Relative difference that it needs besides."""
_OTHER_SHARE = 0.002
"""Share of the blocks that may differ so: chance makes 0.0003 at 40 photons. More is a
shadow or a streak. Chosen, not tuned."""
_AGAIN = 3
"""Images in which a pixel stands out that is hot."""
_NEW_HOT = 8
"""Pixels that may do so: weak hot pixels come and go. Chosen, not tuned."""


def still_fits(
    finder: SpotFinder,
    images: Sequence[NDArray[Any]],
    gain: float | None,
    number: int,
    known: LearnedBackground,
) -> bool:
    """Whether a map need not be made anew.

    Args:
        finder: Set up for these images; it has the map.
        images: (slow, fast) arrays, all of one series.
        gain: Counts per photon; None estimates it.
        number: Of the state with the map.
        known: The map.
    """
    if len(images) < LOOKED:
        return False
    good = finder.good & ~known.bad
    repeated = Repeated(good.shape)
    # at a shadow's edge pixels stand out from any map of blocks
    bright, _ = extremes(known.grid.astype(np.float64))
    seen = _Sums(finder, known, good)
    for pixels in images[:LOOKED]:
        background, index, _ = finder.candidates(pixels, gain, number)
        if not isinstance(background, ScaledBackground):
            return False
        most = limit(bright * max(background.scale, 0.0), known, 1.0, P_PIXEL)
        repeated.add(beyond(index, pixels, most))
        seen.add(pixels, background, index)
    if np.count_nonzero(repeated.times >= _AGAIN) > _NEW_HOT:
        return False
    lines = np.zeros(good.shape, np.bool_)
    repeated.mark_lines(lines)
    return not lines.any() and seen.alike()


class _Sums:
    """What blocks count beside what the map expects."""

    def __init__(
        self, finder: SpotFinder, known: LearnedBackground, good: BoolArray
    ) -> None:
        height, width = good.shape
        rows = np.arange(len(known.grid))[:, None] * BLOCK + np.array(_ROWS)
        self._rows = np.minimum(rows, height - 1).ravel()
        self._place = np.full(height, -1)
        self._place[self._rows] = np.arange(len(self._rows))
        self._good = good[self._rows]
        flat = finder.flatfield
        self._flatfield = None if flat is None else flat[self._rows]
        self._finder = finder
        self._known = known
        self._starts = np.arange(0, width, BLOCK)
        middle = np.minimum(self._starts + BLOCK // 2, width - 1)
        self._at = np.broadcast_arrays(middle[None, :], self._rows[:: len(_ROWS), None])
        self._zones: IntArray | None = None
        shape = known.grid.shape
        self._off, self._expected = np.zeros(shape), np.zeros(shape)
        self._variance, self._pixels = np.zeros(shape), np.zeros(shape)

    def add(
        self, pixels: NDArray[Any], background: ScaledBackground, left_out: IntArray
    ) -> None:
        """Take in an image without some pixels, by flat index."""
        raw = pixels[self._rows]
        use = self._good & ~self._finder.is_flag(raw, self._known.underload)
        y, x = np.divmod(left_out, pixels.shape[1])
        seen = self._place[y] >= 0
        use[self._place[y[seen]], x[seen]] = False
        values = raw.astype(np.float32)
        if self._flatfield is not None:
            values *= self._flatfield
        count = self._blocks(use)
        # the map's own value is that of the middle of a block
        if self._zones is None:
            self._zones = background.source.zone_at(*self._at)
        scales = background.scales[self._zones]
        above = self._known.grid.astype(np.float64) - self._known.pedestal
        mean = np.maximum(above, 0) * scales + self._known.pedestal
        self._off += self._blocks(values * use) - mean * count
        self._expected += (mean - self._known.pedestal) * count
        self._variance += self._known.gain**2 * variance(mean, self._known) * count
        self._pixels += count

    def _blocks(self, values: NDArray[Any]) -> FloatArray:
        rows = values.reshape(-1, len(_ROWS), values.shape[1])
        lines = rows.sum(axis=1, dtype=np.float32)
        return np.add.reduceat(lines, self._starts, axis=1).astype(np.float64)

    def alike(self) -> bool:
        """Whether parts and blocks are as bright as the map says."""
        enough = self._pixels >= LOOKED * len(_ROWS) * BLOCK / 2
        if not enough.any():
            return True
        allowed = _SIGMAS * np.sqrt(self._variance) + _RELATIVE * self._expected
        other = np.abs(self._off) > np.maximum(allowed, _SIGMAS * self._known.gain)
        if np.count_nonzero(other & enough) > _OTHER_SHARE * np.count_nonzero(enough):
            return False
        off, noise = _parts(self._off * enough), _parts(self._variance * enough)
        expected = np.square(_parts(self._expected * enough)).sum()
        uneven = np.square(off).sum() - noise.sum()
        return bool(uneven <= _UNEVEN**2 * expected)


def _parts(values: FloatArray) -> FloatArray:
    """Sums over parts of the detector."""
    starts = [np.arange(0, size, _PART) for size in values.shape]
    rows = np.add.reduceat(values, starts[0], axis=0)
    return np.asarray(np.add.reduceat(rows, starts[1], axis=1))
