"""Mean and variance of short pieces of rows, from differences of neighbours.

Gradients of the background do not enter differences, and few of the pieces touch a
spot.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import FloatArray

_SEGMENT = 64
"""Pixels of a piece of a row: short, so that few pieces touch a spot. Half or double
changes nothing in `make bench-quality`, Spots."""

_LITTLE = 0.25
"""Share of the mean that hardly a pixel counts less than, where there is a pedestal.
Chosen, not tuned: at 30 photons and more no pixel does without one, either, and the
fit decides."""
_FEW = 1e-3
"""Share of the pixels that may count so little all the same: they are broken."""


def pairs(
    values: NDArray[np.float32], allowed: NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Sums over the pairs of neighbours in each piece, of which both are allowed.

    Args:
        values: (rows, fast) counts.
        allowed: The same shape.

    Returns:
        (pieces,) squared differences, counts, and pixels.
    """
    even = values.shape[1] // 2 * 2
    if even == 0:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    left, right = values[:, 0:even:2], values[:, 1:even:2]
    both = allowed[:, 0:even:2] & allowed[:, 1:even:2]
    cuts = np.arange(0, even // 2, _SEGMENT // 2)

    def summed(part: NDArray[np.generic]) -> FloatArray:
        return np.add.reduceat(part, cuts, axis=1, dtype=np.float64).ravel()

    square, total = np.square(left - right) * both, (left + right) * both
    return summed(square), summed(total), 2 * summed(both)


def pieces(
    values: NDArray[np.float32], allowed: NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray]:
    """Mean and variance of a pixel in the pieces that have half of their pixels.

    Args:
        values: (rows, fast) counts.
        allowed: The same shape, pixels to be used.
    """
    square, total, pixels = pairs(values, allowed)
    enough = pixels >= _SEGMENT // 2
    count = pixels[enough]
    return total[enough] / count, square[enough] / count


def lifted(values: NDArray[np.float32], allowed: NDArray[np.bool_]) -> bool:
    """Whether hardly a pixel counts little: there are many photons, or a pedestal.

    Args:
        values: (rows, fast) counts, 0 where not allowed.
        allowed: The same shape, pixels to be used.
    """
    used = int(np.count_nonzero(allowed))
    mean = float(values.sum(dtype=np.float64)) / max(used, 1)
    little = (values < _LITTLE * mean) & allowed
    return 0 < used and int(np.count_nonzero(little)) < _FEW * used
