"""Background from a learned map, scaled to each image.

The map is kept in blocks of 8 x 8 pixels, which is as smooth as the mean of a few
images deserves, and read by bilinear interpolation. Images differ from it by a level
and, where a jet or drop comes and goes, by the height of the solvent ring: one factor
per zone of resolution.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.records import LearnedBackground
from recorder.ssx.arrays import FloatArray, IntArray
from recorder.ssx.background.bins import Bins
from recorder.ssx.background.noise import BAND, CUT, limit, whole_counts

BLOCK = BAND
"""A band of thresholds is one row of blocks."""
_SAMPLE = 40_000
"""Pixels that tell the scale of an image."""
_STEP = math.log(1.1)
"""Thresholds are kept for levels 10 % apart."""
_KEPT_LEVELS = 24
"""Levels whose lines of thresholds are kept, about 1 MB each at 4 megapixels: a tenfold
range of brightness. It changes time alone. Chosen, not tuned."""
_PREPARED = 4
"""Levels on either side of the map's own that are made before any image waits: up to 46
% brighter and 32 % darker. Made within the loop they cost single images 15 to 30 ms."""
_ZONES = (np.inf, 20.0, 10.0, 7.0, 5.5, 4.5, 3.7, 2.95, 2.5, 2.1, 1.8, 1.5, 0.0)
"""Borders of the zones, Å; one of them is the solvent ring."""
_SOLVENT_ZONE = 6
"""Place of the solvent ring, 2.95 to 3.7 Å, among the zones above."""
_PRIOR = 400.0
"""Photons by which a zone's factor is drawn to that of the whole image."""
_ZONE_SCALES = (0.2, 5.0)
"""Factors of a zone relative to the whole image that are believed; beyond lies no
background. Chosen, not tuned."""
_SCALES = (1e-3, 1e4)
"""Factors of an image that are believed: the thresholds stay numbers, whatever comes.
Chosen, not tuned."""
_OTHER_LEVEL = 0.3
"""Natural logarithm of the scale (35 %) beyond which the cut, made for the level of the
map, is made anew. Chosen, not tuned."""
_LEAST_MEAN = 1e-6
"""Counts of a pixel that the map has at least, so that it can be divided by."""


@dataclass(frozen=True, slots=True, eq=False)
class ScaledBackground:
    """A learned map, scaled to an image."""

    source: MapBackground
    scales: FloatArray
    """(zones,) factor of the map."""
    scale: float
    gain: float
    read_noise: float
    level: float
    underload: float
    solvent: float | None
    local: bool = True
    pedestal: float = 0.0

    def at(self, x: IntArray, y: IntArray) -> FloatArray:
        """See :meth:`recorder.ssx.background.noise.Background.at`."""
        photons = self.source.mean_at(x, y) * self.scales[self.source.zone_at(x, y)]
        return photons + self.pedestal


