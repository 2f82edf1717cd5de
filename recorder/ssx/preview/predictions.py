"""Where a lattice should show spots: what people compare with the spots that it has."""

from __future__ import annotations

import math

import numpy as np

from recorder.records import Geometry
from recorder.ssx.arrays import FloatArray
from recorder.ssx.detector.projection import project
from recorder.ssx.lattices.refinement import FAST, errors

MOST_PREDICTED = 400
"""Predicted spots of a lattice: more would cover the picture. Chosen by looking at
stills of lysozyme and thaumatin."""
_SURE = 0.5
"""Of the indexer's tolerance: lattice points nearer to the Ewald sphere should show a
spot, if they are strong. The indexer's last refinement goes so far, too."""
_CODE = np.array([1, 1 << 20, 1 << 40])
"""Three indices in one number; none is above 10,000."""
_MOST_LINES = 40_000
"""Lines of lattice points that are looked at: some 10 ms. Of larger cells only what is
nearer to the beam is predicted. Chosen, not tuned."""


def predicted(
    primitive: FloatArray, geometry: Geometry, resolution: float, q: FloatArray
) -> FloatArray:
    """Spots that a lattice should have on the detector.

    First come those that were found and that the lattice explains as the indexer counts
    it, then those that are the most likely to be seen.

    Args:
        primitive: (3, 3) primitive real-space basis in the laboratory frame, rows in
            Å.
        geometry: The detector.
        resolution: Least spacing of those that were not found, Å.
        q: (n, 3) scattering vectors of the spots that were found, 1/Å.

    Returns:
        (n, 2) x and y, px; at most ``MOST_PREDICTED``.
    """
    if not 0 < resolution < math.inf or abs(np.linalg.det(primitive)) < 1.0:
        return np.zeros((0, 2))
    reciprocal = np.linalg.inv(primitive).T
    radius = 1 / geometry.wavelength
    points = _near(primitive, radius, min(1 / resolution, 2 * radius))
    indices = np.rint(points @ primitive.T)
    explained = _explained(primitive, q)
    rest = ~np.isin(indices @ _CODE, explained @ _CODE)
    points = np.concatenate([explained @ reciprocal, points[rest]])
    waves = points + np.array([0.0, 0.0, radius])
    off = np.abs(np.linalg.norm(waves, axis=1) - radius)
    likely = off / (_SURE * FAST(np.linalg.norm(points, axis=1)))
    likely[: len(explained)] = 0.0
    order = np.argsort(likely, kind="stable")
    at = project(geometry, waves[order[: np.count_nonzero(likely < 1)]])
    return at[np.isfinite(at).all(axis=1)][:MOST_PREDICTED]


def _explained(primitive: FloatArray, q: FloatArray) -> FloatArray:
    """(m, 3) indices of the lattice points that explain found spots, each once."""
    indices, distance = errors(primitive[None], q)
    met = distance[0] < FAST(np.linalg.norm(q, axis=1))
    return np.unique(indices[0][met], axis=0)


def _near(primitive: FloatArray, radius: float, q_max: float) -> FloatArray:
    """(n, 3) reciprocal points within the tolerance of the sphere, and some more."""
    order = np.argsort(np.linalg.norm(primitive, axis=1), kind="stable")
    reciprocal = np.linalg.inv(primitive[order]).T
    lengths = np.linalg.norm(primitive, axis=1)[order]
    lines = (2 * q_max * lengths[0] + 1) * (2 * q_max * lengths[1] + 1)
    q_max *= min(1.0, math.sqrt(_MOST_LINES / lines))
    most = np.floor(q_max * lengths[:2]).astype(int)
    h, k = np.mgrid[-most[0] : most[0] + 1, -most[1] : most[1] + 1].reshape(2, -1)
    start = h[:, None] * reciprocal[0] + k[:, None] * reciprocal[1]
    step = reciprocal[2]
    waves = start + np.array([0.0, 0.0, radius])
    thick = float(_SURE * FAST(np.asarray(q_max)))
    outer = _crossings(waves, step, radius + thick)
    inner = _crossings(waves, step, radius - thick)
    ball = _crossings(start, step, q_max)
    # from the outer sphere to the inner one, and out again; some lines miss the inner
    until = np.where(np.isnan(inner[0]), outer[1], inner[0])
    low = np.maximum([outer[0], inner[1]], ball[0]).ravel()
    high = np.minimum([until, outer[1]], ball[1]).ravel()
    first = np.ceil(low)
    count = np.nan_to_num(np.floor(high) - first + 1).clip(0).astype(int)
    line = np.repeat(np.arange(len(low)), count)
    place = np.arange(len(line)) - np.repeat(np.cumsum(count) - count, count)
    points = start[line % len(start)] + (first[line] + place)[:, None] * step
    return np.asarray(points[points.any(axis=1)])


def _crossings(start: FloatArray, step: FloatArray, radius: float) -> FloatArray:
    """(2, n) where lines ``start + l * step`` enter and leave a sphere; NaN: never."""
    square = step @ step
    middle = -(start @ step) / square
    left = np.square(middle) - (np.square(start).sum(axis=1) - radius**2) / square
    half = np.sqrt(np.where(left >= 0, left, np.nan))
    return np.array([middle - half, middle + half])
