"""Circles of equal resolution on a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

from recorder.records import Geometry

SPACINGS = (20.0, 10.0, 7.0, 5.0, 4.0, 3.0, 2.5, 2.0, 1.8, 1.6, 1.4, 1.2, 1.0, 0.8)
"""Spacings (Å) that circles are drawn at, those that have room."""
_APART = 0.1
"""Radii differ by at least this share of the picture's long side. Chosen, not tuned."""


def ring_radius(geometry: Geometry, spacing: float) -> float | None:
    """Radius of a circle of equal resolution on a detector perpendicular to the beam.

    Args:
        geometry: The detector.
        spacing: Å.

    Returns:
        Pixels along the fast axis; None where it is scattered by 90° or more.
    """
    sine = geometry.wavelength / (2 * spacing)
    if not 0 < sine < math.sqrt(0.5):
        return None
    angle = 2 * math.asin(sine)
    return geometry.distance * math.tan(angle) / geometry.pixel_size[0]


def rings(
    geometry: Geometry,
    center: tuple[float, float],
    spacings: Sequence[float] = SPACINGS,
) -> tuple[tuple[float, float], ...]:
    """The circles that a picture has room for, from the inside.

    Args:
        geometry: The detector.
        center: Where the beam meets it, x and y, px.
        spacings: To choose from, largest first, Å.

    Returns:
        Spacing (Å) and radius (px) of each.
    """
    height, width = geometry.shape
    corners = [(x - center[0], y - center[1]) for x in (0, width) for y in (0, height)]
    farthest = max(math.hypot(*corner) for corner in corners)
    apart = _APART * max(height, width)
    chosen: list[tuple[float, float]] = []
    for spacing in spacings:
        radius = ring_radius(geometry, spacing)
        least = (chosen[-1][1] if chosen else 0.0) + apart
        if radius is not None and least <= radius < farthest:
            chosen.append((spacing, radius))
    return tuple(chosen)
