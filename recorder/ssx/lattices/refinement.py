"""Refinement of candidate lattices against spots, batched over candidates.

Bases are rows; a spot q has indices ``h = q @ A.T`` and a lattice point sits at
``h @ inv(A).T``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recorder.ssx.arrays import FloatArray
from recorder.ssx.lattices.ewald import Spots


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Distance from the lattice point up to which a spot is indexed, 1/Å."""

    constant: float
    slope: float

    def __call__(self, norm: FloatArray) -> FloatArray:
        """Tolerance for spots of these |q|."""
        return self.constant + self.slope * norm

    def times(self, constant: float, slope: float) -> Tolerance:
        """A wider one for the first steps of a refinement."""
        return Tolerance(self.constant * constant, self.slope * slope)


FAST = Tolerance(0.0012, 0.0035)
"""Of a rigid cell. Spot position and mosaicity, with a beam centre within 2 px and a
distance within 0.5 %: 4 px lose a fifth to all of the images, 1 % two thirds."""
WIDE = Tolerance(0.002, 0.006)
"""Of a fitted cell: with it and a fit, cells 1 % off index like right ones (big
cells 0.85), and all six real images of thaumatin, of which the rigid cell explained
a tenth."""
_SHIFT_PRIOR = 4.0
"""Spots that say that nothing is shifted: a tolerance of 0.002 1/Å over an expected
shift of 0.001 1/Å (2 px of 75 µm at 0.15 m and 1 Å), squared."""
LEAST_FREE = 9
"""Spots for a free fit of the nine numbers of a basis: three times as many
equations."""
_WORST_CONDITION = 1e10
"""Condition of the normal equations beyond which spots in a plane tell no basis: of the
16 digits of a float64 six would be left."""


def errors(bases: FloatArray, q: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Nearest lattice points of spots.

    Args:
        bases: (m, 3, 3) real-space bases, rows in Å.
        q: (n, 3) scattering vectors, 1/Å, or (m, n, 3): for each basis its own.

    Returns:
        Indices h (m, n, 3), integral float64, and distances (m, n) in 1/Å, infinite
        for h = 0.
    """
    h = np.rint(q @ bases.transpose(0, 2, 1))
    miss = q - h @ np.linalg.inv(bases).transpose(0, 2, 1)
    np.square(miss, out=miss)
    distance = np.sqrt(miss[:, :, 0] + miss[:, :, 1] + miss[:, :, 2])
    distance[(h[:, :, 0] == 0) & (h[:, :, 1] == 0) & (h[:, :, 2] == 0)] = np.inf
    return h, distance


def _weights(distance: FloatArray, tolerance: FloatArray) -> FloatArray:
    return np.maximum(1.0 - np.square(distance / tolerance), 0.0)


def rotate(
    bases: FloatArray,
    cell: FloatArray,
    q: FloatArray,
    tolerance: FloatArray,
    scale_limit: float = 0.0,
) -> FloatArray:
    """One step of rotation-only refinement: weighted Procrustes fit.

    Args:
        bases: (m, 3, 3) current bases, rows in Å.
        cell: (3, 3) the unrotated basis, kept rigid.
        q: (n, 3) scattering vectors, 1/Å, or (m, n, 3): for each basis its own.
        tolerance: (n,) distances at which the weight falls to 0, 1/Å.
        scale_limit: Allowed relative change of one common scale of the cell.

    Returns:
        (m, 3, 3) new bases.
    """
    h, distance = errors(bases, q)
    w = _weights(distance, tolerance)
    start = h @ np.linalg.inv(cell).T
    covariance = (w[:, None, :] * q.swapaxes(-1, -2)) @ start
    u, s, vt = np.linalg.svd(covariance)
    sign = np.linalg.det(u @ vt)
    u[:, :, 2] *= sign[:, None]
    turned = cell @ (u @ vt).transpose(0, 2, 1)
    if not scale_limit:
        return np.asarray(turned)
    s[:, 2] *= sign
    size = (w * np.square(start).sum(axis=2)).sum(axis=1)
    ratio = s.sum(axis=1) / np.maximum(size, 1e-12)
    ratio = np.clip(ratio, 1 - scale_limit, 1 + scale_limit)
    # q grows by `ratio`, so the cell shrinks by it
    return np.asarray(turned / ratio[:, None, None])


def shifted(
    bases: FloatArray, views: FloatArray, spots: Spots, tolerance: FloatArray
) -> FloatArray:
    """One step of the shift of the beam centre that each basis asks for.

    Args:
        bases: (m, 3, 3) current bases, rows in Å.
        views: (m, 3) of the detector so far.
        spots: Of the image.
        tolerance: (n,) distances at which the weight falls to 0, 1/Å.

    Returns:
        (m, 3) new views, drawn towards that of no shift.
    """
    seen = spots.seen(views)
    h, distance = errors(bases, seen)
    w = _weights(distance, tolerance)
    miss = seen - h @ np.linalg.inv(bases).transpose(0, 2, 1)
    mean = (w[:, None, :] @ miss[:, :, :2])[:, 0]
    asked = mean + w.sum(axis=1)[:, None] * views[:, :2]
    out = views.copy()
    out[:, :2] = asked / (w.sum(axis=1) + _SHIFT_PRIOR)[:, None]
    return out


def free(
    bases: FloatArray, q: FloatArray, tolerance: FloatArray, least: int = LEAST_FREE
) -> FloatArray:
    """One step of free least squares: all nine numbers of the basis.

    Args:
        bases: (m, 3, 3) current bases, rows in Å.
        q: (n, 3) scattering vectors, 1/Å.
        tolerance: (n,) distances at which the weight falls to 0, 1/Å.
        least: Bases with fewer weighted spots are left as they are.

    Returns:
        (m, 3, 3) new bases.
    """
    h, distance = errors(bases, q)
    w = _weights(distance, tolerance)
    # minimise sum w |q - h @ X|^2 over X = inv(A).T
    weighted = (w[:, :, None] * h).transpose(0, 2, 1)
    normal = weighted @ h
    right = weighted @ q
    enough = (w > 0).sum(axis=1) >= least
    enough &= np.linalg.cond(normal) < _WORST_CONDITION
    out = bases.copy()
    if enough.any():
        x = np.linalg.solve(normal[enough], right[enough])
        sane = np.abs(np.linalg.det(x)) > 1e-12
        new = np.linalg.inv(x[sane]).transpose(0, 2, 1)
        out[np.flatnonzero(enough)[sane]] = new
    return out


def symmetrise(basis: FloatArray, symmetry: FloatArray) -> FloatArray:
    """Nearest basis whose metric has the symmetry of the given cell.

    Args:
        basis: (3, 3) rows in Å.
        symmetry: (k, 3, 3) integer matrices of the lattice symmetry on that basis.

    Returns:
        (3, 3): the metric averaged over the symmetry, in the orientation of `basis`.
    """
    metric = np.mean(symmetry @ (basis @ basis.T) @ symmetry.transpose(0, 2, 1), axis=0)
    return with_metric(basis, metric)


def with_metric(basis: FloatArray, metric: FloatArray) -> FloatArray:
    """The basis of a given metric, in the orientation of another basis.

    Args:
        basis: (3, 3) rows in Å.
        metric: (3, 3) scalar products of the rows wanted, Å².

    Returns:
        (3, 3) rows in Å.
    """
    target = np.linalg.cholesky(metric)
    u, _, vt = np.linalg.svd(target.T @ basis)
    return np.asarray(target @ (u @ vt))
