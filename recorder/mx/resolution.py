"""How far a detector reaches: the resolution at its edge and at its corner.

The edge is the last ring that lies on the detector as a whole, the corner the last
point of it. Gaps between modules count as detector, as everywhere else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.records.geometry import Geometry
from recorder.records.units import HC

FloatArray = NDArray[np.float64]

_DIRECTIONS = 720
"""Directions from the beam in which the last pixel is looked for, each half a degree:
between two of them the edge is off by 1 part in 100 000. Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Resolutions, Å."""

    edge: float | None
    """None: no ring lies on the detector as a whole, the beam is beside it."""
    corner: float | None
    """None: no pixel is in front of the crystal."""


def wavelength_of(energy: float) -> float:
    """Wavelength (Å) of a photon energy (eV)."""
    return HC / energy


def energy_of(wavelength: float) -> float:
    """Photon energy (eV) of a wavelength (Å)."""
    return HC / wavelength


def spacing(two_theta: float, wavelength: float) -> float:
    """Resolution (Å) of what is scattered by so many radians; infinite for 0."""
    sine = math.sin(two_theta / 2)
    return wavelength / (2 * sine) if sine > 0 else math.inf


def spacing_at(radius: float, distance: float, wavelength: float) -> float:
    """Resolution (Å) on a flat detector.

    Args:
        radius: From the beam centre, in the unit of the distance.
        distance: Of the detector.
        wavelength: Å.
    """
    return spacing(math.atan2(radius, distance), wavelength)


def reach(
    geometry: Geometry,
    two_theta: float = 0.0,
    swing: tuple[float, float, float] = (-1.0, 0.0, 0.0),
) -> Reach:
    """Resolution at the edge and the corner of a detector.

    Args:
        geometry: Where its pixels are while its arm is at 0.
        two_theta: Degrees by which the arm is swung out.
        swing: Axis through the crystal about which it swings, of length 1: x along the
            rows of the image, z along the beam. The default is that of NeXus files of
            Diamond.
    """
    corners = _corners(geometry)
    if two_theta:
        corners = corners @ _rotation(math.radians(two_theta), swing).T
    outer = _outermost(corners)
    known = np.isfinite(outer)
    farthest = _angles(corners.reshape(-1, 3)).max()
    edge = float(outer.min()) if known.all() else math.nan
    return Reach(
        edge=spacing(edge, geometry.wavelength) if edge > 0 else None,
        corner=spacing(float(farthest), geometry.wavelength) if farthest > 0 else None,
    )


def _corners(geometry: Geometry) -> FloatArray:
    """(p, 4, 3), m: corners of the panels in order around each, from the crystal."""
    (px, py), (cx, cy) = geometry.pixel_size, geometry.beam_center
    zero = np.array([-cx * px, -cy * py, geometry.distance])
    pieces = [
        (panel.corner, panel.fast, panel.slow, panel.size) for panel in geometry.panels
    ]
    if not pieces:
        slow, fast = geometry.shape
        pieces = [((0.0, 0.0, 0.0), (px, 0.0, 0.0), (0.0, py, 0.0), (fast, slow))]
    found = []
    for corner, along, down, (width, height) in pieces:
        first = zero + np.array(corner)
        row, column = np.array(along) * width, np.array(down) * height
        found.append([first, first + row, first + row + column, first + column])
    return np.array(found)


def _rotation(angle: float, axis: tuple[float, float, float]) -> FloatArray:
    """(3, 3), right-handed about an axis of length 1."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    turn = np.eye(3) + math.sin(angle) * cross
    return np.asarray(turn + (1 - math.cos(angle)) * cross @ cross)


def _angles(points: FloatArray) -> FloatArray:
    """Scattering angle (rad) of each point (n, 3)."""
    return np.asarray(np.arctan2(np.hypot(points[:, 0], points[:, 1]), points[:, 2]))


def _outermost(corners: FloatArray) -> FloatArray:
    """Largest scattering angle (rad) in each direction from the beam; NaN: nothing.

    A direction is a half plane that the beam bounds; the outermost point of a panel in
    it is where a side of the panel crosses it.
    """
    phi = np.arange(_DIRECTIONS) * (2 * math.pi / _DIRECTIONS)
    out = np.stack([np.cos(phi), np.sin(phi)])
    across = np.stack([-np.sin(phi), np.cos(phi)])
    first = corners.reshape(-1, 3)
    last = np.roll(corners, -1, axis=1).reshape(-1, 3)
    found = np.full(_DIRECTIONS, np.nan)
    for a, b in zip(first, last, strict=True):
        side_a, side_b = a[:2] @ across, b[:2] @ across
        crosses = (side_a * side_b <= 0) & (side_a != side_b)
        share = np.zeros(_DIRECTIONS)
        np.divide(side_a, side_a - side_b, out=share, where=crosses)
        point = a[:, None] + share * (b - a)[:, None]
        radius = (point[:2] * out).sum(axis=0)
        angle = np.where(crosses & (radius > 0), np.arctan2(radius, point[2]), np.nan)
        found = np.fmax(found, angle)
    return found
