"""Exact Poisson quantiles, vectorised."""

from __future__ import annotations

import functools
import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import FloatArray

_TABLE = 400
"""Counts (exclusive) up to which quantiles are exact; beyond, the normal formula is
within 1."""
_TERMS = 160
"""Terms of the series: at the end of the table what is left out is below 1e-13 of
it."""
_BISECTIONS = 50
"""Halvings of an interval of at most 400: to 4e-13, the last digits of a float64."""
_LEAST_MEAN = 1e-12
"""Where the search for a mean begins: its logarithm must exist."""


def _survival(t: FloatArray, mu: FloatArray) -> FloatArray:
    """P(X > t) for X ~ Poisson(mu), mu < t + 1; series of the incomplete gamma."""
    lgamma = np.array([math.lgamma(v + 2) for v in t])
    first = np.exp((t + 1) * np.log(mu) - mu - lgamma)
    total = np.ones_like(mu)
    term = np.ones_like(mu)
    for k in range(2, _TERMS):
        term = term * (mu / (t + k))
        total += term
    return np.asarray(first * total)


@functools.cache
def _limits(p: float) -> FloatArray:
    """For t = 0, 1, ...: the largest mu with P(X > t) < p."""
    t = np.arange(_TABLE, dtype=np.float64)
    low = np.full(_TABLE, _LEAST_MEAN)
    high = t + 1.0
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        inside = _survival(t, middle) < p
        low = np.where(inside, middle, low)
        high = np.where(inside, high, middle)
    return low


@functools.cache
def _z(p: float) -> float:
    return NormalDist().inv_cdf(1.0 - p)


def quantile(mu: NDArray[np.floating], p: float) -> FloatArray:
    """Smallest integer t with P(X > t) < p for X ~ Poisson(mu).

    Exact (table of the inverse in mu) up to t = 399; above, the normal quantile
    with the first Cornish-Fisher term, which is within 1 there.

    Args:
        mu: Expected counts, any shape, finite; negative counts as 0.
        p: Tail probability, below 0.1.

    Returns:
        float64 of the same shape.
    """
    expected = np.maximum(np.asarray(mu, dtype=np.float64), 0.0)
    limits = _limits(p)
    exact = np.searchsorted(limits, expected, side="right").astype(np.float64)
    if expected.size and expected.max() >= limits[-1]:
        z = _z(p)
        normal = np.ceil(expected + z * np.sqrt(expected) + (z * z - 1) / 6)
        return np.where(expected >= limits[-1], normal, exact)
    return exact
