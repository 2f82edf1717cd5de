"""The streak of a jet: a line of scattered light that moves from image to image."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from recorder.records import Geometry, Json
from recorder.simulate.arrays import Floats, Ints
from recorder.simulate.stills.background import Sparse
from recorder.simulate.stills.settings import StillSettings

_DIRECTION = 6
"""Tag of the random stream of the direction of a run's jet."""
_FAINT = 0.003
"""Photons at which a profile is cut off: a thousand such pixels are three photons."""
_FINE = (-1 / 3, 0.0, 1 / 3)
"""Where the profile is taken within a pixel, each way (px): a line one pixel wide
must not flicker with its place among the pixels."""
_WIDTH_OF_SIGMA = math.sqrt(8 * math.log(2))
"""Full width at half maximum of a Gaussian, in sigmas."""
_WIDTH_OF_FALL = 2 * math.log(2)
"""The same of a two-sided exponential, in lengths of its fall."""


class Streak(NamedTuple):
    """One streak."""

    photons: float
    """At its peak, before the pixels average it."""
    width: float
    """Full width at half maximum, px."""
    profile: str
    """``gaussian`` or ``exponential``."""
    angle: float
    """Of its direction, degrees from +x (fast) to +y (slow)."""
    offset: float
    """How far it passes from the beam centre, px."""

    @property
    def truth(self) -> Json:
        """As it stands in a truth file."""
        numbers = self._asdict()
        return {k: v if k == "profile" else round(v, 4) for k, v in numbers.items()}


class Jets:
    """Draws streaks.

    Args:
        settings: What to simulate.
        seed: Decides the direction of the run.
        seen: (slow, fast), what the beamstop lets through; 0 on bad pixels.
    """

    def __init__(self, settings: StillSettings, seed: int, seen: Floats) -> None:
        self._settings = settings
        self._seen = seen
        self._direction = np.random.default_rng((seed, _DIRECTION)).uniform(0, 180)

    def draw(self, rng: np.random.Generator) -> Streak:
        """The streak of one image."""
        settings = self._settings
        photons, width = _between(settings.jet, rng), _between(settings.jet_width, rng)
        angle = self._direction + settings.jet_turn * rng.standard_normal()
        offset = settings.jet_move * rng.standard_normal()
        profile = settings.jet_profile
        if profile == "mixed":
            profile = "gaussian" if rng.random() < 0.5 else "exponential"
        return Streak(photons, width, profile, float(angle % 180), float(offset))

    def rates(self, streak: Streak, geometry: Geometry) -> Sparse:
        """Expected photons of a streak, where there are any."""
        slow, fast = geometry.shape
        x = np.arange(fast) + 0.5 - geometry.beam_center[0]
        y = (np.arange(slow) + 0.5 - geometry.beam_center[1])[:, None]
        turn = math.radians(streak.angle)
        cosine, sine = math.cos(turn), math.sin(turn)
        across = y * cosine - x * sine - streak.offset
        near = np.abs(across) < _reach(streak) + 1
        places: Ints = np.flatnonzero(near)
        rows, columns = np.divmod(places, fast)
        along = np.abs(x[columns] * cosine + y[rows, 0] * sine)
        q = along * geometry.pixel_size[0] / geometry.distance / geometry.wavelength
        mean = np.zeros(len(places))
        for down in _FINE:
            for right in _FINE:
                off = across.ravel()[places] + down * cosine - right * sine
                mean += _profile(streak, np.abs(off))
        rates = streak.photons * mean / len(_FINE) ** 2
        rates *= np.exp(-q / self._settings.jet_fall) * self._seen.ravel()[places]
        return Sparse(places, rates)


def _between(limits: tuple[float, float], rng: np.random.Generator) -> float:
    """Somewhere between two limits, as often below as above their geometric mean."""
    low, high = limits
    return float(low * (high / low) ** rng.random())


def _profile(streak: Streak, off: Floats) -> Floats:
    """Height at so many pixels from the middle, 1 in the middle."""
    if streak.profile == "exponential":
        fallen: Floats = np.exp(-off * _WIDTH_OF_FALL / streak.width)
        return fallen
    bell: Floats = np.exp(-((off * _WIDTH_OF_SIGMA / streak.width) ** 2) / 2)
    return bell


def _reach(streak: Streak) -> float:
    """Pixels from the middle at which next to nothing is left."""
    folds = max(0.0, math.log(streak.photons / _FAINT))
    if streak.profile == "exponential":
        return folds * streak.width / _WIDTH_OF_FALL
    return math.sqrt(2 * folds) * streak.width / _WIDTH_OF_SIGMA
