"""Unit cells, centring, lattice symmetry.

Vectors are rows: ``a[0]``, ``a[1]``, ``a[2]`` are the real-space basis vectors in
Å. Formulas: International Tables for Crystallography, volumes A and B.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recorder.errors import UnitCellError
from recorder.records import Cell
from recorder.ssx.arrays import FloatArray
from recorder.ssx.lattices.space_groups import centring_letter

_PRIMITIVE: dict[str, list[list[float]]] = {
    "P": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "A": [[1, 0, 0], [0, 0.5, 0.5], [0, -0.5, 0.5]],
    "B": [[0.5, 0, 0.5], [0, 1, 0], [-0.5, 0, 0.5]],
    "C": [[0.5, 0.5, 0], [-0.5, 0.5, 0], [0, 0, 1]],
    "I": [[-0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.5, 0.5, -0.5]],
    "F": [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]],
    # hexagonal axes, obverse setting
    "R": [[2 / 3, 1 / 3, 1 / 3], [-1 / 3, 1 / 3, 1 / 3], [-1 / 3, -2 / 3, 1 / 3]],
}
"""Primitive vectors in terms of the conventional ones."""

_MAX_CELL = 5000.0
"""Å; longest edge that is believed: beyond, the unit is wrong. Chosen, not tuned."""
_MIN_CELL = 1.0
"""Å; shortest edge that is believed: shorter ones hold no atom. Chosen, not tuned."""
_ANGLES = (10, 170)
"""Degrees that angles of a cell may have; radians lie outside. Chosen, not tuned."""
_FLAT = 1e-3
"""Square of volume over a b c below which a cell is flat: no vectors can be worked out
from it. Chosen, not tuned."""
_SAME_LENGTH = 0.02
"""Relative difference of lengths up to which a cell with centring R is on rhombohedral
axes; on hexagonal ones a and c differ by more. Chosen, not tuned."""


def check_cell(cell: Sequence[float]) -> Cell:
    """Check that six numbers make a unit cell.

    Args:
        cell: a, b, c in Å and alpha, beta, gamma in degrees.

    Returns:
        The cell as a tuple of floats.

    Raises:
        UnitCellError: The numbers are not six, not finite, out of range, or the
            angles fit no parallelepiped.
    """
    if len(cell) != 6:
        raise UnitCellError(f"a unit cell has six numbers, got {len(cell)}")
    a, b, c, alpha, beta, gamma = (float(v) for v in cell)
    said = f"{a:g} {b:g} {c:g} {alpha:g} {beta:g} {gamma:g}"
    if not all(math.isfinite(v) for v in (a, b, c, alpha, beta, gamma)):
        raise UnitCellError(f"unit cell {said} has a value that is not a number")
    if not all(_MIN_CELL <= v <= _MAX_CELL for v in (a, b, c)):
        raise UnitCellError(
            f"unit cell {said}: lengths must be {_MIN_CELL:g} to {_MAX_CELL:g} Å"
        )
    if not all(_ANGLES[0] <= v <= _ANGLES[1] for v in (alpha, beta, gamma)):
        raise UnitCellError(f"unit cell {said}: angles must be 10 to 170 degrees")
    if _volume_factor(alpha, beta, gamma) < _FLAT:
        raise UnitCellError(
            f"unit cell {said}: these three angles are impossible together"
        )
    return (a, b, c, alpha, beta, gamma)


def _cos(degrees: float) -> float:
    # exact zero at 90 degrees: keeps orthogonal cells exactly orthogonal
    return 0.0 if degrees == 90 else math.cos(math.radians(degrees))


def _volume_factor(alpha: float, beta: float, gamma: float) -> float:
    """Square of volume / (a b c); negative if the angles are impossible."""
    ca, cb, cg = _cos(alpha), _cos(beta), _cos(gamma)
    return 1 - ca * ca - cb * cb - cg * cg + 2 * ca * cb * cg


def vectors_from_cell(cell: Sequence[float]) -> FloatArray:
    """Real-space basis of a cell: a along x, b in the x-y plane.

    Args:
        cell: a, b, c in Å and alpha, beta, gamma in degrees.

    Returns:
        (3, 3) float64, rows a, b, c in Å.

    Raises:
        UnitCellError: See :func:`check_cell`.
    """
    a, b, c, alpha, beta, gamma = check_cell(cell)
    ca, cb, cg = _cos(alpha), _cos(beta), _cos(gamma)
    sg = math.sqrt(1 - cg * cg)
    cy = (ca - cb * cg) / sg
    cz = math.sqrt(_volume_factor(alpha, beta, gamma)) / sg
    return np.array([[a, 0, 0], [b * cg, b * sg, 0], [c * cb, c * cy, c * cz]])


def cell_from_vectors(vectors: NDArray[np.floating]) -> Cell:
    """Cell of a real-space basis.

    Args:
        vectors: (3, 3), rows a, b, c in Å.

    Returns:
        a, b, c in Å and alpha, beta, gamma in degrees.
    """
    v = np.asarray(vectors, dtype=np.float64).reshape(3, 3)
    lengths = np.linalg.norm(v, axis=1)
    unit = v / lengths[:, None]
    cosines = np.clip([unit[1] @ unit[2], unit[0] @ unit[2], unit[0] @ unit[1]], -1, 1)
    angles = np.degrees(np.arccos(cosines))
    a, b, c = (float(x) for x in lengths)
    alpha, beta, gamma = (float(x) for x in angles)
    return (a, b, c, alpha, beta, gamma)


def _is_rhombohedral(cell: Sequence[float]) -> bool:
    """Rhombohedral axes: three equal lengths, three equal angles."""
    a, b, c, alpha, beta, gamma = cell
    same = abs(a - b) < _SAME_LENGTH * a and abs(a - c) < _SAME_LENGTH * a
    return same and abs(alpha - beta) < 1 and abs(alpha - gamma) < 1


def centring(cell: Sequence[float], space_group: str | None) -> str:
    """Centring letter that applies to this cell: P, A, B, C, I, F or R.

    R is returned for hexagonal axes only: on rhombohedral axes the lattice is
    primitive. The letter H (PDB) is R on hexagonal axes. Without a space group the
    lattice is taken as primitive.
    """
    letter = centring_letter(space_group)
    if letter == "H":
        return "R"
    if letter == "R" and _is_rhombohedral(cell):
        return "P"
    return letter


def primitive_matrix(letter: str) -> FloatArray:
    """(3, 3), rows: primitive vectors of a centring in terms of conventional ones."""
    return np.array(_PRIMITIVE[letter], dtype=np.float64)
