"""Orientation and cell of one lattice, refined from its own spots, with errors.

Gauss-Newton on the misses of the spots from their lattice points. A spot's miss along
the normal of the Ewald sphere says how the reflection is excited, not where its lattice
point is, and weighs as little as it scatters. The strains that the lattice's symmetry
allows, and the view of the detector, have priors, so that few spots do not run away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recorder.records import Cell
from recorder.ssx.arrays import FloatArray
from recorder.ssx.lattices.ewald import Spots
from recorder.ssx.lattices.refinement import FAST, WIDE, Tolerance
from recorder.ssx.lattices.symmetry import rotation_between, rotation_from_vector
from recorder.ssx.lattices.unit_cell import cell_from_vectors

_NEAR = (WIDE, FAST, FAST.times(0.5, 0.5), FAST.times(0.5, 0.5))
"""Distances at which the weight of a spot falls to 0, for each step. The last are half
of what a rigid cell needs: spots that are near a point by chance doubled the scatter of
the cells that 30 spots of a cell of 3·10⁶ Å³ gave."""
_FAR = (WIDE, WIDE, FAST, *_NEAR[1:])
"""The same from a cell that is off by up to 2 %."""
_STRAIN_SIGMA = 0.005
"""Expected relative difference of a crystal's cell from the run's: simulated and real
crystals differ by 0.002 to 0.005. It draws back axes along the beam, of which 30 spots
tell little."""
_SHIFT_SIGMA = 1e-3
"""Expected shift of the beam centre, 1/Å: 2 px of 75 µm at 0.15 m and 1 Å."""
_FIXED = 1e-5
"""Relative error of a distance that is taken as it is."""
_FREE = 0.02
"""Expected relative error of a distance that is refined."""
_LEAST_NOISE = 1e-4
"""Spots are not known better than so (1/Å): a fifth of a pixel as above."""
_TURN_SIGMA = 0.1
"""Expected error of the orientation (rad); only keeps the equations solvable where all
spots lie on one line."""
_STEP = 1e-6
"""Step of the numeric derivatives of the six numbers by strains."""


@dataclass(frozen=True, slots=True, eq=False)
class OwnCell:
    """What the spots of one lattice say."""

    basis: FloatArray
    """(3, 3) primitive basis in the laboratory frame, rows in Å."""
    cell: FloatArray
    """(3, 3) the same, unrotated: in the frame of the cell it was refined from."""
    view: FloatArray
    """(3,) of the detector."""
    strains: FloatArray
    """(k, 3, 3) that the symmetry allows, in the frame of `cell`."""
    covariance: FloatArray
    """(k + 1, k + 1) of their amounts and of the view's distance."""


def refine(
    basis: FloatArray,
    cell: FloatArray,
    strains: FloatArray,
    spots: Spots,
    view: FloatArray,
    *,
    far: bool = False,
    free_distance: bool = False,
) -> OwnCell:
    """Refine one lattice.

    Args:
        basis: (3, 3) primitive basis in the laboratory frame, rows in Å.
        cell: (3, 3) the cell expected, unrotated.
        strains: (k, 3, 3) symmetric strains of `cell` that its symmetry allows.
        spots: Of the image, those of other lattices taken away.
        view: (3,) to start with.
        far: Whether scale and centre may be off by more than crystals differ.
        free_distance: Whether the view's distance is refined, too.

    Returns:
        The refined lattice; with no spot in reach as it was.
    """
    count = len(strains)
    distance = _FREE if free_distance else _FIXED
    sigma = np.array(
        [_TURN_SIGMA] * 3 + [_STRAIN_SIGMA] * count + [_SHIFT_SIGMA] * 2 + [distance]
    )
    prior = sigma**-2
    turn = rotation_between(cell, basis)
    away = np.zeros(len(sigma))
    own = cell
    covariance = np.diag(sigma**2)
    for reach in _FAR if far else _NEAR:
        equations = _equations(own, turn, strains, spots, view + away[-3:], reach)
        if equations is None:
            break
        normal, right = equations
        away[:3] = 0.0
        covariance = np.linalg.inv(normal + np.diag(prior))
        change = covariance @ (right - prior * away)
        away += change
        turn = rotation_from_vector(change[:3]) @ turn
        own = cell @ (np.eye(3) + np.tensordot(away[3:-3], strains, axes=1))
    told = [*range(3, 3 + count), -1]
    return OwnCell(
        own @ turn.T, own, view + away[-3:], strains, covariance[np.ix_(told, told)]
    )


