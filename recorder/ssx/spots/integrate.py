"""Spots measured in their 3 x 3 pixels against the ring of pixels around them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import BoolArray, FloatArray, IntArray, Pixels
from recorder.ssx.background.noise import Background, limit, variance
from recorder.ssx.spots.lines import (
    REACH,
    STRIPS_X,
    STRIPS_Y,
    above_lines,
    may_be_lines,
    ring_lines,
)

MARGIN = 4
"""Spots nearer to the edge have no whole ring (pixels)."""
_RING_FROM = 3
"""Distance (px) of the ring from the centre, to MARGIN: 56 pixels outside of the spot.
From 2 or 4 on 2 to 3 % of the spots of 20 to 40 photons are lost without a map (`make
bench-quality`, Spots)."""
_P_LOCAL = 1e-5
"""Tail probability of a spot's sum above its ring, where a map tells the background,
too. Half or double changes 1 % of the spots of 20 to 40 photons (`make bench-quality`,
Spots)."""
_P_ALONE = 1e-6
"""The same where only the ring tells it: stricter, because rings hold spots and
edges."""
_MIN_PHOTONS = 4.0
"""Photons of a spot, at least. Half or double changes no spot in `make bench-quality`,
Spots: the probabilities ask for more."""
_MIN_GOOD = 6
"""Good pixels of the 3 x 3 that a spot is measured in, at least. 3 or 9 changes no spot
in `make bench-quality`, Spots."""
_MIN_RING = 10
"""Good pixels that a ring must have more of; else the image's background stands for it.
20 adds false spots beside gaps (0.4 to 0.9 in a blank at 4.6 photons/px), 5 changes
nothing (`make bench-quality`, Spots)."""
_RING_CUT, _RING_PASSES = 4, 3
"""Standard deviations, and photons besides, above the ring's mean at which its pixels
are cut, and how often: neighbouring spots are, noise rarely. Chosen, not tuned."""
_PRIOR = 4
"""Weight of the expected background against the ring's, in pixels."""
_SHARP = (0.6, 0.85, 0.96)
"""Larger shares of a spot in its brightest one, two, three pixels mean a hot pixel
or a zinger. Of real spots on PILATUS and EIGER about 1 in 100 is as sharp."""


@dataclass(frozen=True, slots=True, eq=False)
class Spots:
    """Spots of one image, strongest first; arrays of equal length n."""

    x: FloatArray
    """(n,) centroid, px; the middle of pixel i is i + 0.5."""
    y: FloatArray
    intensity: FloatArray
    """(n,) counts above background in the 3 x 3 pixels."""
    snr: FloatArray
    """(n,) intensity over its background noise."""

    def __len__(self) -> int:
        return len(self.x)

    def select(self, keep: BoolArray | IntArray) -> Spots:
        """The spots at `keep`: a mask of shape (n,), or indices of shape (m,)."""
        return Spots(self.x[keep], self.y[keep], self.intensity[keep], self.snr[keep])


def _square(inner: int, outer: int, width: int) -> tuple[IntArray, IntArray, IntArray]:
    """Offsets (flat, dx, dy) at Chebyshev distance inner..outer."""
    dy, dx = np.mgrid[-outer : outer + 1, -outer : outer + 1].reshape(2, -1)
    far = np.maximum(abs(dx), abs(dy)) >= inner
    dx, dy = dx[far].astype(np.intp), dy[far].astype(np.intp)
    return dy * width + dx, dx, dy


def sharp(above: FloatArray) -> BoolArray:
    """Which of the (n, 9) patches are too sharp for a spot."""
    brightest = np.sort(np.maximum(above, 0.0), axis=1)[:, ::-1].cumsum(axis=1)
    shares = brightest[:, : len(_SHARP)] / np.maximum(brightest[:, -1:], 1e-9)
    return np.asarray((shares > _SHARP).any(axis=1), dtype=np.bool_)


