"""Niggli's reduced basis of a lattice: the one basis that all its bases lead to.

The steps are those of Křivý and Gruber (Acta Cryst. A32 (1976) 297), compared with the
tolerances of Grosse-Kunstleve, Sauter and Adams (Acta Cryst. A60 (2004) 1).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import FloatArray
from recorder.ssx.lattices.symmetry import reduce_basis

_MOST_STEPS = 100
"""Steps of a reduction, which needs a dozen: what is no lattice must end, too."""
_EQUAL = 1e-5
"""Of the two-thirds power of the volume: scalar products that differ by less are
equal, as the authors of the tolerances propose; more only where noise is known."""


def niggli_basis(
    vectors: NDArray[np.floating], equal: float = _EQUAL
) -> tuple[FloatArray, FloatArray]:
    """Niggli's reduced basis.

    Args:
        vectors: (3, 3), rows are a basis in Å, any setting.
        equal: Scalar products are equal that differ by less, of the two-thirds power
            of the volume.

    Returns:
        The reduced right-handed basis, (3, 3), rows in Å, and the integer matrix M (as
        float64) with ``reduced = M @ vectors``.
    """
    base, start = reduce_basis(vectors)
    near = equal * float(abs(np.linalg.det(base))) ** (2 / 3)
    matrix = np.eye(3)
    for _ in range(_MOST_STEPS):
        step = _step(matrix @ base, near)
        if step is None:
            break
        matrix = step @ matrix
    if np.linalg.det(matrix @ base) < 0:
        matrix = -matrix
    return matrix @ base, matrix @ start


def _step(basis: FloatArray, near: float) -> FloatArray | None:
    """The next change of the basis, None if it is reduced."""
    metric = basis @ basis.T
    a, b, c = (float(v) for v in np.diag(metric))
    xi, eta, zeta = (2 * float(metric[i, j]) for i, j in ((1, 2), (0, 2), (0, 1)))

    def less(x: float, y: float) -> bool:
        return x < y - near

    def same(x: float, y: float) -> bool:
        return not less(x, y) and not less(y, x)

    if less(b, a) or (same(a, b) and less(abs(eta), abs(xi))):
        return _rows((0, -1, 0), (-1, 0, 0), (0, 0, -1))
    if less(c, b) or (same(b, c) and less(abs(zeta), abs(eta))):
        return _rows((-1, 0, 0), (0, 0, -1), (0, -1, 0))
    signs = _signs((xi, eta, zeta), near)
    if signs is not None:
        return np.diag(signs)
    if (
        less(b, abs(xi))
        or (same(xi, b) and less(2 * eta, zeta))
        or (same(xi, -b) and less(zeta, 0))
    ):
        return _rows((1, 0, 0), (0, 1, 0), (0, -np.sign(xi), 1))
    if (
        less(a, abs(eta))
        or (same(eta, a) and less(2 * xi, zeta))
        or (same(eta, -a) and less(zeta, 0))
    ):
        return _rows((1, 0, 0), (0, 1, 0), (-np.sign(eta), 0, 1))
    if (
        less(a, abs(zeta))
        or (same(zeta, a) and less(2 * xi, eta))
        or (same(zeta, -a) and less(eta, 0))
    ):
        return _rows((1, 0, 0), (-np.sign(zeta), 1, 0), (0, 0, 1))
    total = xi + eta + zeta + a + b
    if less(total, 0) or (same(total, 0) and less(0, 2 * (a + eta) + zeta)):
        return _rows((1, 0, 0), (0, 1, 0), (1, 1, 1))
    return None


def _rows(*rows: tuple[float, float, float]) -> FloatArray:
    return np.array(rows, dtype=np.float64)


def _signs(products: tuple[float, float, float], near: float) -> FloatArray | None:
    """Signs of the axes that make all products positive, or none; None: they are."""
    positive = [p > near for p in products]
    negative = [p < -near for p in products]
    zero = [not p and not n for p, n in zip(positive, negative, strict=True)]
    acute = not any(zero) and sum(negative) % 2 == 0
    if acute:
        signs = np.where(negative, -1.0, 1.0)
    else:
        signs = np.where(positive, -1.0, 1.0)
        if signs.prod() < 0:
            # a right angle stays one whichever way its axis points
            signs[zero.index(True)] *= -1
    return None if (signs > 0).all() else np.asarray(signs)
