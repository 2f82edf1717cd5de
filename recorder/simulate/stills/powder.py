"""Powder rings of hexagonal ice and rock salt, and points on them."""

from __future__ import annotations

import math

import numpy as np

from recorder.errors import UsageError
from recorder.records import Geometry
from recorder.simulate.arrays import Floats, Ints
from recorder.simulate.stills.crystal import cell_vectors
from recorder.simulate.stills.detector import Detector

ICE_CELL = (4.498, 4.498, 7.338, 90.0, 90.0, 120.0)
"""Hexagonal ice, P63/mmc."""
SALT_EDGE = 5.64
"""Edge of the F-centred cell of rock salt (Å)."""
LIPID = (42.0, 4.5)
"""Spacings of a lipidic phase (Å): of its layers, and of the chains within one."""
_UNKNOWN = (4, 1 / 12, 1 / 2.2)
"""Rings of an unknown substance, and between which |q| (1/Å) they lie."""
_SUBSTANCE = 7
"""Tag of the random stream of the rings of an unknown substance."""
_OXYGENS = np.array(
    [
        (1 / 3, 2 / 3, 0.062),
        (2 / 3, 1 / 3, 0.562),
        (2 / 3, 1 / 3, -0.062),
        (1 / 3, 2 / 3, 0.438),
    ]
)


def ice_rings() -> Floats:
    """Spacings (Å) and relative numbers of grains in reflection, (n, 2).

    From the oxygens alone: the squared structure factor, a fall-off for the atom and
    its motion, and 1/q² for how many planes of a powder are in reflection.
    """
    hkl = _indices()
    q = np.linalg.norm(hkl @ np.linalg.inv(cell_vectors(ICE_CELL)).T, axis=1)
    waves = np.exp(2j * np.pi * (hkl @ _OXYGENS.T)).sum(axis=1)
    strength = np.abs(waves) ** 2 * np.exp(-6.5 * q**2) / q**2
    return _by_spacing(1 / q, strength)


def salt_rings() -> Floats:
    """Spacings (Å) of rock salt and the number of planes of each, (n, 2)."""
    hkl = _indices()
    hkl = hkl[(hkl % 2 == hkl[:, :1] % 2).all(axis=1)]
    spacing = SALT_EDGE / np.linalg.norm(hkl, axis=1)
    return _by_spacing(spacing, np.ones(len(hkl)))


def rings_of(substance: str, seed: int) -> Floats:
    """Spacings (Å) and relative frequencies of a substance, (n, 2).

    Args:
        substance: ``salt``, ``lipid``, ``ice`` or ``unknown``.
        seed: Decides the rings of an unknown one.
    """
    if substance == "salt":
        return salt_rings()
    if substance == "ice":
        return ice_rings()
    if substance == "lipid":
        return np.array([(spacing, 1.0) for spacing in LIPID])
    number, low, high = _UNKNOWN
    rng = np.random.default_rng((seed, _SUBSTANCE))
    spacing = 1 / rng.uniform(low, high, number)
    return np.column_stack((np.sort(spacing)[::-1], rng.uniform(0.3, 1, number)))


def visible(rings: Floats, q_max: float, what: str) -> Floats:
    """The rings up to a resolution; 1/Å.

    Raises:
        UsageError: There are none.
    """
    seen: Floats = rings[1 / rings[:, 0] < q_max]
    if not len(seen):
        raise UsageError(
            f"no ring of {what} is on a detector that ends at {1 / q_max:.3g} Å; set "
            f"{what}_share to 0"
        )
    return seen


def on_rings(
    rings: Floats,
    count: int,
    strain: float,
    detector: Detector,
    rng: np.random.Generator,
    geometry: Geometry | None = None,
) -> Floats:
    """At most ``count`` points (n, 2) (px) on rings and inside the image.

    Args:
        rings: Spacings (Å) and relative frequencies, (n, 2).
        count: Points wanted; less if hardly any of the rings is in the image.
        strain: Relative sigma of the spacing.
        detector: Where to look.
        rng: Draws the points.
        geometry: Where the detector is on this image; None: where it is at first.
    """
    geometry, tries = geometry or detector.geometry, 50 * count
    spacing = rng.choice(rings[:, 0], tries, p=rings[:, 1] / rings[:, 1].sum())
    spacing *= 1 + strain * rng.standard_normal(tries)
    radius = np.tan(2 * np.arcsin(geometry.wavelength / 2 / spacing))
    azimuth = rng.uniform(0, 2 * math.pi, tries)
    ring = radius[:, None] * np.column_stack((np.cos(azimuth), np.sin(azimuth)))
    xy = ring * geometry.distance / geometry.pixel_size + geometry.beam_center
    points: Floats = xy[detector.inside(xy)][:count]
    return points


def _indices() -> Ints:
    """Miller indices up to 4, without 000, (n, 3)."""
    grid = np.indices((9, 9, 9)).reshape(3, -1).T - 4
    hkl: Ints = grid[grid.any(axis=1)]
    return hkl


def _by_spacing(spacing: Floats, strength: Floats) -> Floats:
    """Strengths summed over equal spacings, those above 1 % of the best, (n, 2)."""
    distinct, which = np.unique(spacing.round(5), return_inverse=True)
    sums = np.bincount(which, strength)
    rings = np.column_stack((distinct, sums))[::-1]
    strong: Floats = rings[rings[:, 1] > 0.01 * rings[:, 1].max()]
    return strong
