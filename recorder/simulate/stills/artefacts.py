"""What is on a still and is no crystal of the sample: ice, salt, zingers, streaks."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from recorder.records import Geometry, Json
from recorder.simulate.arrays import Floats, Ints
from recorder.simulate.stills.background import Background
from recorder.simulate.stills.detector import Detector
from recorder.simulate.stills.jets import Jets, Streak
from recorder.simulate.stills.powder import (
    ice_rings,
    on_rings,
    rings_of,
    salt_rings,
    visible,
)
from recorder.simulate.stills.settings import StillSettings
from recorder.simulate.stills.shadows import Shadows
from recorder.simulate.stills.zingers import add_zingers

_ICE, _SALT, _ZINGERS, _STREAK = range(10, 14)
"""Tags of the random streams of an image: an effect shifts no draws of another."""
_JET, _SHADOWS, _RING = 16, 17, 19
"""More of them; 14, 15, 18, 20 and 21 are cells, noise, borders, lines and forms."""

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
    """Of ice, salt and rings, (n, 3): x, y (px), expected photons."""
    jet: Streak | None
    ring: bool
    light: Floats | None
    """What shadows let through, (slow, fast); None without shadows."""

    @property
    def truth(self) -> Json:
        """Which artefacts there are; none is named that is not there."""
        all_of_them = {
            "ice": self.ice,
            "salt": self.salt,
            "zingers": self.zingers,
            "jet": self.jet and self.jet.truth,
            "ring": self.ring,
        }
        return {name: value for name, value in all_of_them.items() if value}


class Artefacts:
    """Adds artefacts to images; which ones depends on settings, seed and index.

    Raises:
        UsageError: Ice, salt or a ring is asked for and cannot be on the detector.
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
        self._rings = nothing
        if settings.ring_share:
            self._rings = visible(rings_of(settings.ring, seed), q_max, "ring")
        self._jets = Jets(settings, seed, background.seen)
        self._shadows = Shadows(settings, seed)

    def add(self, counts: Ints, index: int, geometry: Geometry) -> Found:
        """Add the artefacts of image ``index`` to its photons, (slow * fast,).

        Args:
            counts: Photons, changed.
            index: Of the image.
            geometry: Where the detector is on this image.
        """
        streak = self._streak(counts, index)
        jet, scattered = self._jet(counts, index, geometry)
        ice = self._ice(counts, index, geometry)
        salt = self._salt(counts, index, geometry)
        ring = self._ring(counts, index, geometry)
        light = self._dim(counts, index)
        zingers = 0
        if mean := self._settings.zingers:
            shape = self._detector.geometry.shape
            zingers = add_zingers(counts, shape, mean, self._rng(_ZINGERS, index))
        level, grains = ice or (0.0, np.zeros((0, 3)))
        smooth, points = ring or (0.0, np.zeros((0, 3)))
        crystals = np.zeros((0, 3)) if salt is None else salt
        return Found(
            streak + scattered + level + smooth,
            bool(ice),
            salt is not None,
            zingers,
            np.concatenate((grains, crystals, points)),
            jet,
            bool(ring),
            light,
        )

    def _jet(
        self, counts: Ints, index: int, geometry: Geometry
    ) -> tuple[Streak | None, float]:
        """Add the streak of a jet; what it is, and the mean of what is expected."""
        if not self._settings.jet[1]:
            return None, 0.0
        rng = self._rng(_JET, index)
        jet = self._jets.draw(rng)
        places, rates = self._jets.rates(jet, geometry)
        counts[places] += rng.poisson(rates)
        return jet, self._background.mean(rates)

    def _ring(
        self, counts: Ints, index: int, geometry: Geometry
    ) -> tuple[float, Floats] | None:
        """Add rings to their share of the images; expected mean, spots."""
        settings = self._settings
        if not settings.ring_share:
            return None
        rng = self._rng(_RING, index)
        if rng.random() >= settings.ring_share:
            return None
        places, rates = self._background.ring(rng)
        counts[places] += rng.poisson(rates)
        number = round(rng.uniform(*settings.ring_spots))
        grains = _grains(self._rings, number, self._detector, rng, geometry)
        spots = self._shaded(grains)
        sigma = rng.uniform(*settings.psf)
        self._detector.add_spots(counts, spots, sigma, rng)
        return self._background.mean(rates), spots

    def _dim(self, counts: Ints, index: int) -> Floats | None:
        """Take away what shadows take; what they let through."""
        if not self._shadows:
            return None
        rng = self._rng(_SHADOWS, index)
        light = self._shadows.light(rng)
        self._shadows.dim(counts, light, rng)
        return light

    def _streak(self, counts: Ints, index: int) -> float:
        """Add a streak; the mean of what is expected of it."""
        if not self._settings.streak:
            return 0.0
        rng = self._rng(_STREAK, index)
        rows, rates = self._background.streak(rng)
        image = counts.reshape(self._detector.geometry.shape)
        image[rows] += rng.poisson(rates)
        return self._background.mean(rates)

    def _ice(
        self, counts: Ints, index: int, geometry: Geometry
    ) -> tuple[float, Floats] | None:
        """Add ice to its share of the images; expected mean of the ring, spots."""
        if not self._settings.ice_share:
            return None
        rng = self._rng(_ICE, index)
        if rng.random() >= self._settings.ice_share:
            return None
        places, rates = self._background.ice(rng)
        counts[places] += rng.poisson(rates)
        spots = self._shaded(ice_spots(self._ice_rings, self._detector, rng, geometry))
        sigma = rng.uniform(*self._settings.psf)
        self._detector.add_spots(counts, spots, sigma, rng)
        return self._background.mean(rates), spots

    def _salt(self, counts: Ints, index: int, geometry: Geometry) -> Floats | None:
        """Add salt to its share of the images; its spots."""
        settings = self._settings
        if not settings.salt_share:
            return None
        rng = self._rng(_SALT, index)
        if rng.random() >= settings.salt_share:
            return None
        top = float(np.iinfo(settings.dtype).max) / settings.gain
        sigma = settings.psf[0]
        spots = salt_spots(self._salt_rings, self._detector, sigma, top, rng, geometry)
        self._detector.add_spots(counts, spots, sigma, rng)
        return spots

    def _shaded(self, spots: Floats) -> Floats:
        """Spots behind the beamstop or its arm, weakened."""
        column, row = np.floor(spots[:, :2]).astype(np.int64).T
        photons = spots[:, 2] * self._background.shadow[row, column]
        return np.column_stack((spots[:, :2], photons))

    def _rng(self, tag: int, index: int) -> np.random.Generator:
        return np.random.default_rng((self._seed, tag, index))