def seen_basis(own: OwnCell) -> FloatArray:
    """The lattice as it looks where the detector is said to be.

    A wrong distance and a wrong cell look alike: this is what spots at the given
    distance say, whichever of both the lattice was found with. Rows in Å.
    """
    return np.asarray(own.basis / (1 + own.view[2]))


def _equations(
    own: FloatArray,
    turn: FloatArray,
    strains: FloatArray,
    spots: Spots,
    view: FloatArray,
    reach: Tolerance,
) -> tuple[FloatArray, FloatArray] | None:
    """Normal equations of turn, strains and view; None without a spot in reach."""
    seen = spots.seen(view)
    h = np.rint(seen @ (own @ turn.T).T)
    at = h @ np.linalg.inv(own).T
    point = at @ turn.T
    miss = seen - point
    weight = 1 - np.square(miss).sum(axis=1) / np.square(reach(spots.norm))
    used = (weight > 0) & h.any(axis=1)
    if not used.any():
        return None
    # from here on with the components first: (.., 3, n)
    weight, miss, normal = weight[used], miss[used].T, spots.normal[used].T
    fields = spots.fields[:, used].swapaxes(1, 2)
    columns = _columns(at[used].T, point[used].T, turn, strains, fields)
    along = (miss * normal).sum(axis=0)
    across = np.square(miss).sum(axis=0) - np.square(along)
    least, size = _LEAST_NOISE**2, weight.sum()
    noise_along = max(float(weight @ np.square(along) / size), least)
    noise = max(float(weight @ across / (2 * size)), least)
    # what lies along the normal is squeezed until it scatters like the rest
    squeeze = max(0.0, 1 - np.sqrt(noise / noise_along))
    columns -= (squeeze * (columns * normal).sum(axis=1))[:, None, :] * normal
    miss = miss - squeeze * along * normal
    weighted = columns * (weight / noise)
    flat = columns.reshape(len(columns), -1)
    flat_weighted = weighted.reshape(len(columns), -1)
    return flat_weighted @ flat.T, flat_weighted @ miss.ravel()


def _columns(
    at: FloatArray,
    point: FloatArray,
    turn: FloatArray,
    strains: FloatArray,
    fields: FloatArray,
) -> FloatArray:
    """What turn, strains and view move points (3, n) by: (3 + k + 3, 3, n)."""
    out = np.zeros((3 + len(strains) + 3, *at.shape))
    x, y, z = point
    out[0, 1], out[0, 2] = -z, y
    out[1, 0], out[1, 2] = z, -x
    out[2, 0], out[2, 1] = -y, x
    # a larger basis has shorter reciprocal vectors; strains are symmetric
    out[3:-3] = -(turn @ strains) @ at
    out[-3:] = fields
    return out


def errors(own: OwnCell, back: FloatArray) -> Cell:
    """Standard errors of the conventional cell of :func:`seen_basis`, Å and degrees.

    Args:
        own: The refined lattice.
        back: (3, 3) conventional vectors in terms of the primitive ones.
    """
    conventional = back @ own.cell
    cell = np.array(cell_from_vectors(conventional))
    larger = -np.eye(3)[None]
    bent = conventional @ (np.eye(3) + _STEP * np.concatenate([own.strains, larger]))
    slopes = (np.array([cell_from_vectors(one) for one in bent]) - cell) / _STEP
    variance = ((slopes.T @ own.covariance) * slopes.T).sum(axis=1)
    a, b, c, alpha, beta, gamma = np.sqrt(variance).tolist()
    return (a, b, c, alpha, beta, gamma)
