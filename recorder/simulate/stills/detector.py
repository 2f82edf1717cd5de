"""The simulated detector: its pixels, their faults, and counts from photons.

Pixel convention: the middle of pixel i is i + 0.5, beam centres count from the
outer corner of pixel 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.records import Geometry
from recorder.simulate.arrays import Floats, Ints, Mask
from recorder.simulate.stills.lines import border_pixels, draw_lines
from recorder.simulate.stills.settings import StillSettings

LISTED = 1.0
"""Photons from which a spot is drawn and listed."""
_MODULE = (514, 1030)
"""Pixels (slow, fast) of an EIGER module."""
_GAP = (37, 10)
"""Pixels (slow, fast) between two EIGER modules."""
_DEAD = 2
"""Tag of the random stream of the dead pixels."""
_BASELINE = 8
"""Tag of the random stream of the baseline of each pixel."""
_REACH = 4
"""Least half width of the window (px) in which a spot is drawn."""
_GRID = np.linspace(-8, 8, 1601)
"""Standard deviations where the integral of a Gaussian is tabulated: beyond 8 it is 1
to 15 digits; between steps of 0.01 it is interpolated to 3e-6."""
_CDF = np.array([(1 + math.erf(x / math.sqrt(2))) / 2 for x in _GRID])


class Detector:
    """Pixels and their faults, the same for all images of a seed.

    Args:
        settings: What to simulate.
        seed: Decides mask, hot and dead pixels.
    """

    def __init__(self, settings: StillSettings, seed: int) -> None:
        self._settings = settings
        self.geometry = settings.geometry
        rng = np.random.default_rng((seed, 0))
        shape = self.geometry.shape
        self.mask: Mask = rng.random(shape) < settings.bad_pixel_share
        """(slow, fast), True where the header declares a pixel bad."""
        if settings.module_gaps:
            self.mask |= module_gaps(shape)
        self._open = _open_centres(self.mask)
        self.hot_pixels = self._choose(settings.hot_pixels_per_mpx, rng)
        """Flat indices of the undeclared hot pixels."""
        self._hot_rates = rng.lognormal(math.log(30), 1, self.hot_pixels.size)
        dead = np.random.default_rng((seed, _DEAD))
        self.dead_pixels = self._choose(settings.dead_pixels_per_mpx, dead)
        """Flat indices of the undeclared pixels that are stuck at 0."""
        self.lines = draw_lines(settings, seed, self.mask)
        """Noisy and dead columns and rows, undeclared."""
        self._edges = self._borders()
        self._baseline = self._baselines(seed)
        self._reach = max(_REACH, math.ceil(4.7 * settings.psf[1]))

    def _choose(self, per_mpx: float, rng: np.random.Generator) -> Ints:
        """Flat indices of some of the pixels that are not masked."""
        some = rng.integers(
            self.mask.size, size=rng.poisson(per_mpx * (self.mask.size / 1e6))
        )
        chosen: Ints = np.unique(some[~self.mask.ravel()[some]])
        return chosen

    def _borders(self) -> Ints:
        """Flat indices of the pixels at borders that count more; none, usually."""
        if self._settings.module_edge == 1:
            return np.zeros(0, np.int64)
        if not self._settings.module_gaps:
            return border_pixels(self.mask, self.mask.shape, self.mask.shape)
        period = (_MODULE[0] + _GAP[0], _MODULE[1] + _GAP[1])
        return border_pixels(self.mask, period, _MODULE)

    def _baselines(self, seed: int) -> Floats | float:
        """Counts of each pixel without photons, (slow * fast,), or of all."""
        settings = self._settings
        if not settings.baseline_spread:
            return settings.baseline
        rng = np.random.default_rng((seed, _BASELINE))
        spread = rng.normal(settings.baseline, settings.baseline_spread, self.mask.size)
        return np.asarray(spread)

    def add_edges(self, counts: Ints, rates: Floats, rng: np.random.Generator) -> None:
        """Add to photons what the pixels at borders count more of a background.

        Args:
            counts: Photons, (slow * fast,), changed.
            rates: Expected photons of the background, (slow, fast).
            rng: Draws the photons.
        """
        if self._edges.size:
            more = rates.ravel()[self._edges] * (self._settings.module_edge - 1)
            counts[self._edges] += rng.poisson(more)

    def inside(self, xy: Floats) -> Mask:
        """True for points (n, 2) (px) on the detector, gaps and bad pixels too."""
        limits = np.array(self.geometry.shape[::-1])
        on_it: Mask = np.all((xy >= 0) & (xy < limits), axis=1)
        return on_it

    def is_open(self, spots: Floats) -> Mask:
        """True for spots (n, 2 or more) in the image with 5 x 5 good pixels around."""
        column, row = np.floor(spots[:, :2]).astype(np.int64).T
        is_open: Mask = self._open[row, column]
        return is_open

    def listed(self, spots: Floats) -> Floats:
        """Those of the spots (n, 3) that the truth lists: bright and open."""
        spots = spots[spots[:, 2] >= LISTED]
        return spots[self.is_open(spots)]

    def add_spots(
        self, counts: Ints, spots: Floats, sigma: float, rng: np.random.Generator
    ) -> None:
        """Add Poisson photons of Gaussian spots, integrated over pixels, to counts.

        Args:
            counts: Photons, (slow * fast,), changed.
            spots: (n, 3): x, y (px), expected photons.
            sigma: Of the spots (px).
            rng: Draws the photons.
        """
        slow, fast = self.geometry.shape
        reach = self._reach
        first = np.floor(spots[:, :2]).astype(np.int64) - reach
        edges = first[:, :, None] + np.arange(2 * reach + 2)
        share = np.diff(np.interp((edges - spots[:, :2, None]) / sigma, _GRID, _CDF))
        expected = spots[:, 2, None, None] * share[:, 1, :, None] * share[:, 0, None, :]
        photons = rng.poisson(expected)
        columns = np.broadcast_to(edges[:, 0, None, :-1], photons.shape)
        rows = np.broadcast_to(edges[:, 1, :-1, None], photons.shape)
        some = (photons > 0) & (rows >= 0) & (rows < slow)
        some &= (columns >= 0) & (columns < fast)
        np.add.at(counts, rows[some] * fast + columns[some], photons[some])

    def digitise(
        self, counts: Ints, rng: np.random.Generator, noise: np.random.Generator
    ) -> NDArray[np.integer]:
        """Hot pixels, gain, baseline, noise, saturation, dead pixels, mask.

        Args:
            counts: Photons, (slow * fast,), changed.
            rng: Draws the photons of the hot pixels.
            noise: Draws the electronic noise.

        Returns:
            (slow, fast), at most one below the maximum of the dtype; masked pixels
            are the minimum of a signed dtype and the maximum of an unsigned one.
        """
        counts[self.hot_pixels] += rng.poisson(self._hot_rates)
        if self._settings.gain != 1:
            counts *= self._settings.gain
        limits = np.iinfo(self._settings.dtype)
        offset: Any = self._baseline
        if self._settings.noise:
            sigma = np.float32(self._settings.noise)
            drawn = noise.standard_normal(counts.size, np.float32)
            offset = drawn * sigma + offset
        if np.any(offset):
            counts += np.rint(offset).astype(np.int64)
            lowest = limits.min + 1 if self._settings.signed else 0
            np.maximum(counts, lowest, out=counts)
        np.minimum(counts, limits.max - 1, out=counts)
        pixels: NDArray[np.integer] = counts.astype(self._settings.dtype)
        pixels[self.dead_pixels] = 0
        pixels[self.lines.dead] = 0
        pixels = pixels.reshape(self.mask.shape)
        pixels[self.mask] = limits.min if self._settings.signed else limits.max
        return pixels


def offsets(geometry: Geometry) -> tuple[Floats, Floats]:
    """Metres from the beam centre to pixel middles: x (1, fast), y (slow, 1)."""
    slow, fast = geometry.shape
    x = (np.arange(fast) + 0.5 - geometry.beam_center[0]) * geometry.pixel_size[0]
    y = (np.arange(slow) + 0.5 - geometry.beam_center[1]) * geometry.pixel_size[1]
    return x[None, :].astype(np.float64), y[:, None].astype(np.float64)


def directions(geometry: Geometry) -> Floats:
    """Unit vectors from the sample to the middle of each pixel, (slow, fast, 3)."""
    x, y = np.broadcast_arrays(*offsets(geometry))
    vectors = np.stack((x, y, np.full(x.shape, geometry.distance)), axis=-1)
    unit: Floats = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit


def module_gaps(shape: tuple[int, int]) -> Mask:
    """Gaps of EIGER modules (514 x 1030, 37 and 10 px apart) from pixel 0 on."""
    slow, fast = (
        np.arange(size) % (module + gap) >= module
        for size, module, gap in zip(shape, _MODULE, _GAP, strict=True)
    )
    return slow[:, None] | fast[None, :]


def _open_centres(mask: Mask) -> Mask:
    """True where the 5 x 5 surroundings are inside the image and good."""
    good = np.pad(~mask, 2)
    slow, fast = mask.shape
    rows = np.logical_and.reduce([good[i : i + slow] for i in range(5)])
    centres: Mask = np.logical_and.reduce([rows[:, i : i + fast] for i in range(5)])
    return centres