def ice_spots(
    rings: Floats, detector: Detector, rng: np.random.Generator, geometry: Geometry
) -> Floats:
    """50 to 200 grains of ice.

    Args:
        rings: Spacings (Å) and relative frequencies, (n, 2).
        detector: Where they are seen.
        rng: Draws them.
        geometry: Where the detector is on this image.

    Returns:
        (n, 3): x, y (px), expected photons.
    """
    return _grains(rings, int(rng.integers(50, 201)), detector, rng, geometry)


def _grains(
    rings: Floats,
    count: int,
    detector: Detector,
    rng: np.random.Generator,
    geometry: Geometry,
) -> Floats:
    """Spots of so many grains, (n, 3)."""
    xy = on_rings(rings, count, _STRAIN, detector, rng, geometry)
    return np.column_stack((xy, rng.lognormal(math.log(80), 0.9, len(xy))))


def salt_spots(
    rings: Floats,
    detector: Detector,
    sigma: float,
    saturation: float,
    rng: np.random.Generator,
    geometry: Geometry,
) -> Floats:
    """3 to 8 spots of a crystal of rock salt, each of them an overload.

    Args:
        rings: Spacings (Å) and relative frequencies, (n, 2).
        detector: Where they are seen.
        sigma: Of the spots (px).
        saturation: Photons that a pixel can hold.
        rng: Draws them.
        geometry: Where the detector is on this image.

    Returns:
        (n, 3): x, y (px), expected photons.
    """
    count = int(rng.integers(3, 9))
    xy = on_rings(rings, count, 0, detector, rng, geometry)
    least = (math.erf(1 / sigma / math.sqrt(2)) / 2) ** 2  # where four pixels meet
    peak = min(saturation, _OVERLOAD) * rng.uniform(1.5, 5, len(xy))
    return np.column_stack((xy, peak / least))
