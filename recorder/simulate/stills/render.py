"""Synthetic still images of a serial experiment, with the truth of every image.

All Poisson noise is drawn afresh for each image (there is no pool of noise fields);
only the expected background is cached.

Not modelled, and therefore kinder than reality: split or streaked spots, parallax,
tails of the point spread, count-rate loss, gain that differs from pixel to pixel, true
structure factors; a smooth background does not move with a beam that drifts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recorder.errors import UsageError
from recorder.records import Geometry, Json
from recorder.simulate.arrays import Floats, Ints, Mask
from recorder.simulate.stills.artefacts import Artefacts
from recorder.simulate.stills.background import Background
from recorder.simulate.stills.detector import Detector
from recorder.simulate.stills.lattices import Lattices
from recorder.simulate.stills.lines import Lines
from recorder.simulate.stills.settings import StillSettings, default_geometry

__all__ = [
    "Still",
    "StillGenerator",
    "StillSettings",
    "default_geometry",
    "render_pool",
]

_NOISE, _EDGES, _LINES = 15, 18, 20
"""Tags of the random streams of an image: of the electronic noise, of the borders of
modules, of noisy lines."""


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """An image and its truth."""

    kind: str
    """``hit``, ``multi`` or ``miss``: crystals of the sample, not ice or salt."""
    pixels: NDArray[np.integer]
    """(slow, fast); masked pixels are the maximum of an unsigned dtype, the minimum
    of a signed one."""
    orientations: tuple[tuple[float, ...], ...]
    """Per lattice: real-space a, b, c in the laboratory frame (Å), row by row."""
    spots: tuple[Floats, ...]
    """Per lattice (n, 3): x, y (px), expected photons; n spots of at least one
    photon whose surroundings of 5 x 5 pixels are good and inside the image."""
    background: float = 0.0
    """Expected photons of a good pixel: air, solvent, smooth rings, streaks; without
    shadows, noisy lines and borders of modules."""
    artefacts: Json = field(default_factory=dict)
    """Which artefacts there are; none is named that is not there."""
    foreign: Floats = field(default_factory=lambda: np.zeros((0, 3)))
    """Spots of ice, salt and rings, as in ``spots``."""
    forms: tuple[int, ...] = ()
    """Per lattice its crystal form: 0, or 1 for the second."""
    geometry: Geometry | None = None
    """Where the detector was and the wavelength; None if neither drifts."""

    @property
    def truth(self) -> Json:
        """Artefacts, forms and geometry as they stand in a truth file, where known."""
        found: Json = dict(self.artefacts)
        if any(self.forms):
            found["forms"] = list(self.forms)
        if self.geometry is not None:
            found["beam_center"] = [round(v, 4) for v in self.geometry.beam_center]
            found["distance"] = round(self.geometry.distance, 9)
            found["wavelength"] = round(self.geometry.wavelength, 9)
        return found

    @property
    def ice(self) -> bool:
        """Whether there is ice, as ``ice_share`` asks for."""
        return bool(self.artefacts.get("ice"))

    @property
    def salt(self) -> bool:
        """Whether there is salt, as ``salt_share`` asks for."""
        return bool(self.artefacts.get("salt"))

    @property
    def zingers(self) -> int:
        """Number of events."""
        return int(self.artefacts.get("zingers", 0))


class StillGenerator:
    """Draws stills; image ``index`` depends on settings, seed and index only.

    Raises:
        UsageError: Ice, salt or a ring is asked for and cannot be on the detector, or
            a second form that the space group forbids.
    """

    def __init__(self, settings: StillSettings, seed: int) -> None:
        self.settings = settings
        self._seed = seed
        self._detector = Detector(settings, seed)
        self._background = Background(settings, self._detector.mask, seed)
        self._artefacts = Artefacts(settings, seed, self._detector, self._background)
        self._lattices = Lattices(settings, seed, self._detector, self._background)

    @property
    def mask(self) -> Mask:
        """(slow, fast), True where the header declares a pixel bad."""
        return self._detector.mask

    @property
    def hot_pixels(self) -> Ints:
        """Flat indices of the undeclared hot pixels."""
        return self._detector.hot_pixels

    @property
    def dead_pixels(self) -> Ints:
        """Flat indices of the undeclared pixels that are stuck at 0."""
        return self._detector.dead_pixels

    @property
    def lines(self) -> Lines:
        """The undeclared columns and rows that are noisy or dead."""
        return self._detector.lines

    @property
    def background(self) -> Background:
        """The background and its drift."""
        return self._background

    def still(
        self, index: int, kind: str | None = None, when: float | None = None
    ) -> Still:
        """Draw image ``index``; its kind follows the shares unless given.

        Args:
            index: Decides all that is random on the image.
            kind: ``hit``, ``multi`` or ``miss``.
            when: Number of the image in its run, for the drift; None: ``index``.

        Raises:
            UsageError: Unknown kind, or a crystal cannot give ``min_spots``.
        """
        rng = np.random.default_rng((self._seed, 1, index))
        drawn = self._kind(rng.random())
        kind = drawn if kind is None else kind
        extra = 2 + int(rng.random() < 0.25)
        extra = self.settings.multi_lattices or extra
        lattices = {"miss": 0, "hit": 1, "multi": extra}.get(kind)
        if lattices is None:
            raise UsageError(f"{kind!r} is no kind of still; use hit, multi or miss")
        when = index if when is None else when
        geometry = self.settings.geometry_at(when)
        rates = self._background.rates(when)
        thickness = rng.lognormal(0, 0.15)
        counts = rng.poisson(rates * thickness).ravel()
        crystals = self._lattices.add(counts, lattices, index, rng, geometry)
        self._detector.add_edges(counts, rates * thickness, self._rng(_EDGES, index))
        found = self._artefacts.add(counts, index, geometry)
        self._detector.lines.add_noise(counts, self._rng(_LINES, index))
        pixels = self._detector.digitise(counts, rng, self._rng(_NOISE, index))
        light = found.light
        return Still(
            kind,
            pixels,
            tuple(crystal.vectors for crystal in crystals),
            tuple(self._in_light(crystal.spots, light) for crystal in crystals),
            background=self._background.mean(rates) * thickness + found.level,
            artefacts=found.truth,
            foreign=self._in_light(self._detector.listed(found.spots), light),
            forms=tuple(crystal.form for crystal in crystals),
            geometry=geometry if self.settings.drifts else None,
        )

    def _rng(self, tag: int, index: int) -> np.random.Generator:
        return np.random.default_rng((self._seed, tag, index))

    def _in_light(self, spots: Floats, light: Floats | None) -> Floats:
        """Spots (n, 3) as shadows leave them; those that are too faint are gone."""
        if light is None:
            return spots
        column, row = np.floor(spots[:, :2]).astype(np.int64).T
        photons = spots[:, 2] * light[row, column]
        return self._detector.listed(np.column_stack((spots[:, :2], photons)))

    def _kind(self, uniform: float) -> str:
        settings = self.settings
        if uniform >= settings.hit_share:
            return "miss"
        multi = uniform < settings.hit_share * settings.multi_share
        return "multi" if multi else "hit"


def render_pool(settings: StillSettings, seed: int, n: int) -> list[Still]:
    """The first ``n`` stills of a generator."""
    generator = StillGenerator(settings, seed)
    return [generator.still(index) for index in range(n)]
