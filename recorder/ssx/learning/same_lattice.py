"""Whether bases that images propose are of one lattice, and in which axes they agree.

Noise decides which of several bases of a lattice is the shortest: bases are compared in
all axes that a reduced basis may be given in.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from recorder.ssx.arrays import FloatArray
from recorder.ssx.lattices.symmetry import reduce_basis, unimodular

SAME = 0.1
"""Misfit of scalar products, relative to the lengths, up to which two reduced bases
are of one lattice: 5 % of the lengths, 6° of the angles. A distance 6 % off makes 0.08
of it, because it stretches the axes along the beam less than others."""
_MULTIPLES = (2, 3)
"""How many times as large a cell may be taken for another one of the same crystal."""


@dataclass(frozen=True, slots=True, eq=False)
class Multiple:
    """A lattice whose cell is a multiple of another one's, or a part of it."""

    factor: int
    larger: bool
    """It is the found one that is larger."""


def aligned(bases: FloatArray, reference: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Bases in the axes that are most like those of another basis.

    Args:
        bases: (n, 3, 3) reduced bases, rows in Å.
        reference: (3, 3) a reduced basis; the size of its cell does not matter.

    Returns:
        (n, 3, 3) the same lattices in other axes, and (n,) misfits: the largest
        difference of a scalar product, relative to the lengths, at one volume.
    """
    matrices = unimodular()
    wanted = reference @ reference.T
    lengths = np.sqrt(np.diag(wanted))
    volume = abs(float(np.linalg.det(reference)))
    out, misfits = np.empty_like(bases), np.empty(len(bases))
    for number, basis in enumerate(bases):
        size = (volume / abs(float(np.linalg.det(basis)))) ** (2 / 3)
        metric = size * (matrices @ (basis @ basis.T) @ matrices.transpose(0, 2, 1))
        off = np.abs(metric - wanted) / np.outer(lengths, lengths)
        worst = off.max(axis=(1, 2))
        best = int(np.argmin(worst))
        out[number] = matrices[best] @ basis
        misfits[number] = worst[best]
    return out, misfits


def scale_between(basis: FloatArray, reference: FloatArray) -> float:
    """How much longer the edges of a lattice are, on average."""
    ratio = abs(float(np.linalg.det(basis)) / float(np.linalg.det(reference)))
    return float(ratio ** (1 / 3))


def multiple_of(found: FloatArray, given: FloatArray, most: float) -> Multiple | None:
    """Whether two lattices share a cell but for a factor of 2 or 3.

    Args:
        found: (3, 3) reduced basis, rows in Å.
        given: (3, 3) reduced basis, rows in Å.
        most: Relative difference of the size that is allowed besides.
    """
    for factor in _MULTIPLES:
        for larger, small, large in ((True, given, found), (False, found, given)):
            for matrix in superlattices(factor):
                made = matrix @ small
                if abs(scale_between(large, made) - 1) > most:
                    break
                _, misfit = aligned(_reduced(large)[None], _reduced(made))
                if misfit[0] < SAME:
                    return Multiple(factor, larger)
    return None


def superlattices(factor: int) -> list[FloatArray]:
    """(3, 3) integral matrices, one for each lattice with a cell so many times larger.

    Args:
        factor: A prime number.
    """
    return [
        np.array([[a, x, y], [0, b, z], [0, 0, c]], dtype=np.float64)
        for a, b, c in sorted(set(itertools.permutations((factor, 1, 1))))
        for x, y, z in itertools.product(range(b), range(c), range(c))
    ]


def _reduced(basis: FloatArray) -> FloatArray:
    return reduce_basis(basis)[0]
