"""Two-stage Poisson spot finder.

Every pixel is compared with an integer threshold; at the few candidates the 3 x 3
sum meets an exact Poisson test, first against the expected background, then
(module :mod:`recorder.ssx.measure`) against the ring of pixels around the spot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.records import Geometry
from recorder.ssx.background import Background, BackgroundEstimator, Bins
from recorder.ssx.grouping import group
from recorder.ssx.measure import MARGIN, Measurer, Spots, limit

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]
Pixels = NDArray[np.integer]

MAX_SPOTS = 1000
"""Spots that are measured and counted at most."""
_P_PIXEL = 3e-4
_P_SUM = 1e-6
_MIN_SUM = 3.0
_MIN_GOOD = 5
_BAND = 8
"""Rows that share one line of thresholds."""
_MAX_CANDIDATES = 20_000
_MAX_AREA = 400
"""Larger connected areas are shadows or edges, not spots (pixels)."""
_MAX_FACTOR = 100.0
"""Pixels with a larger flat-field factor count as bad."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What the finder says of one image."""

    spots: Spots
    background: Background
    saturated: int


class SpotFinder:
    """Finds spots in images of one shape, type and mask; buffers are built once.

    Args:
        shape: (slow, fast).
        dtype: numpy integer type of the pixels. The highest value of an unsigned
            type and the lowest of a signed one mark bad pixels.
        geometry: For radial background; None: background by tiles.
        mask: (slow, fast) bool, True = bad; None: none.
        flatfield: (slow, fast) factors to multiply counts with; None: 1. Pixels
            whose factor is not finite, not positive or absurd are bad.
        saturation: Counts from which a pixel is saturated; None: never.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        dtype: np.dtype[np.generic],
        geometry: Geometry | None = None,
        mask: BoolArray | None = None,
        flatfield: NDArray[np.float32] | None = None,
        saturation: float | None = None,
    ) -> None:
        self._shape = height, width = shape
        self._saturation = saturation
        self._limits = np.iinfo(np.dtype(dtype).str)
        signed = bool(self._limits.min < 0)
        self._bad_value = int(self._limits.min if signed else self._limits.max)
        good = np.ones(shape, np.bool_) if mask is None else ~mask
        if flatfield is not None:
            # a comparison with NaN is false, so those pixels are bad as well
            good &= (flatfield > 0) & (flatfield < _MAX_FACTOR)
            flatfield = np.where(good, flatfield, 0).astype(np.float32)
        self._good = np.ascontiguousarray(good)
        self._measurer = Measurer(self._good, flatfield, self._bad_value)
        self._bins = Bins(shape, geometry)
        self._estimator = BackgroundEstimator(
            self._bins, self._good, flatfield, self._bad_value, signed=signed
        )
        rows = np.minimum(np.arange(0, height, _BAND) + _BAND // 2, height - 1)
        self._band_bins = self._bins(np.arange(width)[None, :], rows[:, None])
        self._thresholds = np.empty(self._band_bins.shape, dtype)
        self._above = np.empty(shape, np.bool_)

    def find(self, pixels: Pixels, gain: float | None, min_snr: float) -> Found:
        """Find the spots of an image.

        Args:
            pixels: (slow, fast) of the declared type, C-contiguous.
            gain: Counts per photon; None estimates it.
            min_snr: Least ratio of intensity to background noise.

        Returns:
            At most MAX_SPOTS spots, strongest first, with background and
            saturated pixels.
        """
        background = self._estimator.estimate(pixels, gain)
        thresholds = self._pixel_thresholds(background)
        index = self._candidates(pixels, thresholds)
        values = pixels.ravel()
        index = index[values[index] != self._bad_value]
        saturated = self._count_saturated(pixels, index, int(thresholds.max(initial=0)))
        index = self._strongest(self._inside(index), values)
        index, mean = self._centres(index, values, background)
        spots = self._measurer.measure(index, values, background, mean, min_snr)
        return Found(spots, background, saturated)

    def _pixel_thresholds(self, background: Background) -> Pixels:
        """Integer threshold per bin, lowered to that of its neighbours."""
        table = limit(background.mean, background, 1.0, _P_PIXEL)
        table = np.clip(np.floor(table), 1, self._limits.max)
        return self._bins.lowest_near(table).astype(self._thresholds.dtype)

    def _candidates(self, pixels: Pixels, thresholds: Pixels) -> IntArray:
        """Flat indices of good pixels above their threshold."""
        np.take(thresholds, self._band_bins, out=self._thresholds, mode="clip")
        height, width = self._shape
        whole = height // _BAND
        # one comparison with the bands as a dimension: no loop, and the line of
        # thresholds stays in the cache
        np.greater(
            pixels[: whole * _BAND].reshape(whole, _BAND, width),
            self._thresholds[:whole, None, :],
            out=self._above[: whole * _BAND].reshape(whole, _BAND, width),
        )
        if whole * _BAND < height:
            rest = slice(whole * _BAND, None)
            np.greater(pixels[rest], self._thresholds[whole], out=self._above[rest])
        np.logical_and(self._above, self._good, out=self._above)
        return np.flatnonzero(self._above)

    def _count_saturated(self, pixels: Pixels, index: IntArray, highest: int) -> int:
        if self._saturation is None:
            return 0
        if self._saturation > highest:
            # saturated pixels are candidates: no need to look at the others
            return int(np.count_nonzero(pixels.ravel()[index] >= self._saturation))
        full = (pixels >= self._saturation) & (pixels != self._bad_value) & self._good
        return int(np.count_nonzero(full))

    def _inside(self, index: IntArray) -> IntArray:
        height, width = self._shape
        y, x = np.divmod(index, width)
        inside = (x >= MARGIN) & (x < width - MARGIN)
        inside &= (y >= MARGIN) & (y < height - MARGIN)
        return np.asarray(index[inside])

    @staticmethod
    def _strongest(index: IntArray, values: Pixels) -> IntArray:
        """Bound the work on absurd images; ties are cut in image order."""
        if len(index) <= _MAX_CANDIDATES:
            return index
        v = values[index]
        least = np.partition(v, len(v) - _MAX_CANDIDATES)[len(v) - _MAX_CANDIDATES]
        return np.asarray(index[v >= least][:_MAX_CANDIDATES])

    def _centres(
        self, index: IntArray, values: Pixels, background: Background
    ) -> tuple[IntArray, FloatArray]:
        """One centre per connected group of significant 3 x 3 sums.

        Returns:
            Flat indices, strongest first, and the expected background there.
        """
        y, x = np.divmod(index, self._shape[1])
        mean = background.mean[self._bins(x, y)]
        box, good = self._measurer.box(index, values, background.lowest)
        n = good.sum(axis=1)
        total = box.sum(axis=1)
        least = limit(n * mean, background, n.astype(np.float64), _P_SUM)
        keep = (n >= _MIN_GOOD) & (
            total > np.maximum(least, _MIN_SUM * background.gain)
        )
        index, total, mean, n = index[keep], total[keep], mean[keep], n[keep]
        best, area = group(index, total, self._shape[1])
        best = best[area <= _MAX_AREA]
        excess = (total - n * mean)[best]
        best = best[np.argsort(-excess, kind="stable")[:MAX_SPOTS]]
        return index[best], mean[best]
