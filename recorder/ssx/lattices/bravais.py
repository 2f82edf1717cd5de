"""Bravais type and conventional cell of a lattice that is known by a basis only.

Twofold axes are lattice rows that are nearly normal to lattice planes (Le Page, J.
Appl. Cryst. 15 (1982) 255); the groups that they generate are the symmetries that the
lattice may have, each with a misfit.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.records import Cell
from recorder.ssx.arrays import FloatArray
from recorder.ssx.lattices.conventional import Setting, conventional_axes
from recorder.ssx.lattices.reduction import niggli_basis
from recorder.ssx.lattices.refinement import symmetrise
from recorder.ssx.lattices.symmetry import TOLERANCE
from recorder.ssx.lattices.unit_cell import cell_from_vectors

_MOST_ANGLE = 3.0
"""Degrees between a lattice row and the normal of a plane up to which it may be a
twofold axis: twice what a misfit of 2 % turns it. Chosen, not tuned."""
_COEFFICIENTS = 2
"""Largest index of an axis, or of its plane, in a reduced basis (Le Page)."""
_MOST_ROTATIONS = 24
"""Rotations of a lattice, at most: those of a cube."""

Group = frozenset[tuple[int, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class BravaisLattice:
    """A lattice by its conventional cell."""

    code: str
    """Two letters such as ``tP`` or ``mC``."""
    cell: Cell
    """Conventional, with the symmetry exactly; Å, degrees."""
    matrix: FloatArray
    """(3, 3) integral, ``conventional = matrix @ vectors`` of what was asked for."""
    misfit: float
    """How far the given basis is from this symmetry: largest relative change of a
    scalar product of its axes."""

    @property
    def centring(self) -> str:
        """P, C, I, F, or R on hexagonal axes."""
        return self.code[1]


def bravais_lattice(
    vectors: NDArray[np.floating], tolerance: float = TOLERANCE
) -> BravaisLattice:
    """The most symmetric lattice that a basis is within a tolerance.

    Args:
        vectors: (3, 3) rows of any basis of the primitive lattice, Å.
        tolerance: Misfit up to which a symmetry is believed.
    """
    best, *_ = bravais_lattices(vectors, tolerance)
    return best


def bravais_lattices(
    vectors: NDArray[np.floating], tolerance: float = TOLERANCE
) -> list[BravaisLattice]:
    """All lattices that a basis is within a tolerance, most symmetric first.

    Args:
        vectors: (3, 3) rows of any basis of the primitive lattice, Å.
        tolerance: Misfit up to which a symmetry is believed.

    Returns:
        The triclinic lattice is the last.
    """
    basis, matrix = niggli_basis(vectors)
    found = []
    for group in _groups(basis):
        rotations = np.array(sorted(group), dtype=np.float64).reshape(-1, 3, 3)
        exact = symmetrise(basis, rotations)
        misfit = _misfit(basis, exact)
        if misfit <= tolerance:
            setting = conventional_axes(exact, rotations)
            found.append((-len(group), misfit, exact, setting))
    found.sort(key=lambda item: item[:2])
    return [
        _lattice(exact, setting, matrix, misfit) for _, misfit, exact, setting in found
    ]


def _lattice(
    exact: FloatArray, setting: Setting, matrix: FloatArray, misfit: float
) -> BravaisLattice:
    return BravaisLattice(
        code=setting.code,
        cell=cell_from_vectors(setting.axes @ exact),
        matrix=setting.axes @ matrix,
        misfit=misfit,
    )


def _misfit(basis: FloatArray, exact: FloatArray) -> float:
    lengths = np.linalg.norm(basis, axis=1)
    change = np.abs(basis @ basis.T - exact @ exact.T)
    return float((change / np.outer(lengths, lengths)).max())


def _groups(basis: FloatArray) -> list[Group]:
    """Rotation groups that twofold axes generate; the trivial one is among them."""
    twofold = _twofold(basis)
    single = {_closed([m]) for m in twofold}
    pairs = {_closed(pair) for pair in itertools.combinations(twofold, 2)}
    # a cube's rotations need three
    known = {group for group in single | pairs if group is not None}
    tetragonal = [group for group in known if len(group) == 8]
    more = {_closed([*group, m]) for group in tetragonal for m in twofold}
    identity = frozenset({_key(np.eye(3, dtype=np.int64))})
    return sorted(
        known | {group for group in more if group is not None} | {identity}, key=sorted
    )


def _twofold(basis: FloatArray) -> list[tuple[int, ...]]:
    """Integer matrices of the half turns that nearly map the lattice onto itself."""
    span = range(-_COEFFICIENTS, _COEFFICIENTS + 1)
    indices = np.array(
        [
            n
            for n in itertools.product(span, repeat=3)
            if math.gcd(*n) == 1 and n > (0, 0, 0)
        ]
    )
    rows = indices @ basis
    normals = indices @ np.linalg.inv(basis).T
    product = indices @ indices.T
    size = np.linalg.norm(rows, axis=1)[:, None] * np.linalg.norm(normals, axis=1)
    near = np.abs(product) / size > math.cos(math.radians(_MOST_ANGLE))
    near &= (np.abs(product) == 1) | (np.abs(product) == 2)
    found = []
    for row, plane in np.argwhere(near):
        u, h = indices[row], indices[plane]
        turn = 2 * np.outer(h, u) // int(product[row, plane]) - np.eye(3, dtype=int)
        found.append(_key(turn))
    return sorted(set(found))


def _closed(elements: Iterable[Sequence[int]]) -> Group | None:
    """The group that some matrices generate; None if it is none of a lattice."""
    matrices = [np.array(item, dtype=np.int64).reshape(3, 3) for item in elements]
    known = {_key(np.eye(3, dtype=np.int64))}
    edge = [np.eye(3, dtype=np.int64)]
    while edge:
        fresh = []
        for one, other in itertools.product(edge, matrices):
            made = one @ other
            if (key := _key(made)) not in known:
                known.add(key)
                fresh.append(made)
        if len(known) > _MOST_ROTATIONS:
            return None
        edge = fresh
    return frozenset(known)


def _key(matrix: NDArray[np.integer]) -> tuple[int, ...]:
    return tuple(int(v) for v in matrix.ravel())
