"""Spot lists without a lattice: lines, combs, rings and edges of a detector."""

from __future__ import annotations

import numpy as np

from recorder.ssx.arrays import FloatArray

BEAM = np.array([0.0, 0.0, 1.0])
"""Incident wave vector at 1 Å."""
_BLUR = 2.5e-4
"""Error of a position, as a share of the distance: half a pixel."""


def from_detector(xy: FloatArray) -> FloatArray:
    """Scattering vectors of positions in units of the distance; odd ones left out."""
    radius = np.linalg.norm(xy, axis=1)
    near = xy[(radius > 0.02) & (radius < 0.6)]
    s1 = np.concatenate([near, np.ones((len(near), 1))], axis=1)
    return np.asarray(s1 / np.linalg.norm(s1, axis=1)[:, None] - BEAM)


def anywhere(rng: np.random.Generator, n: int) -> FloatArray:
    """Uniform on the detector."""
    radius, phi = 0.6 * np.sqrt(rng.random(n)), 2 * np.pi * rng.random(n)
    return from_detector(np.stack([radius * np.cos(phi), radius * np.sin(phi)], axis=1))


def line(rng: np.random.Generator, n: int) -> FloatArray:
    """On one to three lines, often of pixels, often through the beam."""
    parts = []
    for part in np.array_split(np.arange(n), rng.integers(1, 4)):
        along = rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)])
        start = rng.uniform(-0.3, 0.3, 2) * (rng.random() < 0.6)
        place = np.outer(rng.uniform(-0.5, 0.5, len(part)), _direction(along))
        parts.append(start + place + rng.normal(0, _BLUR, (len(part), 2)))
    return from_detector(np.concatenate(parts))


def comb(rng: np.random.Generator, n: int) -> FloatArray:
    """On one line, at equal distances."""
    along = rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)])
    start = rng.uniform(-0.2, 0.2, 2) * (rng.random() < 0.6)
    steps = (np.arange(n) - n // 2) * rng.uniform(0.004, 0.03)
    place = start + np.outer(steps, _direction(along))
    return from_detector(place + rng.normal(0, _BLUR, (n, 2)))


def ring(rng: np.random.Generator, n: int) -> FloatArray:
    """On one or two rings about the beam."""
    radii = rng.uniform(0.08, 0.5, rng.integers(1, 3))
    radius = radii[np.arange(n) % len(radii)] * (1 + rng.normal(0, 1e-3, n))
    phi = rng.uniform(0, 2 * np.pi, n)
    return from_detector(np.stack([radius * np.cos(phi), radius * np.sin(phi)], axis=1))


def edge(rng: np.random.Generator, n: int) -> FloatArray:
    """On the edges of a rectangle, two or all four."""
    size = rng.uniform(0.15, 0.45, 2)
    side = rng.integers(0, rng.choice([2, 4]), n)
    along = rng.uniform(-1, 1, n)
    ends = np.where(side % 2, 1.0, -1.0)
    x = np.where(side < 2, along, ends) * size[0]
    y = np.where(side < 2, ends, along) * size[1]
    return from_detector(np.stack([x, y], axis=1) + rng.normal(0, _BLUR, (n, 2)))


def _direction(angle: float) -> FloatArray:
    return np.array([np.cos(angle), np.sin(angle)])
