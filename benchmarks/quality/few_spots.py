"""Lists of 5 to 15 spots: of nothing, of another cell, on lines, rings and edges."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from recorder.records import Cell, Geometry
from recorder.simulate.stills.crystal import Crystal, Quality, random_rotation
from recorder.simulate.stills.symmetry import space_group

Floats = NDArray[np.float64]

FEWEST, MOST = 5, 15
CELLS: dict[str, tuple[Cell, str]] = {
    "triclinic": ((35.0, 45.0, 60.0, 82.0, 95.0, 105.0), "P1"),
    "monoclinic": ((58.0, 47.0, 71.0, 90.0, 103.0, 90.0), "P21"),
    "nearly cubic": ((68.0, 69.0, 70.0, 90.0, 91.0, 90.0), "P21"),
    "nearly tetragonal": ((60.0, 60.9, 92.0, 90.0, 90.0, 90.0), "P212121"),
    "orthorhombic, big": ((100.0, 150.0, 200.0, 90.0, 90.0, 90.0), "P212121"),
    "tetragonal": ((79.1, 79.1, 38.2, 90.0, 90.0, 90.0), "P43212"),
    "hexagonal": ((62.0, 62.0, 110.0, 90.0, 90.0, 120.0), "P6122"),
    "cubic": ((96.0, 96.0, 96.0, 90.0, 90.0, 90.0), "P23"),
}
GEOMETRY = Geometry((2000, 2000), (75e-6, 75e-6), 0.15, (1000.0, 1000.0), 1.0)
EDGE = 1000.0
"""Pixels from the beam to where spots end."""
_RESOLUTION = 2.0
"""Å; the corner of the detector is at 2.3."""
_POOL = 24
"""Orientations of a cell that are made; each list turns one of them about the beam."""
_BLUR_PX = 0.25
"""Error of a centroid, as the finder's on spots of 20 photons and more."""
_SPURIOUS = 0.2


def q_of(xy: Floats, distance: float = GEOMETRY.distance) -> Floats:
    """Scattering vectors (n, 3) of spots (n, 2) in px from the beam, 1/Å."""
    pixel = GEOMETRY.pixel_size[0]
    vectors = np.column_stack((xy * pixel, np.full(len(xy), distance)))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray((unit - (0.0, 0.0, 1.0)) / GEOMETRY.wavelength)


@cache
def _pool(name: str) -> list[tuple[Floats, Floats, Floats]]:
    """Crystals of a cell: spots (n, 2) in px from the beam, intensities, vectors."""
    cell, symbol = CELLS[name]
    crystal = Crystal(cell, space_group(symbol), 1 / _RESOLUTION)
    rng = np.random.default_rng((7, list(CELLS).index(name)))
    made = []
    for _ in range(_POOL):
        vectors = crystal.vectors @ random_rotation(rng).T
        quality = Quality(mosaicity=float(rng.uniform(0.03, 0.15)))
        s1, intensity = crystal.diffract(vectors, quality, GEOMETRY.wavelength)
        forward = s1[:, 2] > 0.2
        s1, intensity = s1[forward], intensity[forward]
        xy = s1[:, :2] / s1[:, 2:] * GEOMETRY.distance / GEOMETRY.pixel_size[0]
        inside = np.hypot(*xy.T) < EDGE
        made.append((xy[inside], intensity[inside], vectors))
    return made


def crystal_spots(
    name: str, count: int, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Strongest spots of a crystal, strongest first, their intensities, its vectors.

    A turn about the beam leaves a still a still; a factor for each spot makes others
    the strongest.
    """
    xy, intensity, vectors = _pool(name)[int(rng.integers(_POOL))]
    weight = intensity * rng.lognormal(0, 0.7, len(intensity))
    best = np.argsort(-weight, kind="stable")[:count]
    angle = rng.uniform(0, 2 * math.pi)
    cosine, sine = math.cos(angle), math.sin(angle)
    turn = np.array(((cosine, sine), (-sine, cosine)))
    true = xy[best] @ turn + rng.normal(0, _BLUR_PX, (len(best), 2))
    whole = np.eye(3)
    whole[:2, :2] = turn
    return true, weight[best], vectors @ whole


def of_cell(name: str, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Spots of a crystal, some of them spurious, and its vectors (3, 3)."""
    spurious = int(rng.binomial(count, _SPURIOUS))
    true, _, vectors = crystal_spots(name, count - spurious, rng)
    spots = np.concatenate((true, anywhere(spurious, rng)))
    return spots[rng.permutation(len(spots))], vectors


def anywhere(count: int, rng: np.random.Generator) -> Floats:
    """Spots anywhere on the detector."""
    return rng.uniform(-EDGE, EDGE, (count, 2))


def lines(count: int, rng: np.random.Generator) -> Floats:
    """Spots along one or two streaks that pass near the beam."""
    angles = rng.uniform(0, math.pi, int(rng.integers(1, 3)))
    angle = rng.choice(angles, count)
    off = rng.normal(0, rng.uniform(0.3, 4), count) + rng.normal(0, 20)
    return _along(angle, rng.uniform(-EDGE, EDGE, count), off)


def rings(count: int, rng: np.random.Generator) -> Floats:
    """Spots on one to three rings."""
    radii = rng.uniform(100, EDGE, int(rng.integers(1, 4)))
    radius = rng.choice(radii, count) * (1 + rng.normal(0, 0.002, count))
    azimuth = rng.uniform(0, 2 * math.pi, count)
    return np.column_stack((radius * np.cos(azimuth), radius * np.sin(azimuth)))


def edges(count: int, rng: np.random.Generator) -> Floats:
    """Spots along the edge of a shadow, of a disc's, or of a module."""
    kind = rng.integers(3)
    away = rng.uniform(-0.8, 0.8) * EDGE
    if kind == 2:
        middle, radius = rng.uniform(-500, 500, 2), rng.uniform(60, 400)
        azimuth = rng.uniform(0, 2 * math.pi, count)
        arc = np.column_stack((np.cos(azimuth), np.sin(azimuth)))
        blurred = (radius + rng.normal(0, 1, count))[:, None]
        return np.asarray(middle + blurred * arc)
    angle = rng.uniform(0, math.pi) if kind == 0 else rng.integers(2) * math.pi / 2
    off = away + rng.normal(0, 0.7, count)
    return _along(np.full(count, angle), rng.uniform(-EDGE, EDGE, count), off)


def _along(angle: Floats, along: Floats, across: Floats) -> Floats:
    x = along * np.cos(angle) - across * np.sin(angle)
    y = along * np.sin(angle) + across * np.cos(angle)
    return np.column_stack((x, y))


SHAPES: dict[str, Callable[[int, np.random.Generator], Floats]] = {
    "random": anywhere,
    "lines": lines,
    "rings": rings,
    "edges": edges,
}