class MapBackground:
    """Scales one learned map to images.

    Args:
        bins: For the zones of resolution.
        good: (slow, fast) bool, pixels to be trusted.
        flatfield: (slow, fast) float32 factors or None.
        learned: The map.
        bad_value: Pixel value that marks a bad pixel, or None.
    """

    def __init__(
        self,
        bins: Bins,
        good: NDArray[np.bool_],
        flatfield: NDArray[np.float32] | None,
        learned: LearnedBackground,
        bad_value: int | None = None,
    ) -> None:
        self._bad_value = bad_value
        self._bins = bins
        self._learned = learned
        above = learned.grid.astype(np.float64) - learned.pedestal
        self._grid = np.maximum(above, _LEAST_MEAN)
        rows_of, columns_of = np.indices(learned.grid.shape)
        middle = [
            np.minimum(BLOCK * n.ravel() + BLOCK // 2, size - 1)
            for n, size in zip((rows_of, columns_of), bins.shape, strict=True)
        ]
        self._zone_of_block = _zones(bins)[bins(middle[1], middle[0])]
        height, width = bins.shape
        step = max(1, round(height * width / _SAMPLE))
        rows = np.arange(min(step // 2, height - 1), height, step)
        y, x = np.broadcast_arrays(rows[:, None], np.arange(width)[None, :])
        use = good[rows].ravel()
        x, y = x.ravel()[use], y.ravel()[use]
        zone = self.zone_at(x, y)
        order = np.argsort(zone, kind="stable")
        x, y, zone = x[order], y[order], zone[order]
        self._where = y * width + x
        self._factor = None if flatfield is None else flatfield.ravel()[self._where]
        self._mean = self.mean_at(x, y).astype(np.float32)
        self._present, self._starts = np.unique(zone, return_index=True)
        self._counts = np.diff(np.append(self._starts, len(zone)))
        self._levels: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._cut = self._cut_at(1.0)
        self._expected = self._sums(self._mean)

    def _cut_at(self, scale: float) -> NDArray[np.float32]:
        """Counts over the pedestal above which a sampled pixel is no background."""
        gain, extra = self._learned.gain, self._learned.read_noise
        mean = scale * self._mean
        noise = gain * np.sqrt(mean / gain + extra)
        return np.asarray(mean + CUT * noise + CUT * gain, dtype=np.float32)

    def _sums(self, values: NDArray[np.float32]) -> FloatArray:
        if not len(values):
            return np.zeros(0)
        return np.add.reduceat(values, self._starts, dtype=np.float64)

    def zone_at(self, x: IntArray, y: IntArray) -> IntArray:
        """Zone of pixels by their integer indices."""
        block = (y // BLOCK) * self._grid.shape[1] + x // BLOCK
        return np.asarray(self._zone_of_block[block])

    def mean_at(self, x: IntArray, y: IntArray) -> FloatArray:
        """Mean of the map, without pedestal, at pixels by their integer indices."""
        rows, columns = self._grid.shape
        u = np.clip((x + 0.5) / BLOCK - 0.5, 0, columns - 1)
        v = np.clip((y + 0.5) / BLOCK - 0.5, 0, rows - 1)
        i = np.minimum(u.astype(np.intp), max(columns - 2, 0))
        j = np.minimum(v.astype(np.intp), max(rows - 2, 0))
        u, v = u - i, v - j
        right, below = min(1, columns - 1), columns * min(1, rows - 1)
        flat, at = self._grid.ravel(), j * columns + i
        top = flat[at] * (1 - u) + flat[at + right] * u
        bottom = flat[at + below] * (1 - u) + flat[at + below + right] * u
        return np.asarray(top * (1 - v) + bottom * v)

    def estimate(self, pixels: NDArray[np.integer]) -> ScaledBackground:
        """Background of an image.

        Args:
            pixels: (slow, fast) integers, C-contiguous.
        """
        learned = self._learned
        raw = pixels.ravel().take(self._where)
        values = raw.astype(np.float32)
        if self._bad_value is not None and (flags := raw == self._bad_value).any():
            # a pixel without a count is as bright as expected: it says nothing
            values[flags] = self._mean[flags] + np.float32(learned.pedestal)
        if self._factor is not None:
            values *= self._factor
        if learned.underload > -math.inf:
            np.maximum(values, np.float32(learned.underload), out=values)
        if learned.pedestal:
            values -= np.float32(learned.pedestal)
        expected = float(self._expected.sum())
        if expected <= 0:
            ones = np.ones(len(_ZONES) - 1)
            return ScaledBackground(
                self,
                ones,
                1.0,
                learned.gain,
                learned.read_noise,
                0.0,
                learned.underload,
                None,
                pedestal=learned.pedestal,
            )
        sums = self._sums(np.minimum(values, self._cut))
        scale = _bounded(float(sums.sum()) / expected)
        if abs(math.log(scale)) > _OTHER_LEVEL:  # the cut was for another level
            sums = self._sums(np.minimum(values, self._cut_at(scale)))
            scale = _bounded(float(sums.sum()) / expected)
        scales = np.full(len(_ZONES) - 1, scale)
        prior = _PRIOR * learned.gain
        own = (np.maximum(sums, 0) + prior) / (self._expected * scale + prior)
        scales[self._present] = scale * np.clip(own, *_ZONE_SCALES)
        level = float(sums.sum() / self._counts.sum())
        ring = self._ring(sums, level)
        return ScaledBackground(
            self,
            scales,
            scale,
            learned.gain,
            learned.read_noise,
            level + learned.pedestal,
            learned.underload,
            ring,
            pedestal=learned.pedestal,
        )

    def _ring(self, sums: FloatArray, level: float) -> float | None:
        here = np.flatnonzero(self._present == _SOLVENT_ZONE)
        if not self._bins.radial or len(here) == 0 or level <= 0:
            return None
        return float(sums[here[0]] / self._counts[here[0]] / level)

    def thresholds(
        self, background: ScaledBackground, p: float, dtype: np.dtype[Any]
    ) -> NDArray[Any]:
        """Counts that a background pixel exceeds with a probability below p.

        Returns:
            (bands of BAND rows, fast) of the pixels' type, for the nearest level
            that is kept.
        """
        return self._level(round(math.log(background.scale) / _STEP), p, dtype)

    def prepare(self, p: float, dtype: np.dtype[Any]) -> None:
        """Make the thresholds of the likeliest levels, before any image waits."""
        for key in range(-_PREPARED, _PREPARED + 1):
            self._level(key, p, dtype)

    def _level(self, key: int, p: float, dtype: np.dtype[Any]) -> NDArray[Any]:
        known = self._levels.get(key)
        if known is None:
            mean = self._grid * math.exp(key * _STEP) + self._learned.pedestal
            table = whole_counts(limit(mean, self._learned, 1.0, p), dtype)
            # lines, not whole maps: those of many levels would never be in the cache
            known = np.repeat(table, BLOCK, axis=1)[:, : self._bins.shape[1]]
            self._levels[key] = known = np.ascontiguousarray(known)
            if len(self._levels) > _KEPT_LEVELS:
                self._levels.popitem(last=False)
        return known


def _bounded(scale: float) -> float:
    return min(max(scale, _SCALES[0]), _SCALES[1])


def _zones(bins: Bins) -> IntArray:
    """(bins,) zone of each radial bin; one zone if there is no geometry."""
    if not bins.radial:
        return np.zeros(bins.count, np.intp)
    borders = np.array(_ZONES[1:-1])
    return np.asarray(np.searchsorted(-borders, -bins.spacing()), dtype=np.intp)
