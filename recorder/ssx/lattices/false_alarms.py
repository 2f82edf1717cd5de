"""Acceptance of a lattice by its number of false alarms.

The expected number of lattices, among all orientations tried, that explain as many
of the spots by chance (a contrario test). It replaces thresholds on counts or
fractions, which mean different things for different cells and spot numbers.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import FloatArray, IntArray

SCALES = (1.0, 0.6, 0.35)
"""Tolerances tried, relative to the full one."""
_LOG_SCALES = 0.5
"""log10 of the scales tried."""
_TURN = 0.0075
"""Turns in radians up to which two orientations explain the same spots: one that moves
a spot at 0.3 1/Å by its tolerance there, 0.00225 1/Å."""
MOST_CHANCE = 0.9
"""Probability of a spot to meet a point by chance, at most: where the spheres of
tolerance overlap their volumes no longer add up."""
_LEAST_CHANCE = 1e-12
"""The same, at least: its logarithm must exist."""


def log10_orientations(rotations: int) -> float:
    """log10 of the orientations that can be told apart: all of them are tried.

    The search samples some 10⁷ of them, and each refinement looks through those
    between: what it ends with is the best of all.

    Args:
        rotations: Number of proper rotations of the lattice, 1 (triclinic) to 24
            (cubic): so many orientations are the same.

    Returns:
        8.3 for triclinic lattices, 6.9 for cubic ones.
    """
    return math.log10(8 * math.pi**2 / (_TURN**3 * rotations))


@functools.lru_cache(maxsize=512)
def _binomial(n: int) -> tuple[FloatArray, FloatArray]:
    """The numbers 0 to n and the logarithms of their binomial coefficients."""
    i = np.arange(n + 1, dtype=np.float64)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(i[1:]))])
    return i, log_factorial[n] - log_factorial - log_factorial[::-1]


def log10_tail(n: int, k: NDArray[np.integer], p: float) -> FloatArray:
    """log10 P(X >= k) for X ~ Binomial(n, p).

    Args:
        n: Number of trials.
        k: (m,) thresholds, 0 to n.
        p: Probability of one success, 0 < p < 1.

    Returns:
        (m,) float64, at most 0.
    """
    i, log_choose = _binomial(n)
    log_pmf = log_choose + i * math.log(p) + (n - i) * math.log1p(-p)
    if len(k) == 1:
        rest = log_pmf[int(k[0]) :]
        highest = float(rest.max())
        sums = highest + math.log(float(np.exp(rest - highest).sum()))
        return np.array([min(sums, 0.0) / math.log(10.0)])
    # summing from the far end keeps the relative accuracy of tiny tails
    tail = np.logaddexp.accumulate(log_pmf[::-1])[::-1]
    return np.asarray(np.minimum(tail[k], 0.0) / np.log(10.0))


def log10_nfa(
    errors: NDArray[np.floating],
    tolerance: NDArray[np.floating],
    volume: float,
    orientations: float,
) -> tuple[FloatArray, IntArray]:
    """log10 of the number of false alarms of candidate lattices.

    Args:
        errors: (m, n) distance of each spot from its lattice point for each of m
            candidates, 1/Å; infinite where the spot cannot count (h = 0).
        tolerance: (n,) tolerances at scale 1, 1/Å.
        volume: Volume of the primitive cell, Å³.
        orientations: log10 of the orientations tried.

    Returns:
        (m,) float64, the lowest over the scales, and (m,) the spots that it rests on.
    """
    n = errors.shape[1]
    if n == 0:
        count = np.zeros(errors.shape[0], np.intp)
        return np.full(errors.shape[0], orientations + _LOG_SCALES), count
    best = np.full(errors.shape[0], np.inf)
    counted = np.zeros(errors.shape[0], np.intp)
    for scale in SCALES:
        reach = tolerance * scale
        chance = np.minimum(volume * (4 / 3) * np.pi * reach**3, MOST_CHANCE)
        p = float(np.clip(chance.mean(), _LEAST_CHANCE, MOST_CHANCE))
        k = (errors < reach).sum(axis=1)
        tail = log10_tail(n, k, p)
        counted = np.where(tail < best, k, counted)
        np.minimum(best, tail, out=best)
    return best + orientations + _LOG_SCALES, counted
