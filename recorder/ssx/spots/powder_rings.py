"""Powder and ice rings: spots that share one resolution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import FloatArray

_WIDTH = 0.006
"""Shell in |q|, 1/Å."""
_LEAST = 8
"""Fewer spots are not judged."""
_ICE = (3.90, 3.67, 3.44, 2.67, 2.25, 2.07, 1.92)
"""Strongest reflections of hexagonal ice, Å."""


def on_rings(norm: FloatArray, share: float) -> NDArray[np.bool_]:
    """Which spots lie on powder rings.

    A shell that holds more than `share` of the spots is a ring; its spots are taken
    out and the rest is judged again. The rings of hexagonal ice count together.

    Args:
        norm: (n,) |q| of the spots, 1/Å.
        share: Share of the spots in one shell above which it is a ring, 0 to 1.

    Returns:
        (n,) True for spots on rings.
    """
    ring = np.zeros(len(norm), np.bool_)
    for _ in range(len(_ICE)):
        rest = np.flatnonzero(~ring)
        if len(rest) < _LEAST:
            break
        inside = _densest(norm[rest])
        if inside.sum() <= share * len(rest):
            inside = _on_ice(norm[rest])
        if inside.sum() <= share * len(rest):
            break
        ring[rest[inside]] = True
    return ring


def _densest(norm: FloatArray) -> NDArray[np.bool_]:
    """Members of the shell of fixed width that holds most spots."""
    ordered = np.sort(norm)
    count = np.searchsorted(ordered, ordered + _WIDTH, side="right")
    start = ordered[int(np.argmax(count - np.arange(len(ordered))))]
    inside = (norm >= start) & (norm <= start + _WIDTH)
    return np.asarray(inside, dtype=np.bool_)


def _on_ice(norm: FloatArray) -> NDArray[np.bool_]:
    rings = 1.0 / np.array(_ICE)
    return np.asarray(
        (np.abs(norm[:, None] - rings) <= _WIDTH / 2).any(axis=1), dtype=np.bool_
    )
