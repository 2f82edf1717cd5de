"""What is on a still and is no crystal of the sample: ice, salt, zingers, a streak."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from recorder.simulate.arrays import Floats, Ints
from recorder.simulate.stills.background import Background
from recorder.simulate.stills.detector import Detector
from recorder.simulate.stills.powder import ice_rings, on_rings, salt_rings, visible
from recorder.simulate.stills.settings import StillSettings

_ICE, _SALT, _ZINGERS, _STREAK = range(10, 14)
"""Tags of the random streams of an image: an effect shifts no draws of another."""

_STRAIN = 0.002
"""Relative sigma of the spacing from one grain of ice to the next."""
_OVERLOAD = 60_000
"""Photons in a pixel beyond which no salt spot need go to be an overload."""


class Found(NamedTuple):
    """What was added to an image."""

    level: float
    """Photons expected of streak and smooth ice, mean of the good pixels."""
    ice: bool
    salt: bool
    zingers: int
    """Number of events."""
    spots: Floats
    """Of ice and salt, (n, 3): x, y (px), expected photons."""


class Artefacts:
    """Adds artefacts to images; which ones depends on settings, seed and index.

    Raises:
        UsageError: Ice or salt is asked for and cannot be on the detector.
    """

    def __init__(
        self,
        settings: StillSettings,
        seed: int,
        detector: Detector,
        background: Background,
    ) -> None:
        self._settings = settings
        self._seed = seed
        self._detector = detector
        self._background = background
        q_max = background.q_max
        nothing = np.zeros((0, 2))
        ice, salt = settings.ice_share > 0, settings.salt_share > 0
        self._ice_rings = visible(ice_rings(), q_max, "ice") if ice else nothing
        self._salt_rings = visible(salt_rings(), q_max, "salt") if salt else nothing

    def add(self, counts: Ints, index: int) -> Found:
        """Add the artefacts of image ``index`` to its photons, (slow * fast,)."""
        streak = self._streak(counts, index)
        ice = self._ice(counts, index)
        salt = self._salt(counts, index)
        zingers = 0
        if mean := self._settings.zingers:
            shape = self._detector.geometry.shape
            zingers = add_zingers(counts, shape, mean, self._rng(_ZINGERS, index))
        level, grains = ice or (0.0, np.zeros((0, 3)))
        crystals = np.zeros((0, 3)) if salt is None else salt
        spots = np.concatenate((grains, crystals))
        return Found(streak + level, bool(ice), salt is not None, zingers, spots)

    def _streak(self, counts: Ints, index: int) -> float:
        """Add a streak; the mean of what is expected of it."""
        if not self._settings.streak:
            return 0.0
        rng = self._rng(_STREAK, index)
        rows, rates = self._background.streak(rng)
        image = counts.reshape(self._detector.geometry.shape)
        image[rows] += rng.poisson(rates)
        return self._background.mean(rates)

    def _ice(self, counts: Ints, index: int) -> tuple[float, Floats] | None:
        """Add ice to its share of the images; expected mean of the ring, spots."""
        if not self._settings.ice_share:
            return None
        rng = self._rng(_ICE, index)
        if rng.random() >= self._settings.ice_share:
            return None
        places, rates = self._background.ice(rng)
        counts[places] += rng.poisson(rates)
        spots = self._shaded(ice_spots(self._ice_rings, self._detector, rng))
        sigma = rng.uniform(*self._settings.psf)
        self._detector.add_spots(counts, spots, sigma, rng)
        return self._background.mean(rates), spots

    def _salt(self, counts: Ints, index: int) -> Floats | None:
        """Add salt to its share of the images; its spots."""
        settings = self._settings
        if not settings.salt_share:
            return None
        rng = self._rng(_SALT, index)
        if rng.random() >= settings.salt_share:
            return None
        top = float(np.iinfo(settings.dtype).max) / settings.gain
        sigma = settings.psf[0]
        spots = salt_spots(self._salt_rings, self._detector, sigma, top, rng)
        self._detector.add_spots(counts, spots, sigma, rng)
        return spots

    def _shaded(self, spots: Floats) -> Floats:
        """Spots behind the beamstop or its arm, weakened."""
        column, row = np.floor(spots[:, :2]).astype(np.int64).T
        photons = spots[:, 2] * self._background.shadow[row, column]
        return np.column_stack((spots[:, :2], photons))

    def _rng(self, tag: int, index: int) -> np.random.Generator:
        return np.random.default_rng((self._seed, tag, index))


def ice_spots(rings: Floats, detector: Detector, rng: np.random.Generator) -> Floats:
    """50 to 200 grains of ice.

    Args:
        rings: Spacings (Å) and relative frequencies, (n, 2).
        detector: Where they are seen.
        rng: Draws them.

    Returns:
        (n, 3): x, y (px), expected photons.
    """
    count = int(rng.integers(50, 201))
    xy = on_rings(rings, count, _STRAIN, detector, rng)
    return np.column_stack((xy, rng.lognormal(math.log(80), 0.9, len(xy))))


def salt_spots(
    rings: Floats,
    detector: Detector,
    sigma: float,
    saturation: float,
    rng: np.random.Generator,
) -> Floats:
    """3 to 8 spots of a crystal of rock salt, each of them an overload.

    Args:
        rings: Spacings (Å) and relative frequencies, (n, 2).
        detector: Where they are seen.
        sigma: Of the spots (px).
        saturation: Photons that a pixel can hold.
        rng: Draws them.

    Returns:
        (n, 3): x, y (px), expected photons.
    """
    count = int(rng.integers(3, 9))
    xy = on_rings(rings, count, 0, detector, rng)
    least = (math.erf(1 / sigma / math.sqrt(2)) / 2) ** 2  # where four pixels meet
    peak = min(saturation, _OVERLOAD) * rng.uniform(1.5, 5, len(xy))
    return np.column_stack((xy, peak / least))


def add_zingers(
    counts: Ints, shape: tuple[int, int], mean: float, rng: np.random.Generator
) -> int:
    """Add charged particles: photons in 1 to 3 px, one in five a short streak.

    Args:
        counts: Photons, (slow * fast,), changed.
        shape: (slow, fast).
        mean: Mean number of events.
        rng: Draws them.

    Returns:
        The number of events.
    """
    number = int(rng.poisson(mean))
    for _ in range(number):
        cells = _track(rng) + rng.integers((0, 0), shape)
        cells = cells[((cells >= 0) & (cells < shape)).all(axis=1)]
        places = cells[:, 0] * shape[1] + cells[:, 1]
        counts[places] += rng.lognormal(math.log(60), 0.8, len(places)).astype(int)
    return number


def _track(rng: np.random.Generator) -> Ints:
    """Pixels that one event touches, (n, 2) around (0, 0)."""
    if rng.random() < 0.2:
        angle = rng.uniform(0, 2 * math.pi)
        along = np.arange(int(rng.integers(4, 16)))
        line = np.outer(along, (math.sin(angle), math.cos(angle)))
        return np.unique(np.rint(line).astype(np.int64), axis=0)
    corner = np.array([(0, 0), (0, 1), (1, 0)])
    turned: Ints = corner[: int(rng.integers(1, 4))] * rng.choice((-1, 1), 2)
    return turned
