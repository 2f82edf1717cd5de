"""Textbook formulas that the recorder itself has no need for: to check it against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recorder.records import Geometry
from recorder.ssx.arrays import FloatArray


def pixel_positions(
    geometry: Geometry, q: NDArray[np.floating]
) -> tuple[FloatArray, FloatArray]:
    """Map scattering vectors back to pixels; NaN for rays that miss the plane.

    Args:
        geometry: Flat detector perpendicular to the beam.
        q: (n, 3) scattering vectors in 1/Å.

    Returns:
        x and y, each (n,) float64, px.
    """
    s1 = np.array(q, dtype=np.float64)
    s1[:, 2] += 1.0 / geometry.wavelength
    z = np.where(s1[:, 2] > 0, s1[:, 2], np.nan)
    scale = geometry.distance / z
    x = s1[:, 0] * scale / geometry.pixel_size[0] + geometry.beam_center[0]
    y = s1[:, 1] * scale / geometry.pixel_size[1] + geometry.beam_center[1]
    return x, y


def d_spacing(q: NDArray[np.floating]) -> FloatArray:
    """Lattice-plane spacing of scattering vectors.

    Args:
        q: (n, 3) scattering vectors in 1/Å.

    Returns:
        (n,) float64 in Å; infinite at the beam centre.
    """
    norm = np.linalg.norm(np.asarray(q, dtype=np.float64), axis=1)
    out = np.full(norm.shape, np.inf)
    np.divide(1.0, norm, out=out, where=norm > 0)
    return out


def cell_volume(cell: Sequence[float]) -> float:
    """Volume of a cell in Å³, by the formula with the cosines of its angles."""
    a, b, c, *angles = cell
    ca, cb, cg = np.cos(np.radians(angles))
    square = 1 - ca * ca - cb * cb - cg * cg + 2 * ca * cb * cg
    return float(a * b * c * np.sqrt(square))
