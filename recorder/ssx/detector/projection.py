"""From directions to pixels: the way back of :mod:`recorder.ssx.detector.geometry`."""

from __future__ import annotations

import numpy as np

from recorder.records import Geometry, Panel
from recorder.ssx.arrays import FloatArray

_FORWARD = 0.02
"""Least cosine between a direction and the beam: what leaves at a right angle, or goes
back, meets no detector behind the sample. Chosen, not tuned."""

_EDGE = 1e-6
"""Beyond its edge a ray still meets the detector (px): rounding, no more."""


def project(geometry: Geometry, directions: FloatArray) -> FloatArray:
    """Where rays from the sample meet the detector.

    Args:
        geometry: The detector.
        directions: (n, 3) of any length, beam along +z.

    Returns:
        (n, 2) x and y, px (pixel i has its middle at i + 0.5); NaN where a ray meets
        none.
    """
    rays = np.asarray(directions, np.float64)
    if geometry.panels:
        return _on_panels(geometry, rays)
    out = _on_plane(geometry, rays)
    height, width = geometry.shape
    off = (out < -_EDGE).any(axis=1) | (out > (width + _EDGE, height + _EDGE)).any(
        axis=1
    )
    out[off] = np.nan
    return out


def beam(geometry: Geometry) -> tuple[float, float]:
    """Where the beam meets the detector, or its continuation: x and y, px."""
    ray = np.array([[0.0, 0.0, 1.0]])
    if not geometry.panels:
        at = _on_plane(geometry, ray)[0]
        return float(at[0]), float(at[1])
    nearest, least = np.zeros(2), np.inf
    for panel in geometry.panels:
        local = _local(geometry, panel, ray)[0]
        inside = np.clip(local, 0, panel.size)
        if (away := float(np.square(local - inside).sum())) < least:
            nearest, least = np.array(panel.first) + local, away
    return float(nearest[0]), float(nearest[1])


def _on_plane(geometry: Geometry, rays: FloatArray) -> FloatArray:
    ahead = rays[:, 2] > _FORWARD * np.linalg.norm(rays, axis=1)
    out = np.full((len(rays), 2), np.nan)
    out[ahead] = rays[ahead, :2] / rays[ahead, 2:] * geometry.distance
    return np.asarray(out / geometry.pixel_size + geometry.beam_center)


def _on_panels(geometry: Geometry, rays: FloatArray) -> FloatArray:
    out = np.full((len(rays), 2), np.nan)
    for panel in geometry.panels:
        local = _local(geometry, panel, rays)
        # a comparison with NaN is false
        on = ((local >= -_EDGE) & (local <= np.add(panel.size, _EDGE))).all(axis=1)
        out[on] = local[on] + panel.first
    return out


def _local(geometry: Geometry, panel: Panel, rays: FloatArray) -> FloatArray:
    """(n, 2) where rays meet a panel's plane, px from its first pixel; NaN behind."""
    shift = np.array([*geometry.beam_center, 0.0]) * [*geometry.pixel_size, 1.0]
    corner = np.array(panel.corner) - shift + [0.0, 0.0, geometry.distance]
    # corner + u * fast + v * slow = t * ray
    axes = np.array([panel.fast, panel.slow])
    normal = np.cross(*axes)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (corner @ normal) / (rays @ normal)
    t[~((t > 0) & (t < np.inf))] = np.nan
    away = t[:, None] * rays - corner
    return np.asarray(away @ np.linalg.pinv(axes))
