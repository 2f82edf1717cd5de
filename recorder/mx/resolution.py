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

_AHEAD = 1e-3
"""Share of its distance from the crystal that a point must lie ahead to have a place on
a picture seen from there. It decides nothing nearer than 89.9 degrees to the beam.
Chosen, not tuned."""
_ALONG_SIDE = 33
"""Points of each side of a panel, corners included, among which the farthest one is
looked for: only beyond 90 degrees it is not a corner. Chosen, not tuned."""


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
    edge, farthest = _inner_angle(corners), _outer_angle(corners)
    return Reach(
        edge=spacing(edge, geometry.wavelength) if edge > 0 else None,
        corner=spacing(farthest, geometry.wavelength) if farthest > 0 else None,
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


def _outer_angle(corners: FloatArray) -> float:
    """Largest scattering angle (rad) of a detector's points."""
    share = np.linspace(0.0, 1.0, _ALONG_SIDE)[:, None, None, None]
    sides = corners + share * (np.roll(corners, -1, axis=1) - corners)
    across = np.hypot(sides[..., 0], sides[..., 1])
    return float(np.arctan2(across, sides[..., 2]).max())


def _inner_angle(corners: FloatArray) -> float:
    """Scattering angle (rad) of the last whole ring; 0 if the beam is beside it.

    Seen from the crystal, with the beam in the middle of the picture, panels have
    straight sides, and the ring is the largest circle within the hull of all.
    """
    hull = _hull(np.concatenate([_seen(panel) for panel in corners]))
    if len(hull) < 3:
        return 0.0
    side = np.roll(hull, -1, axis=0) - hull
    # counterclockwise: the middle is on the left of all sides, or it is outside
    distance = (hull[:, 0] * side[:, 1] - hull[:, 1] * side[:, 0]) / np.hypot(*side.T)
    return math.atan(float(distance.min())) if (distance > 0).all() else 0.0


def _seen(panel: FloatArray) -> FloatArray:
    """(n, 2) corners of what is ahead of a panel (4, 3), by the tangents of angles."""
    least = _AHEAD * np.abs(panel).max()
    found = []
    for a, b in zip(panel, np.roll(panel, -1, axis=0), strict=True):
        if a[2] >= least:
            found.append(a[:2] / a[2])
        if (a[2] >= least) != (b[2] >= least):
            cut = a + (least - a[2]) / (b[2] - a[2]) * (b - a)
            found.append(cut[:2] / least)
    return np.array(found).reshape(-1, 2)


def _hull(points: FloatArray) -> FloatArray:
    """Convex hull of (n, 2) points, counterclockwise."""
    order = np.unique(points, axis=0)
    halves: list[list[FloatArray]] = []
    for row in (order, order[::-1]):
        half: list[FloatArray] = []
        for point in row:
            while len(half) > 1 and _right_turn(half[-2], half[-1], point):
                half.pop()
            half.append(point)
        halves.append(half[:-1])
    return np.array(halves[0] + halves[1]).reshape(-1, 2)


def _right_turn(a: FloatArray, b: FloatArray, c: FloatArray) -> bool:
    """Whether c is not on the left of the way from a to b."""
    return bool((b[0] - a[0]) * (c[1] - a[1]) <= (b[1] - a[1]) * (c[0] - a[0]))
