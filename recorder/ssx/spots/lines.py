"""Whether what stands out at a place goes on in a direction: a line, not a spot.

The ring of pixels around a spot holds few pixels of a narrow line, and half of an edge.
So a spot is also compared with what lies along each of several directions through it:
a streak, a noisy column or the edge of a shadow or module goes on there, a spot does
not.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import BoolArray, FloatArray, IntArray
from recorder.ssx.background.noise import Noise, limit, variance

REACH = 12
"""Pixels from a spot to the end of what is looked at."""
_DIRECTIONS = 12
"""Directions of the half circle, 15° apart: half a step is 1.4 px at the end."""
_FROM, _TO = 4, 11
"""Distances (px) of the strips across each direction, 3 px wide and 1 px long. They
leave out the spot itself."""
_KEPT = 5
"""The darkest of the eight strips of a side, of which the mean is taken: another spot
beside this one, also where spots stand in a row, fills at most three."""
_DARKER = 0.54
"""Standard deviations by which the mean of those is below that of all, from Poisson
noise; found by simulation for 2 to 200 counts in a strip."""
_MIN_STRIPS = 3
"""Strips with a good pixel without which a side says nothing."""
_STEEPEST = 1.5
"""A line is believed to be so much brighter here than on its darker side, at most:
what ends at the spot is no line. Chosen, not tuned."""
_P_LINE = 1e-3
"""Probability that background alone looks like a line in one of the directions. Lines
that are fainter make no spots."""
_P_ABOVE = 1e-6
"""Tail probability of a spot's sum above the line that it lies on: a line has hundreds
of places, and the highest of them are looked at."""
_IN_RING = 12
"""Pixels of a spot's ring that a line through it covers on both sides."""
_SURE = 2.0
"""Standard deviations that a line may be brighter than those pixels. Chosen, not
tuned."""
_ACROSS = 3
"""Pixels of a strip."""


def _strips() -> tuple[IntArray, IntArray]:
    """X and y of the strips' pixels, flat: (across, directions, 2, distances)."""
    angle = np.arange(_DIRECTIONS)[:, None, None] * math.pi / _DIRECTIONS
    along = np.array([[1.0], [-1.0]]) * np.arange(_FROM, _TO + 1)
    across = np.array([-1.0, 0.0, 1.0])[:, None, None, None]
    x = np.rint(along * np.cos(angle) - across * np.sin(angle))
    y = np.rint(along * np.sin(angle) + across * np.cos(angle))
    return x.ravel().astype(np.intp), y.ravel().astype(np.intp)


STRIPS_X, STRIPS_Y = _strips()
"""Pixels from a spot's centre to those of the strips around it."""


def ring_lines(x: IntArray, y: IntArray) -> FloatArray:
    """Which pixels of a ring each direction crosses.

    Args:
        x: (m,) from the ring's centre, px.
        y: (m,)

    Returns:
        (m, directions) float64, 1 for the _IN_RING pixels nearest to the line, else 0:
        a product with it is their sum.
    """
    angle = np.arange(_DIRECTIONS)[:, None] * math.pi / _DIRECTIONS
    away = np.abs(x * np.sin(angle) - y * np.cos(angle))
    crossed = np.zeros(away.shape)
    nearest = np.argsort(away, axis=1, kind="stable")[:, :_IN_RING]
    np.put_along_axis(crossed, nearest, 1.0, axis=1)
    return np.ascontiguousarray(crossed.T)


def may_be_lines(
    total: FloatArray,
    n: FloatArray,
    ring: FloatArray,
    good: BoolArray,
    crossed: FloatArray,
    noise: Noise,
) -> BoolArray:
    """Which spots are so weak that a line through their ring might explain them.

    Args:
        total: (n,) sums of the spots' 3 x 3 pixels, counts.
        n: (n,) good pixels among them.
        ring: (n, m) counts of the rings around them, 0 where bad.
        good: The same shape.
        crossed: What :func:`ring_lines` says of such rings.
        noise: Of the image.
    """
    if len(ring) == 0:
        return np.zeros(0, np.bool_)
    sums = ring @ crossed
    if good.all():
        line = sums.max(axis=1) / _IN_RING
    else:
        line = (sums / np.maximum(good @ crossed, 1)).max(axis=1)
    line += _SURE * noise.gain * np.sqrt(variance(line, noise) / _IN_RING)
    return np.asarray(total <= limit(n * line, noise, n, _P_ABOVE))


