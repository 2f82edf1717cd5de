"""Whether the spots of a lattice are evidence in three dimensions.

Spots on a line, an edge or a ring of the detector lie on a row or in a plane of many
lattices: that they do so is one coincidence, not one for each spot. What counts is how
many spots beside the fullest plane (row) a lattice explains, and how many of it if
chance spreads them in the plane (along the row).
"""

from __future__ import annotations

import itertools

import numpy as np

from recorder.ssx.arrays import BoolArray, FloatArray
from recorder.ssx.lattices.false_alarms import MOST_CHANCE, SCALES, log10_tail

_DIRECTIONS = np.array(
    [n for n in itertools.product((-1, 0, 1), repeat=3) if n > (0, 0, 0)], np.float64
)
"""Indices of the planes and rows of a reduced basis that hold most of its points."""
_ACROSS = np.cross(_DIRECTIONS, (1.0, 1e3, 1e6))
"""Products of indices with these are the same for all points of a row, and differ
between rows: indices of spots are below 500."""


def log10_flat(
    basis: FloatArray, q: FloatArray, reach: FloatArray, indexed: BoolArray
) -> float:
    """log10 of the probability of the spots, if most of them lie flat by themselves.

    Args:
        basis: (3, 3) reduced basis, rows in Å.
        q: (n, 3) scattering vectors, 1/Å.
        reach: (n,) distances up to which spots are explained, 1/Å.
        indexed: (n,) which ones are; at least one.

    Returns:
        The higher of both: with the fullest plane, with the fullest row.
    """
    reciprocal = np.linalg.inv(basis).T
    volume = abs(float(np.linalg.det(basis)))
    fractions = q @ basis.T
    h = np.rint(fractions)
    distance = np.linalg.norm(q - h @ reciprocal, axis=1)
    distance[~h.any(axis=1)] = np.inf
    own = h[indexed]

    normal, layer = _fullest(own, _DIRECTIONS)
    length = float(np.linalg.norm(normal @ basis))
    in_plane = np.abs(fractions @ normal - layer) < reach * length
    met = np.pi * np.square(reach) * volume / length
    flat = _both(distance, reach, in_plane, met, volume, 2)

    across, value = _fullest(own, _ACROSS)
    row = _DIRECTIONS[int(np.flatnonzero((_ACROSS == across).all(axis=1))[0])]
    start = own[int(np.flatnonzero(own @ across == value)[0])]
    along = row @ reciprocal
    period = float(np.linalg.norm(along))
    away = q - start @ reciprocal
    away -= np.outer(away @ along, along) / period**2
    in_row = np.linalg.norm(away, axis=1) < reach
    return max(flat, _both(distance, reach, in_row, 2 * reach / period, volume, 1))


def _fullest(h: FloatArray, directions: FloatArray) -> tuple[FloatArray, float]:
    """The direction whose products with most of the points are alike, and the product.

    Args:
        h: (n, 3) indices.
        directions: (m, 3).
    """
    products = np.sort(h @ directions.T, axis=0)
    starts = np.ones(products.shape, bool)
    starts[1:] = products[1:] != products[:-1]
    group = np.cumsum(starts, axis=0) - 1
    group += len(h) * np.arange(len(directions))
    best = int(np.argmax(np.bincount(group.ravel())))
    which = best // len(h)
    place = int(np.argmax(group[:, which] == best))
    return directions[which], float(products[place, which])


def _both(
    distance: FloatArray,
    reach: FloatArray,
    inside: BoolArray,
    chance: FloatArray,
    volume: float,
    dimension: int,
) -> float:
    """log10 probability of the spots inside and outside, the lowest over the scales.

    Args:
        distance: (n,) of each spot from its lattice point, 1/Å.
        reach: (n,) distances up to which spots are explained, 1/Å.
        inside: (n,) which ones lie in the plane or row.
        chance: (n,) probability to be explained of those inside.
        volume: Å³.
        dimension: 2 in a plane, 1 along a row: how `chance` falls with `reach`.
    """
    solid = volume * (4 / 3) * np.pi * reach**3
    best = 0.0
    for scale in SCALES:
        met = distance < scale * reach
        total = 0.0
        for part, most in (
            (~inside, solid * scale**3),
            (inside, chance * scale**dimension),
        ):
            if part.any():
                p = float(np.minimum(most[part], MOST_CHANCE).mean())
                number, found = int(part.sum()), int((met & part).sum())
                total += float(log10_tail(number, np.array([found]), p)[0])
        best = min(best, total)
    return best
