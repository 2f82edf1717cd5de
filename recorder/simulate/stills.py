"""Synthetic still images of a serial experiment, with the truth of every image.

Pixel convention: the middle of pixel i is i + 0.5, beam centres count from the
outer corner of pixel 0. All Poisson noise is drawn afresh for each image (there is
no pool of noise fields); only the expected background is cached.

Not modelled, and therefore kinder than reality: streaks, split spots, parallax,
point spread, count-rate loss, background that depends on the sample, correlated hot
columns, ice rings, zingers, cell variation, true structure factors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recorder.errors import UsageError
from recorder.records import Cell, Geometry
from recorder.simulate.crystal import (
    Crystal,
    Floats,
    Ints,
    Mask,
    Quality,
    polarisation,
    random_rotation,
    space_group,
)

STRONG = 40.0
"""Photons from which a spot counts for ``min_spots``."""
LISTED = 1.0
"""Photons from which a spot is drawn and listed."""
_BRIGHTNESS = 5e7
"""Photons Å³ per cell volume of a full reflection of a median crystal, calibrated
to about 100 strong spots on an image of lysozyme."""
_REACH = 4
"""Half width of the window (px) in which a spot is drawn."""
_TRIES = 20
_MODULE = (514, 1030)
_GAP = (37, 10)
_GRID = np.linspace(-8, 8, 1601)
_CDF = np.array([(1 + math.erf(x / math.sqrt(2))) / 2 for x in _GRID])


def default_geometry(pixels: int = 1024) -> Geometry:
    """Square detector, 75 µm pixels, 1.0 Å, edge at about 1.8 Å."""
    size, wavelength = 75e-6, 1.0
    distance = pixels / 2 * size / math.tan(2 * math.asin(wavelength / (2 * 1.8)))
    centre = (pixels / 2 + 3.7, pixels / 2 - 5.2)
    return Geometry((pixels, pixels), (size, size), distance, centre, wavelength)


@dataclass(frozen=True, slots=True)
class StillSettings:
    """What to simulate."""

    geometry: Geometry = field(default_factory=default_geometry)
    cell: Cell = (79.1, 79.1, 38.2, 90, 90, 90)
    space_group: str = "P43212"
    background: float = 0.6
    """Mean photons of a good pixel."""
    hit_share: float = 0.3
    """Share of images with at least one lattice."""
    multi_share: float = 0.15
    """Share of the hits with more than one."""
    gain: int = 1
    """Counts per photon."""
    dtype: str = "uint16"
    min_spots: int = 30
    """The first lattice of a hit has at least so many spots of 40 photons."""
    module_gaps: bool = True
    hot_pixels_per_mpx: float = 10
    """Not in the mask."""
    bad_pixel_share: float = 3e-5
    """In the mask."""


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """An image and its truth."""

    kind: str
    """``hit``, ``multi`` or ``miss``."""
    pixels: NDArray[np.integer]
    """(slow, fast); masked pixels are the maximum of the dtype."""
    orientations: tuple[tuple[float, ...], ...]
    """Per lattice: real-space a, b, c in the laboratory frame (Å), row by row."""
    spots: tuple[Floats, ...]
    """Per lattice (n, 3): x, y (px), expected photons; n spots of at least one
    photon whose surroundings of 5 x 5 pixels are good and inside the image."""


class StillGenerator:
    """Draws stills; image ``index`` depends on settings, seed and index only."""

    def __init__(self, settings: StillSettings, seed: int) -> None:
        self.settings = settings
        self._seed = seed
        rng = np.random.default_rng((seed, 0))
        shape = settings.geometry.shape
        self.mask: Mask = rng.random(shape) < settings.bad_pixel_share
        if settings.module_gaps:
            self.mask |= _module_gaps(shape)
        self._open = _open_centres(self.mask)
        mpx = math.prod(shape) / 1e6
        hot = rng.integers(
            self.mask.size, size=rng.poisson(settings.hot_pixels_per_mpx * mpx)
        )
        self.hot_pixels: Ints = np.unique(hot[~self.mask.ravel()[hot]])
        """Flat indices of the undeclared hot pixels."""
        self._hot_rates = rng.lognormal(math.log(30), 1, self.hot_pixels.size)
        directions = _directions(settings.geometry)
        self._shadow = _shadow(settings.geometry)
        wavelength = settings.geometry.wavelength
        q = np.sqrt(2 - 2 * directions[..., 2]) / wavelength
        background = _background(directions, q) * self._shadow
        background[self.mask] = 0
        background *= settings.background / background[~self.mask].mean()
        self._background = background
        group = space_group(settings.space_group)
        self._crystal = Crystal(settings.cell, group, float(q.max()))
        volume = abs(float(np.linalg.det(self._crystal.vectors)))
        self._brightness = _BRIGHTNESS / volume

    def still(self, index: int, kind: str | None = None) -> Still:
        """Draw image ``index``; its kind follows the shares unless given.

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
        counts = rng.poisson(self._background * rng.lognormal(0, 0.15)).ravel()
        orientations, spots = [], []
        scale = 0.0
        for number in range(lattices):
            if number:
                scale *= rng.uniform(0.3, 0.8)
                vectors, found = self._shoot(rng)
                found[:, 2] *= scale
            else:
                vectors, found, scale = self._first_lattice(rng)
            found = found[found[:, 2] >= LISTED]
            self._draw(counts, found, rng)
            orientations.append(tuple(vectors.ravel().tolist()))
            spots.append(found[self._is_open(found)])
        pixels = self._digitise(counts, rng)
        return Still(kind, pixels, tuple(orientations), tuple(spots))

    def _kind(self, uniform: float) -> str:
        settings = self.settings
        if uniform >= settings.hit_share:
            return "miss"
        multi = uniform < settings.hit_share * settings.multi_share
        return "multi" if multi else "hit"

    def _shoot(self, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Random crystal: vectors (3, 3), spots (n, 3) at median brightness."""
        geometry = self.settings.geometry
        vectors = self._crystal.vectors @ random_rotation(rng).T
        quality = Quality(mosaicity=rng.uniform(0.03, 0.15))
        s1, intensity = self._crystal.diffract(vectors, quality, geometry.wavelength)
        with np.errstate(divide="ignore", invalid="ignore"):
            on_plane = s1[:, :2] / s1[:, 2:] * geometry.distance
        xy = on_plane / geometry.pixel_size + geometry.beam_center
        inside = (s1[:, 2] > 0) & (xy >= 0).all(axis=1)
        inside &= (xy < geometry.shape[::-1]).all(axis=1)
        xy, photons = xy[inside], intensity[inside] * self._brightness
        column, row = np.floor(xy).astype(np.int64).T
        return vectors, np.column_stack((xy, photons * self._shadow[row, column]))

    def _first_lattice(self, rng: np.random.Generator) -> tuple[Floats, Floats, float]:
        """A crystal, its spots, its scale: as bright as ``min_spots`` asks."""
        need = self.settings.min_spots
        for _ in range(_TRIES):
            vectors, spots = self._shoot(rng)
            scale = rng.lognormal(0, 0.7)
            ranked = np.sort(spots[self._is_open(spots), 2])[::-1]
            if ranked.size >= need:
                if need > 0:
                    scale = max(scale, 1.001 * STRONG / float(ranked[need - 1]))
                spots[:, 2] *= scale
                return vectors, spots, scale
        raise UsageError(
            f"cell {self.settings.cell} gives no {need} spots on this detector; "
            "lower min_spots"
        )

    def _is_open(self, spots: Floats) -> Mask:
        column, row = np.floor(spots[:, :2]).astype(np.int64).T
        is_open: Mask = self._open[row, column]
        return is_open

    def _draw(self, counts: Ints, spots: Floats, rng: np.random.Generator) -> None:
        """Add Poisson photons of Gaussian spots, integrated over pixels, to counts."""
        slow, fast = self.settings.geometry.shape
        sigma = rng.uniform(0.75, 0.85)
        first = np.floor(spots[:, :2]).astype(np.int64) - _REACH
        edges = first[:, :, None] + np.arange(2 * _REACH + 2)
        share = np.diff(np.interp((edges - spots[:, :2, None]) / sigma, _GRID, _CDF))
        expected = spots[:, 2, None, None] * share[:, 1, :, None] * share[:, 0, None, :]
        photons = rng.poisson(expected)
        columns = np.broadcast_to(edges[:, 0, None, :-1], photons.shape)
        rows = np.broadcast_to(edges[:, 1, :-1, None], photons.shape)
        some = (photons > 0) & (rows >= 0) & (rows < slow)
        some &= (columns >= 0) & (columns < fast)
        np.add.at(counts, rows[some] * fast + columns[some], photons[some])

    def _digitise(self, counts: Ints, rng: np.random.Generator) -> NDArray[np.integer]:
        """Hot pixels, gain, saturation one below the masked value, mask."""
        counts[self.hot_pixels] += rng.poisson(self._hot_rates)
        if self.settings.gain != 1:
            counts *= self.settings.gain
        top = int(np.iinfo(self.settings.dtype).max)
        np.minimum(counts, top - 1, out=counts)
        pixels: NDArray[np.integer] = counts.astype(self.settings.dtype)
        pixels = pixels.reshape(self.mask.shape)
        pixels[self.mask] = top
        return pixels


def render_pool(settings: StillSettings, seed: int, n: int) -> list[Still]:
    """The first ``n`` stills of a generator."""
    generator = StillGenerator(settings, seed)
    return [generator.still(index) for index in range(n)]


def _module_gaps(shape: tuple[int, int]) -> Mask:
    """Gaps of EIGER modules (514 x 1030, 37 and 10 px apart) from pixel 0 on."""
    slow, fast = (
        np.arange(size) % (module + gap) >= module
        for size, module, gap in zip(shape, _MODULE, _GAP, strict=True)
    )
    return slow[:, None] | fast[None, :]


def _open_centres(mask: Mask) -> Mask:
    """True where the 5 x 5 surroundings are inside the image and good."""
    good = np.pad(~mask, 2)
    slow, fast = mask.shape
    rows = np.logical_and.reduce([good[i : i + slow] for i in range(5)])
    centres: Mask = np.logical_and.reduce([rows[:, i : i + fast] for i in range(5)])
    return centres


def _offsets(geometry: Geometry) -> tuple[Floats, Floats]:
    """Metres from the beam centre to pixel middles: x (1, fast), y (slow, 1)."""
    slow, fast = geometry.shape
    x = (np.arange(fast) + 0.5 - geometry.beam_center[0]) * geometry.pixel_size[0]
    y = (np.arange(slow) + 0.5 - geometry.beam_center[1]) * geometry.pixel_size[1]
    return x[None, :].astype(np.float64), y[:, None].astype(np.float64)


def _directions(geometry: Geometry) -> Floats:
    """Unit vectors from the sample to the middle of each pixel, (slow, fast, 3)."""
    x, y = np.broadcast_arrays(*_offsets(geometry))
    vectors = np.stack((x, y, np.full(x.shape, geometry.distance)), axis=-1)
    unit: Floats = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit


def _background(directions: Floats, q: Floats) -> Floats:
    """Shape of the background: air, rings of water, solid angle, polarisation."""
    air = 0.6 + 2.5 * np.exp(-q / 0.1)
    rings = np.exp(-(((q - 1 / 3.2) / 0.05) ** 2) / 2)
    rings += 0.4 * np.exp(-(((q - 1 / 2.2) / 0.05) ** 2) / 2)
    shape: Floats = (air + 1.5 * rings) * directions[..., 2] ** 3
    return shape * polarisation(directions)


def _shadow(geometry: Geometry) -> Floats:
    """Transmission of a beamstop of 20 mrad with soft edge and an arm of 35 %."""
    x, y = _offsets(geometry)
    soft = geometry.pixel_size[0]
    away = (np.hypot(x, y) - 0.02 * geometry.distance) / soft
    disc = 1 / (1 + np.exp(-np.clip(away, -30, 30)))
    arm = (np.abs(x) < 0.006 * geometry.distance) & (y > 0)
    transmission: Floats = disc * np.where(arm, 0.35, 1.0)
    return transmission
