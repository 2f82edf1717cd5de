"""Detectors of several flat panels, each with a place of its own in the image."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recorder.records import Panel
from recorder.ssx.arrays import FloatArray

EDGE = 1
"""Pixels at the edge of a panel are not used: they are often larger or noisy."""


@functools.lru_cache(maxsize=8)
def _map(panels: tuple[Panel, ...], shape: tuple[int, int]) -> NDArray[np.int32]:
    """(slow, fast) number of each pixel's panel, -1 for none."""
    number = np.full(shape, -1, np.int32)
    for n, panel in enumerate(panels):
        (x, y), (width, height) = panel.first, panel.size
        number[y : y + height, x : x + width] = n
    return number


def positions(
    panels: tuple[Panel, ...], shape: tuple[int, int], at: FloatArray
) -> FloatArray:
    """Places of points of the image.

    Args:
        panels: The panels.
        shape: (slow, fast) of the image.
        at: (n, 3) x and y in px; the third column is not used.

    Returns:
        (n, 3) m; NaN for points on no panel.
    """
    x, y = at[:, 0], at[:, 1]
    column = np.clip(np.floor(x), 0, shape[1] - 1).astype(np.intp)
    row = np.clip(np.floor(y), 0, shape[0] - 1).astype(np.intp)
    number = _map(panels, shape)[row, column]
    first = np.array([panel.first for panel in panels], np.float64)[number]
    corner = np.array([panel.corner for panel in panels])[number]
    fast = np.array([panel.fast for panel in panels])[number]
    slow = np.array([panel.slow for panel in panels])[number]
    out = corner + (x - first[:, 0])[:, None] * fast
    out += (y - first[:, 1])[:, None] * slow
    off = (number < 0) | (x < 0) | (y < 0) | (x > shape[1]) | (y > shape[0])
    out[off] = np.nan
    return np.asarray(out)


def outside(panels: Sequence[Panel], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels that are on no panel, or on the edge of one: (slow, fast) bool."""
    mask = np.ones(shape, np.bool_)
    for panel in panels:
        (x, y), (width, height) = panel.first, panel.size
        mask[y + EDGE : y + height - EDGE, x + EDGE : x + width - EDGE] = False
    return mask
