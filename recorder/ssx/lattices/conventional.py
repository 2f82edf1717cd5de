"""Conventional axes of a lattice by the group of its rotations.

The settings are the standard ones of International Tables for Crystallography, volume
A: b along the axis of monoclinic lattices, with C where they are centred and an obtuse
angle; a shorter than b, b than c in orthorhombic ones; hexagonal axes, obverse, for
rhombohedral ones.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from recorder.ssx.arrays import FloatArray

_SPAN = 3
"""Largest index, in a reduced basis, of vectors in a plane that may be axes. Chosen,
not tuned."""
_COMBINED = 2
"""Largest multiple of each of two shortest vectors in an axis of a monoclinic cell:
the setting C is among these. Chosen, not tuned."""
_ROUNDING = 1e-6
"""Fractions of an axis that differ by less are the same."""
_ORDER = {-1: 2, 0: 3, 1: 4, 2: 6}
"""Order of a rotation by the trace of its matrix."""
_FAMILY = {2: "m", 4: "o", 6: "h", 8: "t", 12: "h", 24: "c"}
"""Family of a lattice by the number of its rotations."""
_HALVES = {
    "A": (0.0, 0.5, 0.5),
    "B": (0.5, 0.0, 0.5),
    "C": (0.5, 0.5, 0.0),
    "I": (0.5, 0.5, 0.5),
}
_OBVERSE = (2 / 3, 1 / 3, 1 / 3)
"""Fraction of hexagonal axes that is a vector of a rhombohedral lattice in the obverse
setting (International Tables for Crystallography, volume A)."""


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """Conventional axes and the code of their lattice."""

    code: str
    axes: FloatArray
    """(3, 3) integral rows, in terms of the basis."""


def conventional_axes(basis: FloatArray, rotations: FloatArray) -> Setting:
    """Axes in the standard setting.

    Args:
        basis: (3, 3) Niggli-reduced primitive basis, rows in Å, symmetric exactly.
        rotations: (m, 3, 3) integral matrices N with ``N @ basis`` congruent to it: a
            rotation group of 1, 2, 4, 6, 8, 12 or 24.
    """
    count = len(rotations)
    if count == 1:
        return Setting("aP", np.eye(3))
    axes = _axes(rotations)
    if count == 2:
        return _monoclinic(basis, rotations, axes[2][0])
    if count == 4:
        rows = sorted(axes[2], key=lambda u: _length(u, basis))
    elif count == 24:
        rows = axes[4]
    else:
        # the in-plane axes by one rotation about the main axis
        order = {6: 3, 8: 4, 12: 6}[count]
        main = axes[order][0]
        turn = next(m for m in rotations if round(np.trace(m)) == _trace(order))
        if order == 6:
            turn = turn @ turn
        flat = [u for u in axes[2] if not np.allclose(np.abs(u), np.abs(main))]
        first = min(flat, key=lambda u: _length(u, basis))
        rows = [first, first @ turn, main]
    found = _right_handed(np.array(rows))
    letter = _letter(found)
    if count == 6 and letter == "r":
        found = found * np.array([-1.0, -1.0, 1.0])[:, None]
        letter = "R"
    elif letter in "AB":
        order_of = {"A": (1, 2, 0), "B": (0, 2, 1)}[letter]
        found = _right_handed(found[list(order_of)])
        letter = "C"
    if (
        count == 4
        and letter == "C"
        and _length(found[0], basis) > _length(found[1], basis)
    ):
        found = _right_handed(found[[1, 0, 2]])
    return Setting(_FAMILY[count] + letter, found)


def _trace(order: int) -> int:
    return next(trace for trace, found in _ORDER.items() if found == order)


def _axes(rotations: FloatArray) -> dict[int, list[FloatArray]]:
    """Shortest lattice vectors along the axes, by the order of their rotations."""
    found: dict[int, list[FloatArray]] = {2: [], 3: [], 4: [], 6: []}
    for matrix in rotations:
        trace = round(float(np.trace(matrix)))
        if trace == 3:
            continue
        order = _ORDER[trace]
        # the mean over all turns leaves what lies along the axis
        power, total = np.eye(3), np.zeros((3, 3))
        for _ in range(order):
            total += power
            power = power @ matrix
        row = total[int(np.argmax(np.abs(total).sum(axis=1)))]
        row = np.rint(row) / math.gcd(*(int(v) for v in np.rint(row)))
        first = row[np.flatnonzero(row)[0]]
        row = row * np.sign(first)
        if not any(np.array_equal(row, known) for known in found[order]):
            found[order].append(row)
    return found


def _length(row: FloatArray, basis: FloatArray) -> float:
    return float(np.linalg.norm(row @ basis))


def _right_handed(rows: FloatArray) -> FloatArray:
    found = np.array(rows, dtype=np.float64)
    if np.linalg.det(found) < 0:
        found[2] *= -1
    return found


def _letter(axes: FloatArray) -> str:
    """Centring of axes; ``r`` for R in the reverse setting."""
    index = round(abs(float(np.linalg.det(axes))))
    if index == 1:
        return "P"
    if index == 4:
        return "F"
    if index == 3:
        return "R" if _has(axes, _OBVERSE) else "r"
    return next(name for name, half in _HALVES.items() if _has(axes, half))


def _has(axes: FloatArray, fraction: tuple[float, ...]) -> bool:
    """Whether a fraction of the axes is a lattice vector."""
    indices = np.array(fraction) @ axes
    return bool(np.abs(indices - np.rint(indices)).max() < _ROUNDING)


def _monoclinic(
    basis: FloatArray, rotations: FloatArray, unique: FloatArray
) -> Setting:
    """Axis b along the twofold one; shortest a and c normal to it of a P or C cell."""
    turn = next(m for m in rotations if round(float(np.trace(m))) == -1)
    span = range(-_SPAN, _SPAN + 1)
    flat = [
        np.array(n, dtype=np.float64)
        for n in itertools.product(span, repeat=3)
        if math.gcd(*n) == 1 and not (np.array(n) @ (turn + np.eye(3))).any()
    ]
    flat.sort(key=lambda n: _length(n, basis))
    first = flat[0]
    second = next(n for n in flat if np.linalg.matrix_rank([first, n]) == 2)
    ranked: list[tuple[tuple[float, float], str, FloatArray]] = []
    factors = range(-_COMBINED, _COMBINED + 1)
    for p, q, r, s in itertools.product(factors, repeat=4):
        if abs(p * s - q * r) != 1:
            continue
        a, c = p * first + q * second, r * first + s * second
        axes = np.array([a, unique, c])
        axes[1] *= np.sign(np.linalg.det(axes))
        cosine = float((a @ basis) @ (c @ basis))
        if cosine > _ROUNDING * _length(a, basis) * _length(c, basis):
            continue
        letter = _letter(axes)
        if letter not in "PC":
            continue
        lengths = _length(a, basis), _length(c, basis)
        # of equals the one with a shorter than c
        rank = (round(sum(lengths) / _ROUNDING) * _ROUNDING, lengths[0])
        ranked.append((rank, letter, axes))
    # of a, c and a + c one makes a P or C cell: there is always one
    _, letter, axes = min(ranked, key=lambda item: item[0])
    return Setting("m" + letter, axes)
