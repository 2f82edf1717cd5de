"""Spot lists with known orientation, some of the spots spurious."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from recorder.records import Cell, Geometry
from recorder.simulate.stills.crystal import Crystal, Quality, random_rotation
from recorder.simulate.stills.symmetry import space_group
from recorder.ssx.detector.geometry import scattering_vectors

Floats = NDArray[np.float64]

CELLS: dict[str, tuple[Cell, str]] = {
    "lyso": ((79.0, 79.0, 38.0, 90, 90, 90), "P43212"),
    "mono": ((58.0, 47.0, 71.0, 90, 103, 90), "P21"),
    "tric": ((35.0, 45.0, 60.0, 82, 95, 105), "P1"),
    "cubic": ((96.0, 96.0, 96.0, 90, 90, 90), "P23"),
    "big": ((100.0, 150.0, 200.0, 90, 90, 90), "P212121"),
}
GEOMETRY = Geometry((2000, 2000), (75e-6, 75e-6), 0.15, (1000.0, 1000.0), 1.0)
_BLUR_PX = 0.25
"""Error of a centroid, as the finder's on spots of 20 photons and more."""


@dataclass(frozen=True)
class SpotList:
    """Spots of one image, strongest first."""

    xy: Floats
    """(n, 2) px."""
    bases: tuple[Floats, ...]
    """Per lattice (3, 3), rows in Å."""

    def q(self, geometry: Geometry = GEOMETRY) -> Floats:
        """(n, 3) as a detector at this place would have it, 1/Å."""
        return scattering_vectors(geometry, self.xy[:, 0], self.xy[:, 1])


@cache
def _crystal(name: str) -> Crystal:
    cell, symbol = CELLS[name]
    return Crystal(cell, space_group(symbol), 1 / 1.6)


def make_list(
    name: str, spots: tuple[int, ...], spurious: float, rng: np.random.Generator
) -> SpotList:
    """The strongest spots of some lattices of a cell, and spurious ones.

    Args:
        name: One of CELLS.
        spots: True spots of each lattice.
        spurious: Share of spurious spots among all.
        rng: Decides everything.
    """
    crystal = _crystal(name)
    parts, bases = [], []
    for count in spots:
        vectors = crystal.vectors @ random_rotation(rng).T
        quality = Quality(mosaicity=float(rng.uniform(0.03, 0.15)))
        s1, intensity = crystal.diffract(vectors, quality, GEOMETRY.wavelength)
        forward = s1[:, 2] > 0
        s1, intensity = s1[forward], intensity[forward]
        xy = s1[:, :2] / s1[:, 2:] * GEOMETRY.distance / GEOMETRY.pixel_size
        xy += GEOMETRY.beam_center
        inside = ((xy >= 0) & (xy < 2000)).all(axis=1)
        best = np.argsort(-intensity[inside], kind="stable")[:count]
        parts.append(xy[inside][best] + rng.normal(0, _BLUR_PX, (len(best), 2)))
        bases.append(vectors)
    true = np.concatenate(parts)
    noise = round(len(true) * spurious / (1 - spurious))
    xy = np.concatenate([true, rng.uniform(0, 2000, (noise, 2))])
    return SpotList(xy[rng.permutation(len(xy))], tuple(bases))


def random_list(count: int, rng: np.random.Generator) -> SpotList:
    """Spots anywhere on the detector."""
    return SpotList(rng.uniform(0, 2000, (count, 2)), ())
