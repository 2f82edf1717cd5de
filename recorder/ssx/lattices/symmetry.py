"""Reduced bases, symmetry and Bravais type of lattices."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recorder.records import Cell
from recorder.ssx.arrays import FloatArray
from recorder.ssx.lattices.space_groups import centring_letter, crystal_system
from recorder.ssx.lattices.unit_cell import (
    centring,
    check_cell,
    primitive_matrix,
    vectors_from_cell,
)

TOLERANCE = 0.005
"""Relative to the lengths: what a lattice may miss of a symmetry and still have it.
Chosen, not tuned."""
_SAME_LENGTH = 2e-3
"""Relative difference of lengths that the name of a lattice takes for none: rounding of
a given cell. Chosen, not tuned."""
_SAME_ANGLE = 0.1
"""The same for angles, degrees."""
_MOST_STEPS = 100
"""Steps of a reduction, which needs a handful: what is no lattice must end, too."""
_ROUNDING = 1e-9
"""Relative; vectors of equal length are not exchanged for ever."""
_NO_STRAIN = 1e-6
"""Singular values below are zero but for rounding."""


def reduce_basis(vectors: NDArray[np.floating]) -> tuple[FloatArray, FloatArray]:
    """Three shortest independent vectors of a lattice (Buerger's reduction).

    Args:
        vectors: (3, 3), rows are a basis in Å.

    Returns:
        The reduced right-handed basis, (3, 3), shortest first, and the integer
        matrix M (as float64) with ``reduced = M @ vectors``.
    """
    matrix = np.eye(3)
    base = np.asarray(vectors, dtype=np.float64)
    for _ in range(_MOST_STEPS):
        current = matrix @ base
        order = np.argsort(np.linalg.norm(current, axis=1), kind="stable")
        matrix = matrix[order]
        current = current[order]
        longest = current[2]
        trials = np.array(list(itertools.product((-1, 0, 1), repeat=2)), dtype=float)
        norms = np.linalg.norm(longest + trials @ current[:2], axis=1)
        best = int(np.argmin(norms))
        step = -round(float(current[1] @ current[0] / (current[0] @ current[0])))
        if norms[best] < np.linalg.norm(longest) * (1 - _ROUNDING):
            matrix[2] += trials[best] @ matrix[:2]
        elif step and _shorter(current[1] + step * current[0], current[1]):
            matrix[1] += step * matrix[0]
        else:
            break
    if np.linalg.det(matrix @ base) < 0:
        matrix = -matrix
    return matrix @ base, matrix


def _shorter(a: FloatArray, b: FloatArray) -> bool:
    return bool(a @ a < (b @ b) * (1 - _ROUNDING))


def primitive_vectors(
    cell: Sequence[float], space_group: str | None
) -> tuple[FloatArray, FloatArray]:
    """Reduced primitive basis of a possibly centred cell.

    Args:
        cell: Conventional cell, Å and degrees.
        space_group: Symbol such as ``"C2"`` or ``"R 3 2"``; None means primitive.

    Returns:
        The reduced primitive basis (3, 3) in the frame of
        :func:`vectors_from_cell`, and the matrix C (3, 3) with
        ``conventional = C @ primitive`` for going back, whatever the orientation.

    Raises:
        UnitCellError: See :func:`check_cell`.
    """
    conventional = vectors_from_cell(cell)
    to_primitive = primitive_matrix(centring(cell, space_group))
    reduced, matrix = reduce_basis(to_primitive @ conventional)
    back = np.linalg.inv(matrix @ to_primitive)
    return reduced, np.round(back)


@functools.cache
def unimodular() -> FloatArray:
    """All 3 x 3 matrices of -1, 0, 1 with determinant +1, (n, 3, 3)."""
    values = np.array(list(itertools.product((-1, 0, 1), repeat=9)), dtype=np.float64)
    matrices = values.reshape(-1, 3, 3)
    return np.asarray(matrices[np.round(np.linalg.det(matrices)) == 1])


def symmetry_matrices(
    vectors: NDArray[np.floating], tolerance: float = TOLERANCE
) -> FloatArray:
    """Proper symmetries of a lattice as integer matrices on its basis.

    Args:
        vectors: (3, 3) Buerger-reduced basis (see :func:`reduce_basis`), rows.
        tolerance: Allowed misfit of the metric, relative to the lengths.

    Returns:
        (m, 3, 3) matrices N with ``N @ vectors`` congruent to ``vectors``; the
        identity is among them.
    """
    v = np.asarray(vectors, dtype=np.float64)
    metric = v @ v.T
    n = unimodular()
    lengths = np.sqrt(np.diag(metric))
    misfit = np.abs(n @ metric @ n.transpose(0, 2, 1) - metric)
    fits = np.all(misfit <= 2 * tolerance * np.outer(lengths, lengths), axis=(1, 2))
    return np.asarray(n[fits])


def rotations(
    vectors: NDArray[np.floating], tolerance: float = TOLERANCE
) -> FloatArray:
    """Proper rotations that map a lattice onto itself.

    Args:
        vectors: (3, 3) basis of the primitive lattice, rows; any orientation.
        tolerance: See :func:`symmetry_matrices`.

    Returns:
        (m, 3, 3) rotation matrices R (acting on column vectors), identity among
        them; for a metric that is symmetric only within the tolerance, the nearest
        rotations.
    """
    reduced, _ = reduce_basis(vectors)
    mapped = symmetry_matrices(reduced, tolerance) @ reduced
    # mapped rows are R @ rows: mapped = reduced @ R.T
    approx = (np.linalg.inv(reduced) @ mapped).transpose(0, 2, 1)
    u, _, vt = np.linalg.svd(approx)
    return np.asarray(u @ vt)


def rotation_between(
    first: NDArray[np.floating], second: NDArray[np.floating]
) -> FloatArray:
    """Orthogonal matrix that brings one basis nearest to another.

    Args:
        first: (3, 3) rows a, b, c.
        second: (3, 3) rows; small differences of the cell are projected out.

    Returns:
        (3, 3), acting on column vectors; improper if the bases differ in hand.
    """
    u, _, vt = np.linalg.svd((np.linalg.inv(first) @ np.asarray(second)).T)
    return np.asarray(u @ vt)


def misorientation(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    symmetry: NDArray[np.floating] | None = None,
) -> float:
    """Angle between two orientations of one lattice, modulo its symmetry.

    Args:
        first: (3, 3) rows a, b, c of one lattice, any setting.
        second: (3, 3) rows of the other in the same setting; small differences of
            the cell are projected out.
        symmetry: (m, 3, 3) rotations of `first` as :func:`rotations` gives them
            (for a centred cell those of its primitive basis); None: identity only.

    Returns:
        Degrees, 0 to 180.
    """
    turn = rotation_between(first, second)
    if np.linalg.det(turn) < 0:
        return 180.0
    group = np.eye(3)[None] if symmetry is None else np.asarray(symmetry)
    trace = np.einsum("ij,mij->m", turn, group)
    return math.degrees(math.acos(float(np.clip((trace.max() - 1) / 2, -1, 1))))


def rotation_from_vector(vector: FloatArray) -> FloatArray:
    """Rotation matrix (3, 3) of a rotation vector (3,), rad; Rodrigues' formula."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    turned = np.eye(3) + np.sin(angle) * cross
    return np.asarray(turned + (1 - np.cos(angle)) * (cross @ cross))


def strains(rotations: FloatArray) -> FloatArray:
    """Symmetric strains (k, 3, 3) that keep the symmetry of the lattice."""
    single = []
    for i in range(3):
        for j in range(i, 3):
            strain = np.zeros((3, 3))
            strain[i, j] = strain[j, i] = 1.0
            kept = rotations @ strain @ rotations.transpose(0, 2, 1)
            single.append(kept.mean(axis=0).ravel())
    _, size, rows = np.linalg.svd(np.array(single))
    free = rows[: len(size)][size > _NO_STRAIN]
    return np.asarray(free.reshape(-1, 3, 3))


_FAMILY = {
    "triclinic": "a",
    "monoclinic": "m",
    "orthorhombic": "o",
    "tetragonal": "t",
    "trigonal": "h",
    "hexagonal": "h",
    "cubic": "c",
}


_BRAVAIS = frozenset("aP mP mC oP oC oI oF tP tI hP hR cP cI cF".split())


_ALIASES = {"mA": "mC", "mB": "mC", "mI": "mC", "oA": "oC", "oB": "oC", "tF": "tI"}
"""Other settings of the fourteen lattices."""


def lattice_type(cell: Sequence[float], space_group: str | None) -> str:
    """Two-letter code of the Bravais lattice, such as ``tP`` or ``mC``.

    Args:
        cell: Conventional cell, Å and degrees.
        space_group: Symbol; None or an unknown one: metric symmetry of the cell.

    Returns:
        One of aP, mP, mC, oP, oC, oI, oF, tP, tI, hP, hR, cP, cI, cF.

    Raises:
        UnitCellError: See :func:`check_cell`.
    """
    checked = check_cell(cell)
    system = crystal_system(space_group) or _metric_system(checked)
    letter = centring_letter(space_group)
    if letter in "RH" or system == "rhombohedral":
        return "hR"
    code = _FAMILY[system] + letter
    code = _ALIASES.get(code, code)
    return code if code in _BRAVAIS else code[0] + "P"


def _metric_system(cell: Cell) -> str:
    """Crystal system that the cell's lengths and angles allow."""
    a, b, c, *angles = cell
    right = [abs(x - 90) < _SAME_ANGLE for x in angles]
    ab, bc = abs(a - b) < _SAME_LENGTH * a, abs(b - c) < _SAME_LENGTH * b
    if all(right):
        if ab and bc:
            return "cubic"
        return (
            "tetragonal"
            if ab or bc or abs(a - c) < _SAME_LENGTH * a
            else "orthorhombic"
        )
    if ab and right[0] and right[1] and abs(angles[2] - 120) < _SAME_ANGLE:
        return "hexagonal"
    if ab and bc and max(angles) - min(angles) < _SAME_ANGLE:
        return "rhombohedral"
    return "monoclinic" if sum(right) == 2 else "triclinic"
