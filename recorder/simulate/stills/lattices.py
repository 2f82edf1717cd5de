"""The crystals on a still: random orientations, brightness and cells."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from recorder.errors import UsageError
from recorder.records import Geometry
from recorder.simulate.arrays import Floats, Ints
from recorder.simulate.stills.background import Background
from recorder.simulate.stills.crystal import Crystal, Quality, random_rotation
from recorder.simulate.stills.detector import LISTED, Detector
from recorder.simulate.stills.settings import StillSettings
from recorder.simulate.stills.symmetry import axis_classes, space_group


class DrawnLattice(NamedTuple):
    """A lattice on an image."""

    vectors: tuple[float, ...]
    """Real-space a, b, c, row by row (Å)."""
    spots: Floats
    """(n, 3): x, y (px), expected photons."""
    form: int
    """Crystal form: 0, or 1 for the second."""


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
_FORM = 21
"""Tag of the random stream of the crystal forms of an image."""


class _Draw(NamedTuple):
    """What a crystal is drawn with."""

    rng: np.random.Generator
    cells: np.random.Generator
    geometry: Geometry
    form: Floats
    """Factors of a, b and c."""


class Lattices:
    """Draws crystals of one cell onto images.

    Args:
        settings: What to simulate.
        seed: Decides the cells; the rest is drawn from the image's own stream.
        detector: What draws the spots.
        background: Its beamstop weakens spots too.

    Raises:
        UsageError: A second form that the space group forbids.
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
        change = np.array(settings.form_change)
        self._forms = (np.ones(3), 1 + change)
        if settings.second_form and np.any(change != change[list(self._axes)]):
            raise UsageError(
                f"form_change: axes that {settings.space_group} makes equal must "
                "change alike"
            )
        # Reflections that a larger cell brings within the edge of the detector, or a
        # shorter distance or wavelength.
        room = 1 + 4 * settings.cell_jitter + max(0.0, float(change.max()))
        room *= 1 + abs(settings.drift[2]) + abs(settings.drift[3])
        self._crystal = Crystal(settings.cell, group, background.q_max * room)
        volume = abs(float(np.linalg.det(self._crystal.vectors)))
        self._brightness = settings.brightness * _BRIGHTNESS / volume

    def add(
        self,
        counts: Ints,
        number: int,
        index: int,
        rng: np.random.Generator,
        geometry: Geometry,
    ) -> list[DrawnLattice]:
        """Add lattices to an image.

        Args:
            counts: Photons, (slow * fast,), changed.
            number: Of lattices.
            index: Of the image: decides cells and forms.
            rng: The image's own stream: decides all else.
            geometry: Where the detector is on this image.
        """
        lattices: list[DrawnLattice] = []
        cells = np.random.default_rng((self._seed, _CELL, index))
        forms = np.random.default_rng((self._seed, _FORM, index)).random(number)
        scale = 0.0
        for lattice in range(number):
            form = int(forms[lattice] < self._settings.second_form)
            draw = _Draw(rng, cells, geometry, self._forms[form])
            if lattice:
                scale *= rng.uniform(*self._settings.multi_scale)
                vectors, found = self._shoot(draw)
                found[:, 2] *= scale
            else:
                vectors, found, scale = self._first_lattice(draw)
            found = found[found[:, 2] >= LISTED]
            sigma = rng.uniform(*self._settings.psf)
            self._detector.add_spots(counts, found, sigma, rng)
            listed = self._detector.listed(found)
            flat = tuple(vectors.ravel().tolist())
            lattices.append(DrawnLattice(flat, listed, form))
        return lattices

    def _shoot(self, draw: _Draw) -> tuple[Floats, Floats]:
        """Random crystal: vectors (3, 3), spots (n, 3) at median brightness."""
        rng, geometry = draw.rng, draw.geometry
        vectors = self._cell(draw) @ random_rotation(rng).T
        quality = Quality(mosaicity=rng.uniform(0.03, 0.15))
        s1, intensity = self._crystal.diffract(vectors, quality, geometry.wavelength)
        with np.errstate(divide="ignore", invalid="ignore"):
            on_plane = s1[:, :2] / s1[:, 2:] * geometry.distance
        xy = on_plane / geometry.pixel_size + geometry.beam_center
        inside = (s1[:, 2] > 0) & self._detector.inside(xy)
        xy, photons = xy[inside], intensity[inside] * self._brightness
        column, row = np.floor(xy).astype(np.int64).T
        return vectors, np.column_stack((xy, photons * self._shadow[row, column]))

    def _cell(self, draw: _Draw) -> Floats:
        """Vectors of one crystal, (3, 3): axes that symmetry makes equal stay so."""
        rng = draw.cells
        vectors = self._crystal.vectors * draw.form[:, None]
        if jitter := self._settings.cell_jitter:
            single = 1 + jitter * rng.standard_normal(3)[list(self._axes)]
            vectors = vectors * (single * (1 + jitter * rng.standard_normal()))[:, None]
        return vectors

    def _first_lattice(self, draw: _Draw) -> tuple[Floats, Floats, float]:
        """A crystal, its spots, its scale: as bright as ``min_spots`` asks."""
        need = self._settings.min_spots
        for _ in range(_TRIES):
            vectors, spots = self._shoot(draw)
            scale = draw.rng.lognormal(0, 0.7)
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
