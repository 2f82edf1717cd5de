"""Where the pixels are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Panel:
    """A flat piece of a detector, by where its pixels lie in the image."""

    name: str
    first: tuple[int, int]
    """(fast, slow) of its first pixel in the image."""
    size: tuple[int, int]
    """(fast, slow) pixels."""
    corner: tuple[float, float, float]
    """Outer corner of its first pixel (m): x and y from the beam, z from the
    detector's distance on, along the beam."""
    fast: tuple[float, float, float]
    """From pixel to pixel along the image's rows, m."""
    slow: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where the pixels are, as it is used: flat and perpendicular, or panels."""

    shape: tuple[int, int]
    pixel_size: tuple[float, float]
    distance: float
    beam_center: tuple[float, float]
    """(x, y), px; with panels, how far the beam is from where they say, in pixels."""
    wavelength: float
    panels: tuple[Panel, ...] = ()
