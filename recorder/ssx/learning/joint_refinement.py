"""Beam centre, distance and cell refined together over many indexed images.

Gauss-Newton on the distances of spots from their lattice points. Each image has an
orientation of its own, which is eliminated, so that the normal equations hold only what
all images share: two shifts of the centre, the logarithm of the distance, and the
strains of the cell that its symmetry allows. Only high-angle spots tell the distance
from the size of the cell; where they are missing, a weak prior keeps both near the
given values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recorder.records import Geometry
from recorder.ssx.arrays import FloatArray
from recorder.ssx.detector.geometry import scattering_vectors
from recorder.ssx.lattices import symmetry
from recorder.ssx.lattices.refinement import Tolerance

_REACH = (Tolerance(0.003, 0.006), Tolerance(0.002, 0.004), Tolerance(0.0012, 0.0025))
"""Tolerances of the passes, two of each and the last for the rest: from wider than
WIDE, because centre and distance are off, to narrower than FAST. Half or double leaves
every later hit indexed (`make bench-quality`, after 30 hits, a monoclinic cell)."""
_PASSES = 9
"""Passes of Gauss-Newton. Half or double leaves every later hit indexed (`make
bench-quality`, after 30 hits, a monoclinic cell)."""
_CENTRE_SIGMA = 5.0
"""Expected error of the beam centre, px."""
_RELATIVE_SIGMA = 0.02
"""Expected relative error of distance and cell. It decides where spots do not tell
them apart: both then take half of what is off. Chosen, not tuned."""
_SAME_AXES = 0.2
"""Strain between two bases up to which their axes are the same. Chosen, not tuned."""
_MOST_SCALE = 0.03
"""Change of the size of one image's cell in one step that is believed."""
_LEAST_SPOTS = 10
"""Spots near the lattice without which an image is left out. Half or double leaves
every later hit indexed (`make bench-quality`, after 30 hits, a monoclinic cell)."""
_LEAST_SHARE = 0.2
"""The same as a share of an image's spots."""
_LEAST_NOISE = 1e-4
"""Spots are not known better than so (1/Å)."""
_STEPS = (0.01, 0.01, 1e-5)
"""Steps of the numeric derivatives: centre (px, px), logarithm of the distance. Small
against the errors above, large against rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class IndexedImage:
    """Spots of an image and a lattice in it."""

    xy: FloatArray
    """(n, 2) positions, px."""
    basis: FloatArray
    """(3, 3) primitive basis in the laboratory frame, rows in Å."""


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """What people, header and files said."""

    geometry: Geometry
    basis: FloatArray | None
    """(3, 3) primitive basis of the cell, unrotated, rows in Å; None: nobody said."""


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What the images agree on."""

    geometry: Geometry
    basis: FloatArray
    """(3, 3) primitive basis, in the frame of the one given."""
    images: int
    residual: float
    """Root mean square distance of indexed spots from lattice points, 1/Å."""
    distance_sigma: float = 0.0
    """Standard deviation of the logarithm of the distance."""
    free: int = 0
    """Numbers that were refined, common to all images."""


