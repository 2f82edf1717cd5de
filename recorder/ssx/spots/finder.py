"""Two-stage Poisson spot finder.

Every pixel is compared with an integer threshold; at the few candidates the 3 x 3
sum meets an exact Poisson test, first against the expected background, then
(module :mod:`recorder.ssx.spots.integrate`) against the ring of pixels around the spot.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.records import Geometry, LearnedBackground
from recorder.ssx.arrays import BoolArray, FloatArray, IntArray, Pixels
from recorder.ssx.background.bins import Bins
from recorder.ssx.background.learned_map import MapBackground, ScaledBackground
from recorder.ssx.background.noise import Background, limit
from recorder.ssx.background.radial import BackgroundEstimator, RadialBackground
from recorder.ssx.spots.connected import group, where_true
from recorder.ssx.spots.integrate import MARGIN, SpotIntegrator, Spots
from recorder.ssx.spots.outstanding import Searcher
from recorder.ssx.spots.unusual import Inspector

MAX_SPOTS = 1000
"""Spots that are measured and counted at most."""
P_PIXEL = 4e-4
"""Probability that background exceeds a pixel's threshold. Half or double it finds 3 %
fewer or more of the spots of 20 to 40 photons; double makes half as many false spots
again (0.2 to 0.3 in a blank), and more candidates that cost time (`make bench-quality`,
Spots; 6e-4 was given up for `make bench`)."""
_P_SUM = 3e-6
"""The same for the sum of the 3 x 3 pixels. Half or double changes 1 % of the spots of
20 to 40 photons (`make bench-quality`, Spots): the first stage and the surroundings
decide."""
_MIN_SUM = 3.0
"""Photons of a 3 x 3 sum, at least: where no background is expected one photon would be
improbable. Half or double changes no spot in `make bench-quality`, Spots."""
_MIN_GOOD = 5
"""Good pixels among the 3 x 3 that make a sum: a majority. 2 or 9 changes no spot in
`make bench-quality`, Spots."""
_FLOOD = 0.02
"""If this share of the pixels stands out, the background is another one."""
_KEPT_MAPS = 3
"""Learned maps that are kept: as many as the pool keeps states, because a late image
may need an older one."""
_MAX_CANDIDATES = 10_000
"""Candidates that are looked at, the highest: a blank of 16 megapixels has at most 6400
by chance. It bounds the time of absurd images."""
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


@dataclass(frozen=True, slots=True, eq=False)
class _Map:
    """A learned background, ready for use."""

    learned: LearnedBackground
    searcher: Searcher
    background: MapBackground
    integrator: SpotIntegrator


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
        self._shape = shape
        self._saturation = saturation
        self._dtype = np.dtype(dtype)
        self._limits = np.iinfo(np.dtype(dtype).str)
        signed = bool(self._limits.min < 0)
        self._bad_value = int(self._limits.min if signed else self._limits.max)
        good = np.ones(shape, np.bool_) if mask is None else ~mask
        if flatfield is not None:
            # a comparison with NaN is false, so those pixels are bad as well
            good &= (flatfield > 0) & (flatfield < _MAX_FACTOR)
            flatfield = np.where(good, flatfield, 0).astype(np.float32)
        self.good = np.ascontiguousarray(good)
        self.flatfield = flatfield
        self.bins = Bins(shape, geometry)
        self.estimator = BackgroundEstimator(
            self.bins, self.good, flatfield, self._bad_value, signed=signed
        )
        self._integrator = SpotIntegrator(self.good, flatfield, self._bad_value)
        self._searcher = Searcher(self.good, self._dtype)
        self.inspector = Inspector(self.good, self._bad_value, saturation)
        self._learned: dict[int, _Map] = {}

    def learn(self, number: int, learned: LearnedBackground) -> None:
        """Take over a learned background; images name it by its number."""
        same = [m for m in self._learned.values() if m.learned.same_as(learned)]
        self._learned[number] = same[0] if same else self._prepared(learned)
        for old in sorted(self._learned)[:-_KEPT_MAPS]:
            del self._learned[old]

    def _prepared(self, learned: LearnedBackground) -> _Map:
        good = self.good & ~learned.bad
        background = MapBackground(
            self.bins, good, self.flatfield, learned, self._bad_value
        )
        background.prepare(P_PIXEL, self._dtype)
        integrator = SpotIntegrator(good, self.flatfield, self._bad_value)
        return _Map(learned, Searcher(good, self._dtype), background, integrator)

    def bad(self, learned: int = 0) -> IntArray:
        """Flat indices of the pixels that are not looked at, ascending.

        Args:
            learned: Number of the learned background; an unknown one: only the mask.
        """
        known = self._learned.get(learned)
        bad = ~self.good
        return np.flatnonzero(bad | known.learned.bad if known else bad)

    def find(
        self, pixels: Pixels, gain: float | None, min_snr: float, learned: int = 0
    ) -> Found:
        """Find the spots of an image.

        Args:
            pixels: (slow, fast) of the declared type, C-contiguous.
            gain: Counts per photon; None estimates it.
            min_snr: Least ratio of intensity to background noise.
            learned: Number of the learned background to use; without one by that
                number the image's own radial background is used.

        Returns:
            At most MAX_SPOTS spots, strongest first, with background and
            saturated pixels.
        """
        background, candidates, saturated = self.candidates(pixels, gain, learned)
        known = self._learned.get(learned)
        integrator = known.integrator if known else self._integrator
        values = pixels.ravel()
        index = self._strongest(self._inside(candidates), values)
        index, mean = self._centres(index, values, background, integrator)
        spots = integrator.integrate(index, values, background, mean, min_snr)
        return Found(spots, background, saturated)

    def candidates(
        self, pixels: Pixels, gain: float | None = None, learned: int = 0
    ) -> tuple[Background, IntArray, int]:
        """Background of an image and the pixels that stand out from it.

        Args:
            pixels: (slow, fast), as set up.
            gain: Counts per photon; None estimates it.
            learned: Number of the learned state to use; 0 for none.

        Returns:
            The background, flat indices of good pixels above their threshold, and
            the number of saturated pixels.
        """
        known = self._learned.get(learned)
        background: RadialBackground | ScaledBackground
        if known is None:
            searcher = self._searcher
            background = self.estimator.estimate(pixels, gain)
            limits = self.estimator.thresholds(background, P_PIXEL, self._dtype)
        else:
            searcher = known.searcher
            background = known.background.estimate(pixels)
            limits = known.background.thresholds(background, P_PIXEL, self._dtype)
        index = searcher.outstanding(pixels, limits)
        if known is not None and len(index) > _FLOOD * pixels.size:
            # nothing like what was learned: the image must speak for itself
            return self.candidates(pixels, gain)
        index = index[pixels.ravel()[index] != self._bad_value]
        return background, index, self._count_saturated(pixels, index, limits)

    def flags(self, pixels: Pixels, underload: float) -> IntArray:
        """Flat indices of good pixels (slow, fast) that hold a flag, not counts."""
        return where_true(self.is_flag(pixels, underload) & self.good)

    def is_flag(self, values: Pixels, underload: float) -> BoolArray:
        """Which of some pixels, of any shape, hold a flag, not counts."""
        flag = np.asarray(values == self._bad_value, dtype=np.bool_)
        return flag | (values < underload) if underload > -math.inf else flag

    def _count_saturated(self, pixels: Pixels, index: IntArray, limits: Pixels) -> int:
        if self._saturation is None:
            return 0
        if self._saturation > limits.max(initial=0):
            # saturated pixels are candidates: no need to look at the others
            return int(np.count_nonzero(pixels.ravel()[index] >= self._saturation))
        full = (pixels >= self._saturation) & (pixels != self._bad_value) & self.good
        return int(np.count_nonzero(full))

    def _inside(self, index: IntArray) -> IntArray:
        height, width = self._shape
        y = index // width
        x = index - y * width
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
        self,
        index: IntArray,
        values: Pixels,
        background: Background,
        integrator: SpotIntegrator,
    ) -> tuple[IntArray, FloatArray]:
        """One centre per connected group of significant 3 x 3 sums.

        Returns:
            Flat indices, strongest first, and the expected background there.
        """
        y = index // self._shape[1]
        mean = background.at(index - y * self._shape[1], y)
        box, good = integrator.box(index, values, background.underload)
        n = good.sum(axis=1)
        total = box.sum(axis=1)
        least = limit(n * mean, background, n.astype(np.float64), _P_SUM)
        keep = (n >= _MIN_GOOD) & (
            total - n * background.pedestal
            > np.maximum(least - n * background.pedestal, _MIN_SUM * background.gain)
        )
        index, total, mean, n = index[keep], total[keep], mean[keep], n[keep]
        best, area = group(index, total, self._shape[1])
        best = best[area <= _MAX_AREA]
        excess = (total - n * mean)[best]
        best = best[np.argsort(-excess, kind="stable")[:MAX_SPOTS]]
        return index[best], mean[best]
