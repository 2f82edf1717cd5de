"""Intervals of a rate and of the difference of two: nothing is known more closely."""

from __future__ import annotations

import math

Z95 = 1.959963984540054
"""Standard deviations about the mean that hold 95 % of a normal distribution."""


def wilson(
    successes: float, trials: float, z: float = Z95
) -> tuple[float, float] | None:
    """Score interval of a share (E. B. Wilson, JASA 22 (1927) 209).

    Args:
        successes: 0 to ``trials``.
        trials: How often it was tried.
        z: Standard deviations on each side.

    Returns:
        Lower and upper bound, both within 0 to 1; None without trials.
    """
    if trials <= 0:
        return None
    p = successes / trials
    scale = 1 + z * z / trials
    middle = (p + z * z / (2 * trials)) / scale
    half = z / scale * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials))
    # Rounding would leave the exact ends a little beside 0 and 1.
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    high = 1.0 if successes == trials else min(1.0, middle + half)
    return low, high


def newcombe(
    first: tuple[float, float], second: tuple[float, float], z: float = Z95
) -> tuple[float, float] | None:
    """Interval of share 1 minus share 2 (R. G. Newcombe, Stat. Med. 17 (1998) 873).

    His method 10: made of the two score intervals, so that it stays within -1 to 1.

    Args:
        first: Successes and trials.
        second: The same of the other.
        z: Standard deviations on each side.

    Returns:
        Lower and upper bound; None where either was never tried.
    """
    (k, n), (j, m) = first, second
    one, two = wilson(k, n, z), wilson(j, m, z)
    if one is None or two is None:
        return None
    (low1, high1), (low2, high2) = one, two
    p, q = k / n, j / m
    below = math.hypot(p - low1, high2 - q)
    above = math.hypot(high1 - p, q - low2)
    return max(-1.0, p - q - below), min(1.0, p - q + above)


def score_z(before: tuple[float, float], after: tuple[float, float]) -> float:
    """Two-sample score test: by how much the second share is above the first.

    Args:
        before: Successes and trials.
        after: The same of the other.

    Returns:
        Standard deviations; NaN where one of them cannot tell: nothing tried, or
        all successes or none in both.
    """
    (k, n), (j, m) = before, after
    if n <= 0 or m <= 0:
        return math.nan
    pooled = (k + j) / (n + m)
    variance = pooled * (1 - pooled) * (1 / n + 1 / m)
    return (j / m - k / n) / math.sqrt(variance) if variance > 0 else math.nan