class SpotIntegrator:
    """Reads the surroundings of pixels and measures spots.

    Args:
        good: (slow, fast) pixels to be trusted.
        flatfield: (slow, fast) factors to multiply counts with; None: 1.
        bad_value: Pixel value that marks a bad pixel.
    """

    def __init__(
        self,
        good: BoolArray,
        flatfield: NDArray[np.float32] | None,
        bad_value: int,
    ) -> None:
        self._height, self._width = good.shape
        self._good = good.ravel()
        self._flat = None if flatfield is None else flatfield.ravel()
        self._bad_value = bad_value
        self._box, self._box_dx, self._box_dy = _square(0, 1, self._width)
        self._strips = STRIPS_Y * self._width + STRIPS_X
        self._ring, dx, dy = _square(_RING_FROM, MARGIN, self._width)
        self._crossed = ring_lines(dx, dy)

    def box(
        self, index: IntArray, values: Pixels, underload: float
    ) -> tuple[FloatArray, BoolArray]:
        """Corrected counts, 0 where bad, and validity of 3 x 3 pixels.

        Args:
            index: (n,) flat indices of centres at least MARGIN from the edge.
            values: All pixels, flat.
            underload: Pixels with lower values are bad.

        Returns:
            (n, 9) float64 and (n, 9) bool.
        """
        return self._gather(index[:, None] + self._box, values, underload)

    def _gather(
        self, around: IntArray, values: Pixels, underload: float
    ) -> tuple[FloatArray, BoolArray]:
        # clipped, not checked: what lies beyond the edge is told by its place
        raw = values.take(around, mode="clip")
        good = self._good.take(around, mode="clip")
        good &= raw != self._bad_value
        if underload > -math.inf:
            good &= raw >= underload
        counts = raw.astype(np.float64)
        if self._flat is not None:
            counts *= self._flat.take(around, mode="clip")
        counts *= good
        return counts, good

    def integrate(
        self,
        index: IntArray,
        values: Pixels,
        background: Background,
        mean: FloatArray,
        min_snr: float,
    ) -> Spots:
        """Measure spots and keep those that stand out from their surroundings.

        Args:
            index: (n,) flat indices of centres at least MARGIN from the edge.
            values: All pixels, flat.
            background: Of the image.
            mean: (n,) expected background of a pixel there, counts.
            min_snr: Least ratio of intensity to background noise.

        Returns:
            The accepted spots, strongest first.
        """
        gain = background.gain
        local, scatter, ring, in_ring = self._local(index, values, background, mean)
        n_ring = in_ring.sum(axis=1)
        counts, good = self.box(index, values, background.underload)
        n = good.sum(axis=1).astype(np.float64)
        above = np.where(good, counts - local[:, None], 0.0)
        intensity = above.sum(axis=1)
        # the ring's mean is itself uncertain: 1 + n / n_ring
        noise = n * scatter * (1 + n / np.maximum(n_ring, 1))
        snr = intensity / np.sqrt(np.maximum(noise, 0.5 * gain * gain))
        if background.local:
            least = limit(n * local, background, n, _P_LOCAL)
        else:  # the bin's mean says little of this place: trust the ring, doubt it
            highest = local + np.sqrt(scatter / np.maximum(n_ring, 1))
            least = limit(n * highest, background, n, _P_ALONE)
        keep = (intensity >= _MIN_PHOTONS * gain) & (snr >= min_snr)
        keep &= (n >= _MIN_GOOD) & (counts.sum(axis=1) > least)
        keep &= ~sharp(above)
        total = counts.sum(axis=1)
        here = np.flatnonzero(keep)
        weak = here[
            may_be_lines(
                total[here],
                n[here],
                ring[here],
                in_ring[here],
                self._crossed,
                background,
            )
        ]
        if len(weak):
            around = self._around(index[weak], values, background.underload)
            keep[weak] = above_lines(
                total[weak], n[weak], *around, local[weak], background
            )
        spots = self._spots(index, above, intensity, snr).select(keep)
        return spots.select(np.argsort(-spots.intensity, kind="stable"))

    def _around(
        self, index: IntArray, values: Pixels, underload: float
    ) -> tuple[FloatArray, BoolArray]:
        """Counts and validity of the pixels around spots, bad beyond the edge."""
        around = index[:, None] + self._strips
        counts, good = self._gather(around, values, underload)
        y, x = np.divmod(index, self._width)
        edge = np.minimum(
            np.minimum(x, self._width - 1 - x), np.minimum(y, self._height - 1 - y)
        )
        near = np.flatnonzero(edge < REACH)
        column, row = x[near, None] + STRIPS_X, y[near, None] + STRIPS_Y
        inside = (column >= 0) & (column < self._width)
        inside &= (row >= 0) & (row < self._height)
        good[near] &= inside
        counts[near] *= inside
        return counts, good

    def _local(
        self,
        index: IntArray,
        values: Pixels,
        background: Background,
        mean: FloatArray,
    ) -> tuple[FloatArray, FloatArray, FloatArray, BoolArray]:
        """Mean and variance of a pixel in the ring, its counts and which are good.

        Neighbouring spots in the ring are cut off in passes, relative to the
        ring itself, because the mean of the bin may be far off there.
        """
        gain, base = background.gain, background.pedestal
        around = index[:, None] + self._ring
        ring, good = self._gather(around, values, background.underload)
        n = good.sum(axis=1)
        here = np.maximum(n, 1)
        local = ring.sum(axis=1) / here
        clipped = ring
        for _ in range(_RING_PASSES):
            sigma = np.sqrt(variance(local, background))
            cut = local + gain * (_RING_CUT * sigma + _RING_CUT)
            clipped = np.minimum(ring, cut[:, None])
            local = clipped.sum(axis=1) / here
        spread = np.where(good, clipped - local[:, None], 0.0)
        scatter = np.square(spread).sum(axis=1) / here
        shrunk = (local * n + _PRIOR * mean) / (n + _PRIOR)
        enough = n > _MIN_RING
        local = np.where(enough, np.maximum(shrunk, (mean + base) / 2), mean)
        poissonian = gain * gain * variance(local, background)
        scatter = np.where(enough, np.maximum(scatter, poissonian), poissonian)
        return local, scatter, ring, good

    def _spots(
        self,
        index: IntArray,
        above: FloatArray,
        intensity: FloatArray,
        snr: FloatArray,
    ) -> Spots:
        y, x = np.divmod(index, self._width)
        weights = np.maximum(above, 0.0)
        weights /= np.maximum(weights.sum(axis=1), 1e-9)[:, None]
        return Spots(
            x + 0.5 + weights @ self._box_dx,
            y + 0.5 + weights @ self._box_dy,
            intensity,
            snr,
        )
