"""Background of one image from a fixed sub-sample of its rows.

Pixels are grouped in bins of equal distance from the beam centre, or, while the
centre is unknown, in square tiles. Everything that depends on the geometry only is
built once; an image costs one gather and a few segmented sums of the sample.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.records import Geometry

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_SAMPLE = 150_000
"""Pixels to look at: a bin mean is then known to a few per cent."""
_BIN_WIDTH = 6.0
"""Radial bins, px."""
_TILE = 64
_MIN_IN_BIN = 40
_PASSES = 4
_SEGMENT = 64
_SNAP = 0.15
"""A gain this close to 1 is photon counting."""
_NOISELESS = 0.02
"""Electronic noise (photons²) so low that it makes no count negative."""
_GAIN_MIN_SUM = 200.0
"""Photons in the sample below which no gain can be told."""


class Bins:
    """Which bin a pixel belongs to: rings about the beam, or tiles."""

    def __init__(self, shape: tuple[int, int], geometry: Geometry | None) -> None:
        self.shape = shape
        self.radial = geometry is not None
        if geometry is None:
            self._columns = -(-shape[1] // _TILE)
            self.count = self._columns * -(-shape[0] // _TILE)
            return
        pixel = min(geometry.pixel_size)
        self._center = geometry.beam_center
        self._scale = (geometry.pixel_size[0] / pixel, geometry.pixel_size[1] / pixel)
        corners = self._radius(
            np.array([0.0, shape[1], 0.0, shape[1]]),
            np.array([0.0, 0.0, shape[0], shape[0]]),
        )
        # a far-away beam centre must not make millions of bins
        self._width = max(_BIN_WIDTH, float(corners.max()) / 2000)
        self.count = int(corners.max() / self._width) + 1

    def _radius(self, x: FloatArray, y: FloatArray) -> FloatArray:
        return np.hypot(
            (x - self._center[0]) * self._scale[0],
            (y - self._center[1]) * self._scale[1],
        )

    def __call__(self, x: NDArray[np.integer], y: NDArray[np.integer]) -> IntArray:
        """Bin numbers of pixels by their integer indices; arrays broadcast."""
        if not self.radial:
            tiles = (y // _TILE) * self._columns + x // _TILE
            return np.asarray(tiles, dtype=np.intp)
        radius = self._radius(np.add(x, 0.5), np.add(y, 0.5))
        bins = (radius / self._width).astype(np.intp)
        return np.minimum(bins, self.count - 1)

    def lowest_near(self, values: FloatArray) -> FloatArray:
        """Per bin the lowest value among the bin and its neighbours."""
        if not self.radial or len(values) < 2:
            return values
        out = values.copy()
        np.minimum(out[1:], values[:-1], out=out[1:])
        np.minimum(out[:-1], values[1:], out=out[:-1])
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """Background of one image; counts c relate to photons n by ``c = gain * n``."""

    mean: FloatArray
    """(bins,) expected counts of a pixel."""
    gain: float
    """Counts per photon."""
    excess: float
    """Variance beyond Poisson (electronic noise), photons²: the counts of a pixel
    behave like ``gain * (Poisson(mean / gain + excess) - excess)``."""
    level: float
    """Mean counts of a good pixel away from spots."""
    lowest: float = -math.inf
    """Pixels below are flags, not counts: 0 where nothing can make counts negative."""


class BackgroundEstimator:
    """Estimates :class:`Background` for images of one shape and mask.

    Args:
        bins: How pixels are grouped.
        good: (slow, fast) bool, pixels to be trusted.
        flatfield: (slow, fast) float32 factors or None.
        bad_value: Pixel value that marks a bad pixel, or None.
        signed: Whether pixels can be negative: then there is electronic noise.
    """

    def __init__(
        self,
        bins: Bins,
        good: NDArray[np.bool_],
        flatfield: NDArray[np.float32] | None,
        bad_value: int | None,
        *,
        signed: bool,
    ) -> None:
        height, width = bins.shape
        step = max(1, round(height * width / _SAMPLE))
        self._rows = np.arange(min(step // 2, height - 1), height, step)
        self._width = width
        y, x = self._rows[:, None], np.arange(width)[None, :]
        self._labels = bins(x, y)
        self._good = good[self._rows]
        self._flat = None if flatfield is None else flatfield[self._rows]
        self._bad_value = bad_value
        self._signed = signed
        self._values = np.empty(self._labels.shape, np.float32)
        self._use = np.empty(self._labels.shape, np.bool_)
        flat_labels = self._labels.ravel()
        order = np.argsort(flat_labels, kind="stable")
        self._order = order[self._good.ravel()[order]]
        ordered = flat_labels[self._order]
        self._present, self._starts = np.unique(ordered, return_index=True)
        self._lengths = np.diff(np.append(self._starts, len(ordered)))
        self._count = bins.count

    def estimate(
        self, pixels: NDArray[np.integer], gain: float | None = None
    ) -> Background:
        """Background of an image.

        Args:
            pixels: (slow, fast) integers.
            gain: Counts per photon; None estimates it.

        Returns:
            The background; all zero if there is no good pixel.
        """
        self._load(pixels)
        if len(self._order) == 0:
            return Background(np.zeros(self._count), gain or 1.0, 0.0, 0.0)
        rough, excess = self._rough_noise(gain)
        lowest = self._lowest(rough, excess)
        mean, cut = self._trimmed(rough, excess)
        if gain is None and not self._signed:
            rough = self._fine_gain(cut)
        level = float(np.dot(mean[self._present], self._lengths) / len(self._order))
        return Background(mean, rough, excess, level, lowest)

    def _lowest(self, gain: float, excess: float) -> float:
        """Detectors without electronic noise mark bad pixels by -1 and -2."""
        if not self._signed:
            return -math.inf
        level = float(self._values.mean(where=self._use)) if self._use.any() else 0.0
        if excess > max(_NOISELESS, 0.1 * level / gain):
            return -math.inf
        self._use &= self._values >= 0
        self._values *= self._use
        return 0.0

    def _load(self, pixels: NDArray[np.integer]) -> None:
        raw = pixels[self._rows]
        self._values[...] = raw
        np.copyto(self._use, self._good)
        if self._bad_value is not None:
            self._use &= raw != self._bad_value
        if self._flat is not None:
            self._values *= self._flat
        self._values *= self._use

    def _pairs(self, allowed: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
        """Per segment of a row: half squared difference and sum of neighbours."""
        even = self._width // 2 * 2
        if even == 0:
            return np.zeros(0), np.zeros(0)
        left, right = self._values[:, 0:even:2], self._values[:, 1:even:2]
        both = allowed[:, 0:even:2] & allowed[:, 1:even:2]
        square = np.square(left - right) * both
        total = (left + right) * both
        cuts = np.arange(0, even // 2, _SEGMENT // 2)
        return (
            np.add.reduceat(square, cuts, axis=1, dtype=np.float64).ravel(),
            np.add.reduceat(total, cuts, axis=1, dtype=np.float64).ravel(),
        )

    def _rough_noise(self, gain: float | None) -> tuple[float, float]:
        """Gain and excess noise from the median over short pieces of rows.

        Differences of neighbours, because gradients of the background do not enter;
        the median, because few of the pieces touch a spot.
        """
        square, total = self._pairs(self._use)
        if self._signed:
            fixed = gain or 1.0
            n = max(_SEGMENT // 2, 1)
            variance = np.median(square) / (2 * n) if square.size else 0.0
            mean = np.median(total) / (2 * n) if total.size else 0.0
            excess = (float(variance) - fixed * max(float(mean), 0.0)) / fixed**2
            return fixed, max(excess, 0.0)
        if gain is not None:
            return gain, 0.0
        seen = total > 0
        if not seen.any():
            return 1.0, 0.0
        return max(1.0, float(np.median(square[seen] / total[seen]))), 0.0

    def _trimmed(self, gain: float, excess: float) -> tuple[FloatArray, FloatArray]:
        """Mean per bin without what cannot be background, and the cut used."""
        values = self._values.ravel()[self._order]
        use = self._use.ravel()[self._order]
        sums = np.add.reduceat(values, self._starts, dtype=np.float64)
        counts = np.add.reduceat(use, self._starts, dtype=np.intp)
        mean = sums / np.maximum(counts, 1)
        cut = np.zeros_like(mean)
        for _ in range(_PASSES):
            photons = np.maximum(mean, 0.0) / gain + excess
            cut = mean + gain * (6.0 * np.sqrt(photons) + 6.0)
            keep = values <= np.repeat(cut.astype(np.float32), self._lengths)
            keep &= use
            sums = np.add.reduceat(values * keep, self._starts, dtype=np.float64)
            counts = np.add.reduceat(keep, self._starts, dtype=np.intp)
            mean = sums / np.maximum(counts, 1)
        full_cut = np.zeros(self._count)
        full_cut[self._present] = cut
        return self._filled(mean, counts), full_cut

    def _filled(self, mean: FloatArray, counts: IntArray) -> FloatArray:
        """Mean for every bin: those with few pixels take their neighbours' value."""
        enough = counts >= min(_MIN_IN_BIN, int(counts.max(initial=0)))
        enough &= counts > 0
        if not enough.any():
            return np.zeros(self._count)
        filled = np.interp(np.arange(self._count), self._present[enough], mean[enough])
        return np.asarray(filled, dtype=np.float64)

    def _fine_gain(self, cut: FloatArray) -> float:
        """Variance over mean of the pixels that are background."""
        allowed = self._values <= cut.astype(np.float32)[self._labels]
        allowed &= self._use
        square, total = self._pairs(allowed)
        if total.sum() < _GAIN_MIN_SUM:
            return 1.0
        gain = float(square.sum() / total.sum())
        return 1.0 if gain < 1.0 + _SNAP else gain
