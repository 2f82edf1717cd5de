"""Whether what stands out at a place goes on in a direction: a line, not a spot.

The ring of pixels around a spot holds few pixels of a narrow line, and half of an edge.
So a spot is also compared with what lies along each of several directions through it:
a streak, a noisy column or the edge of a shadow or module goes on there, a spot does
not.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import BoolArray, FloatArray, IntArray
from recorder.ssx.background.noise import Noise, limit, variance

REACH = 12
"""Pixels from a spot to the end of what is looked at."""
_DIRECTIONS = 16
"""Directions of the half circle, 11° apart: half a step is 1.1 px at the end."""
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
_RING_SHARE = 10.0
"""Pixels of a line among the 56 of a spot's ring, at least: a line is no brighter than
the ring's sum over them."""

_SIZE = 2 * REACH + 1


def _strips() -> IntArray:
    """(directions, 2, distances, 3) places in a flat patch of _SIZE x _SIZE pixels."""
    angle = np.arange(_DIRECTIONS)[:, None, None, None] * math.pi / _DIRECTIONS
    side = np.array([1.0, -1.0])[:, None, None]
    along = side * np.arange(_FROM, _TO + 1)[:, None]
    across = np.array([-1.0, 0.0, 1.0])
    x = np.rint(along * np.cos(angle) - across * np.sin(angle)).astype(np.intp)
    y = np.rint(along * np.sin(angle) + across * np.cos(angle)).astype(np.intp)
    return np.asarray((y + REACH) * _SIZE + x + REACH)


_STRIPS = _strips()


def may_be_lines(
    total: FloatArray, n: FloatArray, ring: FloatArray, noise: Noise
) -> BoolArray:
    """Which spots are so weak that a line through their ring might explain them.

    Args:
        total: (n,) sums of the spots' 3 x 3 pixels, counts.
        n: (n,) good pixels among them.
        ring: (n,) sums of the rings around them, counts.
        noise: Of the image.
    """
    most = limit(n * np.maximum(ring, 0) / _RING_SHARE, noise, n, _P_ABOVE)
    return np.asarray(total <= most)


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
        around: (n, 25, 25) counts around each spot's centre, 0 where bad.
        good: The same shape, pixels to be trusted.
        local: (n,) mean of a pixel in the ring around the spot, counts.
        noise: Of the image.

    Returns:
        (n,) True where there is no line, or the spot is more than it.
    """
    if len(around) == 0:
        return np.zeros(0, np.bool_)
    flat = around.reshape(len(around), -1).astype(np.float32)
    filled = good.reshape(len(good), -1).astype(np.float32)
    sums, pixels = (part.take(_STRIPS, axis=1).sum(axis=-1) for part in (flat, filled))
    side = _side(sums, pixels, noise)
    both = np.minimum(side.mean(axis=2), _STEEPEST * side.min(axis=2))
    one = np.where(np.isnan(side[..., 0]), side[..., 1], side[..., 0])
    lines = np.where(np.isnan(both), one, both)
    line = np.nan_to_num(lines, nan=-np.inf).max(axis=1)
    seen = 2.0 * 3 * (_TO - _FROM + 1)
    on_line = seen * line > limit(seen * local, noise, seen, _P_LINE / _DIRECTIONS)
    # the line's own mean is uncertain as well
    photons = variance(line, noise)
    top = np.where(on_line, n * (line + noise.gain * np.sqrt(photons / seen)), 0)
    return np.asarray(~on_line | (total > limit(top, noise, n, _P_ABOVE)))


def _side(
    sums: NDArray[np.float32], pixels: NDArray[np.float32], noise: Noise
) -> FloatArray:
    """Mean of a pixel on each side, without other spots; NaN where too few are good.

    Args:
        sums: (n, directions, 2, distances) counts in strips.
        pixels: The same shape, good pixels.
        noise: Of the image.
    """
    good = pixels > 0
    level = sums / np.maximum(pixels, 1)
    seen = np.maximum(good.sum(axis=-1), 1)
    mean = level.sum(axis=-1) / seen
    level = np.where(good, level, mean[..., None])
    dark = np.partition(level, _KEPT - 1, axis=-1)[..., :_KEPT].mean(axis=-1)
    photons = variance(dark, noise)
    width = np.maximum(pixels.sum(axis=-1) / seen, 1)
    dark = dark + _DARKER * noise.gain * np.sqrt(photons / width)
    return np.where(good.sum(axis=-1) >= _MIN_STRIPS, dark, np.nan)