def above_lines(
    total: FloatArray,
    n: FloatArray,
    around: FloatArray,
    good: BoolArray,
    local: FloatArray,
    noise: Noise,
) -> BoolArray:
    """Which spots stand out from the brightest line through them.

    Args:
        total: (n,) sums of the spots' 3 x 3 pixels, counts.
        n: (n,) good pixels among them.
        around: (n, pixels) counts at STRIPS_X, STRIPS_Y from each spot's centre, 0
            where bad.
        good: The same shape, pixels to be trusted.
        local: (n,) mean of a pixel in the ring around the spot, counts.
        noise: Of the image.

    Returns:
        (n,) True where there is no line, or the spot is more than it.
    """
    if len(around) == 0:
        return np.zeros(0, np.bool_)
    sums, pixels = _summed(around, np.float32), _summed(good, np.int8)
    side = _side(sums, pixels, noise)
    first, second = side[..., 0], side[..., 1]
    both = np.minimum((first + second) / 2, _STEEPEST * np.minimum(first, second))
    one = np.where(np.isnan(first), second, first)
    lines = np.where(np.isnan(both), one, both)
    line = np.nan_to_num(lines, nan=-np.inf).max(axis=1)
    seen = 2.0 * 3 * (_TO - _FROM + 1)
    on_line = seen * line > limit(seen * local, noise, seen, _P_LINE / _DIRECTIONS)
    # the line's own mean is uncertain as well
    photons = variance(line, noise)
    top = np.where(on_line, n * (line + noise.gain * np.sqrt(photons / seen)), 0)
    return np.asarray(~on_line | (total > limit(top, noise, n, _P_ABOVE)))


def _summed(values: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    """(n, directions, 2, distances) sums over each strip."""
    parts = values.astype(dtype).reshape(len(values), _ACROSS, -1)
    sums = parts[:, 0] + parts[:, 1] + parts[:, 2]
    return np.asarray(sums.reshape(len(values), _DIRECTIONS, 2, -1))


def _side(
    sums: NDArray[np.float32], pixels: NDArray[np.int8], noise: Noise
) -> FloatArray:
    """Mean of a pixel on each side, without other spots; NaN where too few are good.

    Args:
        sums: (n, directions, 2, distances) counts in strips.
        pixels: The same shape, good pixels.
        noise: Of the image.
    """
    if int(pixels.min()) == _ACROSS:
        level = np.divide(sums, _ACROSS, dtype=np.float32)
        seen = np.full(pixels.shape[:-1], pixels.shape[-1])
        width = np.full(pixels.shape[:-1], float(_ACROSS))
    else:
        good = pixels > 0
        seen = good.sum(axis=-1)
        level = np.divide(sums, np.maximum(pixels, 1), dtype=np.float32)
        mean = np.asarray(level.sum(axis=-1)) / np.maximum(seen, 1)
        level = np.where(good, level, mean[..., None]).astype(np.float32)
        filled = np.asarray(pixels.sum(axis=-1), dtype=np.float64)
        width = np.maximum(filled / np.maximum(seen, 1), 1.0)
    level.partition(_KEPT - 1, axis=-1)
    total = np.zeros(pixels.shape[:-1])
    for place in range(_KEPT):
        total += level[..., place]
    dark = total / _KEPT
    sigma = noise.gain * np.sqrt(variance(dark, noise) / width)
    dark = dark + _DARKER * sigma
    return np.asarray(np.where(seen >= _MIN_STRIPS, dark, np.nan), dtype=np.float64)
