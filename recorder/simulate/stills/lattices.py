"""The crystals on a still: random orientations, brightness and cells."""

from __future__ import annotations

import numpy as np

from recorder.errors import UsageError
from recorder.simulate.arrays import Floats, Ints
from recorder.simulate.stills.background import Background
from recorder.simulate.stills.crystal import Crystal, Quality, random_rotation
from recorder.simulate.stills.detector import LISTED, Detector
from recorder.simulate.stills.settings import StillSettings
from recorder.simulate.stills.symmetry import axis_classes, space_group

Lattice = tuple[tuple[float, ...], Floats]
"""Real-space a, b, c, row by row (Å), and its spots (n, 3)."""

STRONG = 40.0
"""Photons from which a spot counts for ``min_spots``."""
_BRIGHTNESS = 5e7
"""Photons Å³ per cell volume of a full reflection of a median crystal, calibrated
to about 100 strong spots on an image of lysozyme."""
_TRIES = 20
"""Orientations that are drawn for a crystal with enough spots before a cell is refused.
Chosen, not tuned."""
_CELL = 14
"""Tag of the random stream of the cells of an image."""


class Lattices:
    """Draws crystals of one cell onto images.

    Args:
        settings: What to simulate.
        seed: Decides the cells; the rest is drawn from the image's own stream.
        detector: What draws the spots.
        background: Its beamstop weakens spots too.
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
        self._shadow = background.shadow
        group = space_group(settings.space_group)
        self._axes = axis_classes(group)
        # Reflections that a larger cell brings within the edge of the detector.
        room = 1 + 4 * settings.cell_jitter
        self._crystal = Crystal(settings.cell, group, background.q_max * room)
        volume = abs(float(np.linalg.det(self._crystal.vectors)))
        self._brightness = settings.brightness * _BRIGHTNESS / volume

    def add(
        self, counts: Ints, number: int, index: int, rng: np.random.Generator
    ) -> list[Lattice]:
        """Add ``number`` lattices of image ``index`` to its photons, (slow * fast,)."""
        lattices: list[Lattice] = []
        cells = np.random.default_rng((self._seed, _CELL, index))
        scale = 0.0
        for lattice in range(number):
            if lattice:
                scale *= rng.uniform(0.3, 0.8)
                vectors, found = self._shoot(rng, cells)
                found[:, 2] *= scale
            else:
                vectors, found, scale = self._first_lattice(rng, cells)
            found = found[found[:, 2] >= LISTED]
            sigma = rng.uniform(*self._settings.psf)
            self._detector.add_spots(counts, found, sigma, rng)
            listed = self._detector.listed(found)
            lattices.append((tuple(vectors.ravel().tolist()), listed))
        return lattices

    def _shoot(
        self, rng: np.random.Generator, cells: np.random.Generator
    ) -> tuple[Floats, Floats]:
        """Random crystal: vectors (3, 3), spots (n, 3) at median brightness."""
        geometry = self._settings.geometry
        vectors = self._cell(cells) @ random_rotation(rng).T
        quality = Quality(mosaicity=rng.uniform(0.03, 0.15))
        s1, intensity = self._crystal.diffract(vectors, quality, geometry.wavelength)
        with np.errstate(divide="ignore", invalid="ignore"):
            on_plane = s1[:, :2] / s1[:, 2:] * geometry.distance
        xy = on_plane / geometry.pixel_size + geometry.beam_center
        inside = (s1[:, 2] > 0) & self._detector.inside(xy)
        xy, photons = xy[inside], intensity[inside] * self._brightness
        column, row = np.floor(xy).astype(np.int64).T
        return vectors, np.column_stack((xy, photons * self._shadow[row, column]))

    def _cell(self, rng: np.random.Generator) -> Floats:
        """Vectors of one crystal, (3, 3): axes that symmetry makes equal stay so."""
        vectors = self._crystal.vectors
        if jitter := self._settings.cell_jitter:
            single = 1 + jitter * rng.standard_normal(3)[list(self._axes)]
            vectors = vectors * (single * (1 + jitter * rng.standard_normal()))[:, None]
        return vectors

    def _first_lattice(
        self, rng: np.random.Generator, cells: np.random.Generator
    ) -> tuple[Floats, Floats, float]:
        """A crystal, its spots, its scale: as bright as ``min_spots`` asks."""
        need = self._settings.min_spots
        for _ in range(_TRIES):
            vectors, spots = self._shoot(rng, cells)
            scale = rng.lognormal(0, 0.7)
            photons = spots[self._detector.is_open(spots), 2]
            ranked = np.sort(photons[photons > 0])[::-1]
            if ranked.size >= need:
                if need > 0:
                    scale = max(scale, 1.001 * STRONG / float(ranked[need - 1]))
                spots[:, 2] *= scale
                return vectors, spots, scale
        raise UsageError(
            f"cell {self._settings.cell} gives no {need} spots on this detector; "
            "lower min_spots"
        )
