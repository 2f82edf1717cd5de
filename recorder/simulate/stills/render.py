"""Synthetic still images of a serial experiment, with the truth of every image.

All Poisson noise is drawn afresh for each image (there is no pool of noise fields);
only the expected background is cached.

Not modelled, and therefore kinder than reality: split or streaked spots, parallax,
tails of the point spread, count-rate loss, gain and pedestal that differ from pixel
to pixel, correlated hot columns, true structure factors.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recorder.errors import UsageError
from recorder.records import Json
from recorder.simulate.arrays import Floats, Ints, Mask
from recorder.simulate.stills.artefacts import Artefacts
from recorder.simulate.stills.background import Background
from recorder.simulate.stills.detector import Detector
from recorder.simulate.stills.lattices import Lattices
from recorder.simulate.stills.settings import StillSettings, default_geometry

__all__ = [
    "Still",
    "StillGenerator",
    "StillSettings",
    "default_geometry",
    "render_pool",
]

_NOISE = 15
"""Tag of the random stream of the electronic noise of an image."""


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
    """Expected photons of a good pixel: air, solvent, smooth ice, streak."""
    ice: bool = False
    salt: bool = False
    zingers: int = 0
    """Number of events."""
    foreign: Floats = field(default_factory=lambda: np.zeros((0, 3)))
    """Spots of ice and salt, as in ``spots``."""

    @property
    def artefacts(self) -> Json:
        """Which artefacts there are; none is named that is not there."""
        all_of_them = {"ice": self.ice, "salt": self.salt, "zingers": self.zingers}
        return {name: value for name, value in all_of_them.items() if value}


class StillGenerator:
    """Draws stills; image ``index`` depends on settings, seed and index only.

    Raises:
        UsageError: Ice or salt is asked for and cannot be on the detector.
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
        lattices = {"miss": 0, "hit": 1, "multi": extra}.get(kind)
        if lattices is None:
            raise UsageError(f"{kind!r} is no kind of still; use hit, multi or miss")
        rates = self._background.rates(index if when is None else when)
        thickness = rng.lognormal(0, 0.15)
        counts = rng.poisson(rates * thickness).ravel()
        crystals = self._lattices.add(counts, lattices, index, rng)
        found = self._artefacts.add(counts, index)
        noise = np.random.default_rng((self._seed, _NOISE, index))
        pixels = self._detector.digitise(counts, rng, noise)
        return Still(
            kind,
            pixels,
            tuple(orientation for orientation, _ in crystals),
            tuple(spots for _, spots in crystals),
            background=self._background.mean(rates) * thickness + found.level,
            ice=found.ice,
            salt=found.salt,
            zingers=found.zingers,
            foreign=self._detector.listed(found.spots),
        )

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
