"""How improbable a number of spots in one place is."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import FloatArray

Numbers = NDArray[np.floating] | NDArray[np.integer] | float


def log10_tail_bound(k: Numbers, n: Numbers, p: Numbers) -> FloatArray:
    """Upper bound (Chernoff's) of log10 P(at least k of n), each with chance p.

    It is at most some five times the true chance where k of n is improbable; arrays
    broadcast.

    Args:
        k: Found.
        n: Of so many.
        p: Chance of each, between 0 and 1.

    Returns:
        0 where no more were found than expected.
    """
    found, number, chance = np.broadcast_arrays(
        *(np.asarray(value, dtype=np.float64) for value in (k, n, p))
    )
    share = np.clip(found / np.maximum(number, 1), 0.0, 1.0)
    chance = np.clip(chance, 1e-12, 1 - 1e-12)
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = np.where(share > 0, share * np.log(share / chance), 0.0)
        outside = np.where(
            share < 1, (1 - share) * np.log((1 - share) / (1 - chance)), 0.0
        )
    return np.where(share > chance, -number * (inside + outside) / math.log(10), 0.0)
