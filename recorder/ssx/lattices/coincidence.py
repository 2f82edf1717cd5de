"""Lattices of another cell that share points with the spots' own lattice.

With a free scale nearly any cell comes to lie on every second or third point of nearly
any other. Such a lattice fits worse than a real one; its cell must be bent; and spots
that it does not explain lie halfway between its points.
"""

from __future__ import annotations

import numpy as np

from recorder.ssx.arrays import BoolArray, FloatArray
from recorder.ssx.lattices.false_alarms import MOST_CHANCE, log10_tail

_MISFIT = 0.4
"""Mean distance of the spots from their points, relative to their reach, from which on
a fitted lattice is none. Simulated lattices have 0.11 to 0.35, real ones 0.31 to 0.48,
those of other cells 0.25 to 0.59 (85 and 35 lists of 16 to 600 spots); points anywhere
have 0.75."""
_MISFIT_OF_MUCH = 0.5
"""The same where it explains more than _MUCH of the list, as real ones with 0.35 to
0.48 do: 0.62 to 0.98 of it."""
_MUCH = 0.6
"""Share of the spots; see above."""
_BENT = 0.03
"""Relative difference of the lengths that a fit stretches most and least. Real lattices
with a distance or cell up to 2 % off have up to 0.012, other cells up to 0.06."""
_HALFWAY = -2.0
"""log10 of the probability of so many spots halfway between the points of a lattice.
Simulated lattices have -1.5 to 0, of 35 of other cells 29 less than -2."""
_MOST = 0.8
"""Share of the spots beyond which the rest are not asked: on real images left-overs of
split spots are among them, with -3.5."""


def is_misfit(
    basis: FloatArray,
    cell: FloatArray,
    q: FloatArray,
    reach: FloatArray,
    indexed: BoolArray,
) -> bool:
    """Whether a fitted lattice fits so badly that it is one of another cell.

    Args:
        basis: (3, 3) of the lattice, rows in Å.
        cell: (3, 3) the cell that was searched.
        q: (n, 3) scattering vectors, 1/Å.
        reach: (n,) distances up to which spots are explained, 1/Å.
        indexed: (n,) which ones are; at least one.
    """
    stretch = np.linalg.svd(np.linalg.inv(cell) @ basis, compute_uv=False)
    if stretch.max() > (1 + _BENT) * stretch.min():
        return True
    miss = _miss(basis, q[indexed])
    share = np.count_nonzero(indexed) / len(indexed)
    most = _MISFIT_OF_MUCH if share > _MUCH else _MISFIT
    return bool(miss.mean() > most * reach[indexed].mean())


def is_halved(
    basis: FloatArray, q: FloatArray, reach: FloatArray, indexed: BoolArray
) -> bool:
    """Whether spots that a lattice does not explain lie halfway between its points.

    Args:
        basis: (3, 3) of the lattice, rows in Å.
        q: (n, 3) scattering vectors, 1/Å.
        reach: (n,) distances up to which spots are explained, 1/Å.
        indexed: (n,) which ones are; at least one.
    """
    rest = ~indexed
    if np.count_nonzero(rest) < (1 - _MOST) * len(rest):
        return False
    # points of half the spacing in all directions: eight times as many
    volume = 8 * abs(float(np.linalg.det(basis)))
    chance = np.minimum(volume * (4 / 3) * np.pi * reach[rest] ** 3, MOST_CHANCE)
    met = np.count_nonzero(_miss(2 * basis, q[rest]) < reach[rest])
    tail = log10_tail(len(chance), np.array([met]), float(chance.mean()))
    return float(tail[0]) < _HALFWAY


def _miss(basis: FloatArray, q: FloatArray) -> FloatArray:
    """Distances of spots from the nearest points of a lattice, 1/Å."""
    point = np.rint(q @ basis.T) @ np.linalg.inv(basis).T
    return np.asarray(np.linalg.norm(q - point, axis=1))
