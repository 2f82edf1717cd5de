"""Crystals for simulated stills: symmetry, intensities, and what diffracts.

Independent of :mod:`recorder.ssx` on purpose: a mistake made there must not be
repeated here. Lengths in ångström, reciprocal lengths in 1/Å (without 2 pi),
laboratory frame with the beam along +z, ``q = s1 - s0``, ``|s| = 1/wavelength``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from recorder.errors import UnitCellError
from recorder.records import Cell
from recorder.simulate.arrays import Floats, Ints
from recorder.simulate.stills.symmetry import SpaceGroup, present


def unit_intensity(hkl: Ints, group: SpaceGroup) -> Floats:
    """Exponentially distributed intensities of mean 1, equal for symmetry mates.

    Wilson's acentric statistics from a hash (finaliser of SplitMix64: Steele, Lea,
    Flood 2014) of the largest of the Laue-equivalent indices; absent ones are 0.
    """
    mates = np.einsum("oij,nj->noi", group.rotations, hkl)
    weights = np.array([1 << 24, 1 << 12, 1])
    # |code| takes Friedel mates together: code(-h) = -code(h).
    key = np.abs(mates @ weights).max(axis=1).astype(np.uint64)
    key *= np.uint64(0x9E3779B97F4A7C15)
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    key ^= key >> np.uint64(31)
    uniform = ((key >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    return np.where(present(hkl, group), -np.log(uniform), 0.0)


def cell_vectors(cell: Cell) -> Floats:
    """Real-space a, b, c as rows (Å): a along x, b in the x-y plane.

    Raises:
        UnitCellError: The six numbers enclose no volume.
    """
    a, b, c = cell[:3]
    cos_a, cos_b, cos_g = (math.cos(math.radians(angle)) for angle in cell[3:])
    sin_g = math.sqrt(max(1e-12, 1 - cos_g**2))
    along = (cos_a - cos_b * cos_g) / sin_g
    height2 = 1 - cos_b**2 - along**2
    if not (min(a, b, c) > 0 and height2 > 1e-6):
        raise UnitCellError(f"{cell} is no unit cell: it encloses no volume")
    rows = (
        (a, 0.0, 0.0),
        (b * cos_g, b * sin_g, 0.0),
        (c * cos_b, c * along, c * math.sqrt(height2)),
    )
    return np.array(rows)


def random_rotation(rng: np.random.Generator) -> Floats:
    """Uniformly distributed (3, 3) rotation, from a random unit quaternion."""
    w, *vector = rng.standard_normal(4)
    v = np.array(vector)
    norm2 = w * w + v @ v
    cross = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    rotation: Floats = np.eye(3) + 2 / norm2 * (w * cross + cross @ cross)
    return rotation


def polarisation(directions: Floats) -> Floats:
    """Polarisation factor for (..., 3) unit vectors; Kahn et al. 1982.

    98 % linear along x: written with cosines, 1 - u_x² and 1 - u_y² weighted.
    """
    part = 0.98
    ux2, uy2 = directions[..., 0] ** 2, directions[..., 1] ** 2
    factor: Floats = (1 + part) / 2 * (1 - ux2) + (1 - part) / 2 * (1 - uy2)
    return factor


@dataclass(frozen=True, slots=True)
class Quality:
    """What widens reflections on a still."""

    mosaicity: float
    """Degrees."""
    domain: float = 3000.0
    """Å."""
    bandwidth: float = 2e-4
    """dE/E."""
    divergence: float = 5e-4
    """rad."""

    def width(self, q2: Floats, wavelength: float) -> Floats:
        """Standard deviation of the excitation error (1/Å) at squared |q|."""
        variance = (
            (0.45 / self.domain) ** 2
            + (math.radians(self.mosaicity) ** 2 + (self.divergence / 2) ** 2) * q2
            + (wavelength / 2 * self.bandwidth * q2) ** 2
        )
        return np.sqrt(variance)


class Crystal:
    """The reflections of a cell and space group up to a resolution."""

    B_FACTOR = 20.0
    """Å²."""

    def __init__(self, cell: Cell, group: SpaceGroup, q_max: float) -> None:
        if group.centring == "R" and abs(cell[5] - 120) > 0.01:
            raise UnitCellError(f"{cell} does not fit R; give it in hexagonal axes")
        self.vectors = cell_vectors(cell)
        self.group = group
        reciprocal = np.linalg.inv(self.vectors).T
        top = np.floor(np.linalg.norm(self.vectors, axis=1) * q_max).astype(int)
        grid = np.indices((2 * top[1] + 1, 2 * top[2] + 1)).reshape(2, -1).T - top[1:]
        planes = []
        for h in range(-int(top[0]), int(top[0]) + 1):  # by planes: bounded memory
            hkl = np.column_stack((np.full(len(grid), h), grid))
            q2 = ((hkl @ reciprocal) ** 2).sum(axis=1)
            hkl = hkl[(q2 > 0) & (q2 <= q_max**2)]
            planes.append(hkl[present(hkl, group)].astype(np.float32))
        self._hkl = np.concatenate(planes)
        q = self._hkl @ reciprocal.astype(np.float32)
        self._q2 = np.einsum("ij,ij->i", q, q)

    def diffract(
        self, vectors: Floats, quality: Quality, wavelength: float
    ) -> tuple[Floats, Floats]:
        """Directions and relative intensities of all that an orientation excites.

        Args:
            vectors: Real-space a, b, c in the laboratory frame, rows, Å.
            quality: What widens the reflections.
            wavelength: Å.

        Returns:
            Unit vectors of s1 (n, 3), and intensities (n,): Wilson's statistics,
            B factor, shells of a protein, partiality exp(-e²/2w²) for the
            excitation error e = |s0 + q| - 1/wavelength, polarisation.
        """
        reciprocal = np.linalg.inv(vectors).T
        # e = q_z + q²·wavelength/2 to first order: one product sifts the list, with
        # room for q² of a crystal whose cell is not quite that of the list.
        q2_max = float(self._q2.max(initial=0))
        stretch = np.linalg.svd(np.linalg.solve(self.vectors, vectors))[1]
        room = float(np.abs(stretch**-2.0 - 1).max()) * q2_max * wavelength / 2
        widest = 3 * float(quality.width(self._q2.max(initial=0), wavelength)) + room
        error = self._hkl @ reciprocal[:, 2].astype(np.float32)
        error += self._q2 * np.float32(wavelength / 2)
        hkl = self._hkl[np.abs(error) < widest].astype(np.int64)
        q = hkl @ reciprocal
        q2 = (q**2).sum(axis=1)
        s1 = q + np.array((0, 0, 1 / wavelength))
        length = np.linalg.norm(s1, axis=1)
        off = (length - 1 / wavelength) / quality.width(q2, wavelength)
        near = np.abs(off) < 3
        unit = s1[near] / length[near, None]
        intensity = unit_intensity(hkl[near], self.group) * _falloff(q2[near])
        return unit, intensity * np.exp(-(off[near] ** 2) / 2) * polarisation(unit)


def _falloff(q2: Floats) -> Floats:
    """Mean intensity against squared |q|: B factor times a protein's shell shape.

    The dip near 6 Å and the rise near 4.5 Å are drawn after typical Wilson plots.
    """
    q = np.sqrt(q2)
    dip = 0.4 * np.exp(-(((q - 0.16) / 0.03) ** 2))
    rise = 0.6 * np.exp(-(((q - 0.22) / 0.04) ** 2))
    return np.exp(-Crystal.B_FACTOR * q2 / 2) * (1 - dip + rise)
