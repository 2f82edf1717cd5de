"""Acceptance of a lattice by its number of false alarms.

The expected number of lattices, among all orientations tried, that explain as many
of the spots by chance (a contrario test). It replaces thresholds on counts or
fractions, which mean different things for different cells and spot numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import FloatArray

SCALES = (1.0, 0.6, 0.35)
"""Tolerances tried, relative to the full one."""
_LOG_TRIALS = 6.5
"""log10 of the orientations tried."""
_LOG_SCALES = 0.5


def log10_tail(n: int, k: NDArray[np.integer], p: float) -> FloatArray:
    """log10 P(X >= k) for X ~ Binomial(n, p).

    Args:
        n: Number of trials.
        k: (m,) thresholds, 0 to n.
        p: Probability of one success, 0 < p < 1.

    Returns:
        (m,) float64, at most 0.
    """
    i = np.arange(n + 1, dtype=np.float64)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(i[1:]))])
    log_choose = log_factorial[n] - log_factorial - log_factorial[::-1]
    log_pmf = log_choose + i * np.log(p) + (n - i) * np.log1p(-p)
    # summing from the far end keeps the relative accuracy of tiny tails
    tail = np.logaddexp.accumulate(log_pmf[::-1])[::-1]
    return np.asarray(np.minimum(tail[k], 0.0) / np.log(10.0))


def log10_nfa(
    errors: NDArray[np.floating], tolerance: NDArray[np.floating], volume: float
) -> FloatArray:
    """log10 of the number of false alarms of candidate lattices.

    Args:
        errors: (m, n) distance of each spot from its lattice point for each of m
            candidates, 1/Å; infinite where the spot cannot count (h = 0).
        tolerance: (n,) tolerances at scale 1, 1/Å.
        volume: Volume of the primitive cell, Å³.

    Returns:
        (m,) float64, the lowest over the scales.
    """
    n = errors.shape[1]
    if n == 0:
        return np.full(errors.shape[0], _LOG_TRIALS + _LOG_SCALES)
    best = np.full(errors.shape[0], np.inf)
    for scale in SCALES:
        reach = tolerance * scale
        chance = np.minimum(volume * (4 / 3) * np.pi * reach**3, 0.9)
        p = float(np.clip(chance.mean(), 1e-12, 0.9))
        k = (errors < reach).sum(axis=1)
        np.minimum(best, log10_tail(n, k, p), out=best)
    return best + _LOG_TRIALS + _LOG_SCALES
