"""Columns and rows that are noisy or dead, and pixels at the border of modules."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from recorder.simulate.arrays import Floats, Ints, Mask
from recorder.simulate.stills.settings import StillSettings

_LINES = 5
"""Tag of the random stream of the lines of a detector."""
_LEAST = 0.25
"""Share of the detector's side that a line has at least: a chip of four."""
_SCATTER = 0.5
"""Sigma of the logarithm of what a noisy pixel adds, from image to image."""


class Lines(NamedTuple):
    """Pixels of lines, flat indices."""

    noisy: Ints
    """(n,)"""
    photons: Floats
    """Mean photons that each of the noisy ones adds, (n,)."""
    dead: Ints
    """(m,)"""

    def add_noise(self, counts: Ints, rng: np.random.Generator) -> None:
        """Add what the noisy lines see of nothing, to photons (slow * fast,)."""
        if self.noisy.size:
            mean = -(_SCATTER**2) / 2
            factor = rng.lognormal(mean, _SCATTER, self.noisy.size)
            counts[self.noisy] += rng.poisson(self.photons * factor)


def draw_lines(settings: StillSettings, seed: int, mask: Mask) -> Lines:
    """The lines of a detector; masked pixels do not belong to them.

    Args:
        settings: What to simulate.
        seed: Decides which lines.
        mask: (slow, fast), True where a pixel is bad.
    """
    rng = np.random.default_rng((seed, _LINES))
    flat = mask.ravel()
    noisy: list[Ints] = []
    photons: list[Floats] = []
    low, high = settings.noisy_line
    for number in range(settings.noisy_lines):
        places = _line(mask.shape, number % 2 == 0, rng)
        places = places[~flat[places]]
        noisy.append(places)
        level = low * (high / low) ** rng.random()
        photons.append(np.full(places.size, level))
    dead = [_line(mask.shape, n % 2 == 0, rng) for n in range(settings.dead_lines)]
    stuck = _joined(dead)
    return Lines(
        _joined(noisy),
        np.concatenate(photons) if photons else np.zeros(0),
        np.unique(stuck[~flat[stuck]]),
    )


def _joined(parts: list[Ints]) -> Ints:
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _line(shape: tuple[int, ...], column: bool, rng: np.random.Generator) -> Ints:
    """Flat indices of a piece of a column or row."""
    slow, fast = shape
    across, along = (fast, slow) if column else (slow, fast)
    where = int(rng.integers(across))
    length = math.ceil(along * rng.uniform(_LEAST, 1))
    first = int(rng.integers(along - length + 1))
    along_it = np.arange(first, first + length)
    return along_it * fast + where if column else where * fast + along_it


def border_pixels(mask: Mask, period: tuple[int, int], module: tuple[int, int]) -> Ints:
    """Flat indices of the good pixels at the border of a module, or of the image.

    Args:
        mask: (slow, fast), True where a pixel is bad.
        period: From module to module (slow, fast).
        module: Size of a module (slow, fast).
    """
    at_border = []
    for size, step, length in zip(mask.shape, period, module, strict=True):
        number = np.arange(size)
        inside = number % step
        edge = (inside == 0) | (inside == length - 1) | (number == size - 1)
        at_border.append(edge)
    places: Ints = np.flatnonzero((at_border[0][:, None] | at_border[1]) & ~mask)
    return places
