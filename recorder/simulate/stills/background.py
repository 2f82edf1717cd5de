"""The smooth background of simulated stills: its shape, its drift, a jet's streak."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from recorder.records import Geometry
from recorder.simulate.arrays import Floats, Ints, Mask
from recorder.simulate.stills.crystal import polarisation
from recorder.simulate.stills.detector import directions, offsets
from recorder.simulate.stills.powder import ice_rings, rings_of, visible
from recorder.simulate.stills.settings import StillSettings

_DRIFT = 3
"""Tag of the random stream of the phases of the drift."""
_RINGS = 1.5
"""Height of the solvent rings over the air."""
_POWDER_WIDTH = 0.0012
"""Sigma of a smooth ring of ice (1/Å)."""
_STREAK_WIDTH = 2.5
"""Sigma across a streak (px)."""
_STREAK_Q = 0.1
"""|q| (1/Å) over which a streak falls to 1/e."""
_STREAK_ANGLE = math.radians(2)
"""Sigma of its direction around x: the jet wobbles."""


class Band(NamedTuple):
    """Expected photons of some rows of an image."""

    rows: slice
    rates: Floats
    """(rows, fast)"""


class Sparse(NamedTuple):
    """Expected photons of some pixels of an image."""

    places: Ints
    """Flat indices, (n,)."""
    rates: Floats
    """(n,)"""


class Background:
    """Expected photons of air, solvent, ice powder and streak, for each image.

    Args:
        settings: What to simulate.
        mask: (slow, fast), True where a pixel is bad: nothing is expected there.
        seed: Decides the phases of the drift.

    Raises:
        UsageError: Ice is asked for, and none of its rings is on the detector.
    """

    def __init__(self, settings: StillSettings, mask: Mask, seed: int) -> None:
        self._settings = settings
        self._good = ~mask
        self._pixels = max(1, int(np.count_nonzero(self._good)))
        geometry = settings.geometry
        unit = directions(geometry)
        q = np.sqrt(2 - 2 * unit[..., 2]) / geometry.wavelength
        self.q_max = float(q.max())
        """Of all pixels (1/Å)."""
        self.shadow = _shadow(geometry)
        """Transmission of the beamstop, (slow, fast)."""
        self.seen: Floats = self.shadow * self._good
        """The same, 0 on bad pixels."""
        seen = (unit[..., 2] ** 3, polarisation(unit), self.shadow)
        air, rings = _air(q), _RINGS * _rings(q)
        both = self._solvent(air + rings, seen)
        scale = settings.background / both[self._good].mean()
        self._both: Floats = both * scale
        self._parts: tuple[Floats, Floats] | None = None
        if settings.background_drift[0]:
            parts = self._solvent(air, seen), self._solvent(rings, seen)
            self._parts = (parts[0] * scale, parts[1] * scale)
        self._phases = np.random.default_rng((seed, _DRIFT)).uniform(0, 2 * np.pi, 2)
        self._powder = self._ring = Sparse(np.zeros(0, np.int64), np.zeros(0))
        if settings.ice_share:
            peaks = _powder(visible(ice_rings(), self.q_max, "ice"), q, _POWDER_WIDTH)
            self._powder = _sparse(math.prod(seen, start=peaks * self._good))
        if settings.ring_share and settings.ring_height[1]:
            these = visible(rings_of(settings.ring, seed), self.q_max, "ring")
            peaks = _powder(these, q, settings.ring_width)
            self._ring = _sparse(peaks * self.seen)

    def _solvent(self, profile: Floats, seen: tuple[Floats, ...]) -> Floats:
        """A profile times what the detector sees of it, 0 on bad pixels."""
        photons: Floats = math.prod(seen, start=profile)
        if any(self._settings.azimuthal):
            photons *= _azimuthal(self._settings)
        photons[~self._good] = 0
        return photons

    def level(self, when: float) -> float:
        """Factor of the drift of the whole background at image ``when``."""
        return self._drift(when, 0)

    def ring_height(self, when: float) -> float:
        """Factor of the drift of the solvent rings over the air at image ``when``."""
        return self._drift(when, 1)

    def _drift(self, when: float, which: int) -> float:
        amplitude, period = self._settings.background_drift
        turn = 2 * math.pi * when / period + float(self._phases[which])
        return 1 + amplitude * math.sin(turn)

    def rates(self, when: float) -> Floats:
        """Expected photons of air and solvent at image ``when``, (slow, fast)."""
        if self._parts is None:
            return np.asarray(self._both)
        air, rings = self._parts
        rates = rings * self.ring_height(when) + air
        return np.asarray(rates * self.level(when))

    def mean(self, rates: Floats) -> float:
        """What rates of an image, or of a part of it, add to its mean good pixel."""
        return float(rates.sum()) / self._pixels

    def ice(self, rng: np.random.Generator) -> Sparse:
        """Smooth rings of ice powder, the best of 0.5 to 3 times the background."""
        height = self._settings.background * rng.uniform(0.5, 3)
        return Sparse(self._powder.places, self._powder.rates * height)

    def ring(self, rng: np.random.Generator) -> Sparse:
        """Smooth rings of ``settings.ring``, the best of them as high as asked."""
        height = rng.uniform(*self._settings.ring_height)
        return Sparse(self._ring.places, self._ring.rates * height)

    def streak(self, rng: np.random.Generator) -> Band:
        """The streak of one image: its brightness flickers, its direction wobbles."""
        geometry = self._settings.geometry
        peak = self._settings.streak * rng.uniform(0.5, 1.5)
        angle = rng.normal(0, _STREAK_ANGLE)
        x, y = offsets(geometry)
        width = _STREAK_WIDTH * geometry.pixel_size[0]
        reach = np.abs(x).max() * abs(math.tan(angle)) + 4 * width / math.cos(angle)
        inside = np.flatnonzero(np.abs(y[:, 0]) < reach)
        rows = slice(*((inside[0], inside[-1] + 1) if inside.size else (0, 0)))
        along = np.abs(x * math.cos(angle) + y[rows] * math.sin(angle))
        across = (y[rows] * math.cos(angle) - x * math.sin(angle)) / width
        q = along / (geometry.distance * geometry.wavelength)
        rates = peak * np.exp(-q / _STREAK_Q - across**2 / 2)
        return Band(rows, rates * self.shadow[rows] * self._good[rows])


def _air(q: Floats) -> Floats:
    """Air and the foot of the solvent against |q|."""
    air: Floats = 0.6 + 2.5 * np.exp(-q / 0.1)
    return air


def _rings(q: Floats) -> Floats:
    """The two rings of water against |q|."""
    rings: Floats = np.exp(-(((q - 1 / 3.2) / 0.05) ** 2) / 2)
    rings += 0.4 * np.exp(-(((q - 1 / 2.2) / 0.05) ** 2) / 2)
    return rings


def _powder(rings: Floats, q: Floats, width: float) -> Floats:
    """Smooth rings against |q|, the best of height 1.

    Args:
        rings: Spacings (Å) and relative heights, (n, 2).
        q: 1/Å, (slow, fast).
        width: Sigma of a ring (1/Å).
    """
    profile = np.zeros_like(q)
    for spacing, strength in rings:
        near = np.abs(q - 1 / spacing) < 4 * width
        off = (q[near] - 1 / spacing) / width
        profile[near] += strength * np.exp(-(off**2) / 2)
    profile /= rings[:, 1].max()
    return profile


def _sparse(image: Floats) -> Sparse:
    """The pixels of an image that are not next to nothing."""
    flat = image.ravel()
    places = np.flatnonzero(flat > 1e-3 * flat.max())
    return Sparse(places, flat[places])


def _azimuthal(settings: StillSettings) -> Floats:
    """Factor of the modulation with the azimuth, (slow, fast)."""
    x, y = offsets(settings.geometry)
    radius = np.maximum(np.hypot(x, y), 1e-12)
    cosine = x / radius
    once, twice = settings.azimuthal
    factor: Floats = 1 + once * cosine + twice * (2 * cosine**2 - 1)
    return factor


def _shadow(geometry: Geometry) -> Floats:
    """Transmission of a beamstop of 20 mrad with soft edge and an arm of 35 %."""
    x, y = offsets(geometry)
    soft = geometry.pixel_size[0]
    away = (np.hypot(x, y) - 0.02 * geometry.distance) / soft
    disc = 1 / (1 + np.exp(-np.clip(away, -30, 30)))
    arm = (np.abs(x) < 0.006 * geometry.distance) & (y > 0)
    transmission: Floats = disc * np.where(arm, 0.35, 1.0)
    return transmission