def refine_common(
    images: Sequence[IndexedImage],
    geometry: Geometry,
    basis: FloatArray,
    rotations: FloatArray,
    weights: Sequence[float] | None = None,
    expected: Expected | None = None,
) -> Calibration | None:
    """Refine what is common to all images.

    Args:
        images: Indexed images; their bases may differ by a few per cent from `basis`.
        geometry: Starting point.
        basis: (3, 3) primitive basis of the cell, unrotated, rows in Å.
        rotations: (m, 3, 3) proper rotations of its lattice.
        weights: Of each image; None: all alike.
        expected: What is expected where spots do not tell; None: the starting point.

    Returns:
        None if no image has enough spots near the lattice.
    """
    strains = symmetry.strains(rotations)
    turns = [_turn(basis, image.basis) for image in images]
    share = [1.0] * len(images) if weights is None else weights
    used, residual, sigma = 0, 0.0, 0.0
    moved = _away(expected, geometry, basis, strains)
    for step in range(_PASSES):
        reach = _REACH[min(step // 2, len(_REACH) - 1)]
        count = 3 + len(strains)
        prior = np.array([_CENTRE_SIGMA] * 2 + [_RELATIVE_SIGMA] * (count - 2))
        normal, right = np.zeros((count, count)), np.zeros(count)
        rows = []
        for number, image in enumerate(images):
            row = _rows(image.xy, turns[number], geometry, basis, strains, reach)
            if row is not None:
                rows.append((number, *row))
        if not rows:
            return None
        used = len(rows)
        noise2 = float(np.mean(np.concatenate([r[1] for r in rows]) ** 2))
        residual = float(np.sqrt(3 * noise2))
        for number, miss, common, own in rows:
            rest = common - own @ np.linalg.lstsq(own, common, rcond=None)[0]
            normal += share[number] * (rest.T @ rest)
            right += share[number] * (rest.T @ miss)
        noise2 = max(noise2, _LEAST_NOISE**2)
        weight = noise2 / np.square(prior)
        inverse = np.linalg.inv(normal + np.diag(weight))
        change = np.asarray(inverse @ (right - weight * moved), float)
        sigma = math.sqrt(noise2 * float(inverse[2, 2]))
        moved += change
        for number, miss, common, own in rows:
            left = miss - common @ change
            turn = np.asarray(np.linalg.lstsq(own, left, rcond=None)[0], float)
            turns[number] = symmetry.rotation_from_vector(turn) @ turns[number]
        geometry = _moved(geometry, change[:3])
        strain = np.eye(3) + np.tensordot(change[3:], strains, axes=1)
        basis = basis @ strain
    return Calibration(geometry, basis, used, residual, sigma, len(moved))


def _away(
    expected: Expected | None,
    geometry: Geometry,
    basis: FloatArray,
    strains: FloatArray,
) -> FloatArray:
    """How far a starting point is from what is expected, in the refined numbers."""
    away = np.zeros(3 + len(strains))
    if expected is None:
        return away
    away[:2] = np.subtract(geometry.beam_center, expected.geometry.beam_center)
    away[2] = np.log(geometry.distance / expected.geometry.distance)
    if expected.basis is not None:
        change = np.linalg.inv(expected.basis) @ basis - np.eye(3)
        if np.abs(change).max() < _SAME_AXES:  # else the axes are others
            away[3:] = np.tensordot(strains, change, axes=2)
    return away


def refine_place(
    image: IndexedImage, geometry: Geometry, basis: FloatArray
) -> tuple[tuple[float, float], float] | None:
    """Beam centre and size of one image, its orientation free.

    Args:
        image: An indexed image.
        geometry: Starting point.
        basis: (3, 3) primitive basis of the cell, unrotated, rows in Å.

    Returns:
        The centre (x, y), px, and the size of the cell over that of `basis`; None if
        too few spots are near the lattice, or they do not tell.
    """
    turn = _turn(basis, image.basis)
    strains = np.eye(3)[None]
    scale = 1.0
    for reach in (_REACH[0], _REACH[1], _REACH[1], _REACH[2]):
        row = _rows(image.xy, turn, geometry, scale * basis, strains, reach)
        if row is None:
            return None
        miss, common, own = row
        # the distance of one image cannot be told from the size of the cell
        design = np.column_stack([common[:, [0, 1, 3]], own])
        change, *_ = np.linalg.lstsq(design, miss, rcond=None)
        if np.abs(change[:2]).max() > _CENTRE_SIGMA * 2 or abs(change[2]) > _MOST_SCALE:
            return None
        geometry = _moved(geometry, np.array([change[0], change[1], 0.0]))
        scale *= 1 + float(change[2])
        turn = symmetry.rotation_from_vector(np.asarray(change[3:], float)) @ turn
    return geometry.beam_center, scale


def _rows(
    xy: FloatArray,
    turn: FloatArray,
    geometry: Geometry,
    basis: FloatArray,
    strains: FloatArray,
    reach: Tolerance,
) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    """Misses (3n,) and their derivatives by common (3n, k) and own (3n, 3) numbers."""
    q = scattering_vectors(geometry, xy[:, 0], xy[:, 1])
    reciprocal = np.linalg.inv(basis).T
    local = q @ turn
    h = np.rint(local @ basis.T)
    at = h @ reciprocal
    near = np.linalg.norm(local - at, axis=1) < reach(np.linalg.norm(q, axis=1))
    near &= h.any(axis=1)
    if near.sum() < max(_LEAST_SPOTS, _LEAST_SHARE * len(xy)):
        return None
    xy, q, at = xy[near], q[near], at[near]
    point = at @ turn.T
    miss = q - point
    columns = []
    # the miss falls when q moves by -dq/dp or the point by +
    for axis in range(3):
        step = np.zeros(3)
        step[axis] = _STEPS[axis]
        more = scattering_vectors(_moved(geometry, step), xy[:, 0], xy[:, 1])
        columns.append(-(more - q) / step[axis])
    # a larger basis has shorter reciprocal vectors; misses count in units of them,
    # else a larger distance and cell would make all misses smaller
    columns += [
        -(at @ strain) @ turn.T - miss * (np.trace(strain) / 3) for strain in strains
    ]
    common = np.stack([column.ravel() for column in columns], axis=1)
    zero = np.zeros(len(point))
    x, y, z = point.T
    own = np.stack(
        [
            np.stack([zero, -z, y], axis=1).ravel(),
            np.stack([z, zero, -x], axis=1).ravel(),
            np.stack([-y, x, zero], axis=1).ravel(),
        ],
        axis=1,
    )
    return miss.ravel(), common, own


def _moved(geometry: Geometry, change: FloatArray) -> Geometry:
    """Centre moved by two shifts (px), distance by a logarithm."""
    x, y = geometry.beam_center
    return replace(
        geometry,
        beam_center=(x + float(change[0]), y + float(change[1])),
        distance=geometry.distance * float(np.exp(change[2])),
    )


def _turn(basis: FloatArray, turned: FloatArray) -> FloatArray:
    """Rotation (3, 3), acting on columns, that brings `basis` nearest to `turned`."""
    u, _, vt = np.linalg.svd((np.linalg.inv(basis) @ turned).T)
    if np.linalg.det(u @ vt) < 0:
        u[:, 2] *= -1
    return np.asarray(u @ vt)
