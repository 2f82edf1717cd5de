"""How counts scatter about a background; the protocol of all background estimates."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import FloatArray, IntArray
from recorder.ssx.background import poisson

BAND = 8
"""Rows that share one line of thresholds."""
CUT = 6.0
"""Standard deviations, and photons besides, above the mean beyond which a pixel is no
background when a mean is made. Poisson noise goes there less than once in 10⁹ pixels;
spots, zingers and hot pixels are cut."""


class Noise(Protocol):
    """How counts scatter; counts c relate to photons n by ``c = gain * n``."""

    @property
    def gain(self) -> float:
        """Counts per photon."""

    @property
    def read_noise(self) -> float:
        """Variance beyond Poisson (electronic noise), photons².

        The counts of a pixel behave like ``pedestal + gain *
        (Poisson((mean - pedestal) / gain + read_noise) - read_noise)``.
        """

    @property
    def pedestal(self) -> float:
        """Counts of a pixel without a photon."""


class Background(Noise, Protocol):
    """Background of one image."""

    @property
    def level(self) -> float:
        """Mean counts of a good pixel away from spots."""

    @property
    def underload(self) -> float:
        """Pixels below are flags, not counts: 0 where no noise makes them negative."""

    @property
    def solvent(self) -> float | None:
        """Mean counts in the solvent ring (2.95 to 3.7 Å) over `level`.

        It tells whether a jet or drop is in the beam; None without geometry or ring.
        """

    @property
    def local(self) -> bool:
        """Whether `at` follows the image's own shape, not only its radial mean."""

    def at(self, x: IntArray, y: IntArray) -> FloatArray:
        """Expected counts of pixels, by their integer indices (n,)."""


def whole_counts(limits: FloatArray, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Limits as pixels of a type; never below 1, so that nothing is no signal."""
    counts = np.clip(np.floor(limits), 1, np.iinfo(dtype).max)
    return counts.astype(dtype)


def limit(
    mean: FloatArray, noise: Noise, pixels: FloatArray | float, p: float
) -> FloatArray:
    """Counts that a sum of background pixels exceeds with a probability below p.

    Args:
        mean: Expected sums, counts.
        noise: Of the image.
        pixels: Number of pixels in the sums.
        p: Tail probability.

    Returns:
        Same shape as `mean`, counts.
    """
    extra = noise.read_noise * pixels
    base = noise.pedestal * pixels
    photons = np.maximum((mean - base) / noise.gain, 0) + extra
    return np.asarray(base + noise.gain * (poisson.quantile(photons, p) - extra))


def variance(mean: FloatArray, noise: Noise) -> FloatArray:
    """Variance of a pixel's counts, photons².

    Args:
        mean: Expected counts of a pixel.
        noise: Of the image.
    """
    photons = np.maximum((mean - noise.pedestal) / noise.gain, 0.0)
    return np.asarray(photons + noise.read_noise)
