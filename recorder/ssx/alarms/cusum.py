"""Cumulative sums over trials that succeed or fail, with exact false alarms.

A sum S climbs with each trial that speaks for the bad share and falls with each that
speaks for the good one, never below 0; at the limit it is an alarm (E. S. Page,
Biometrika 41 (1954) 100; M. R. Reynolds and Z. G. Stoumbos, J. Qual. Technol. 31
(1999) 87). Steps are small integers, so S walks on finitely many states and the mean
run length is a number, not an approximation. The last S = 0 says when it began.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from recorder.ssx.arrays import FloatArray, Int64Array

_MOST_FAIL = 8
"""Step of a failure, at most: how finely the ratio of the steps can be written."""
_RATIO_ERROR = 0.02
"""Error of that ratio that is let pass: an error of 17 % (2.41 as 2) costs a quarter of
the run length, 2 % cost nothing that can be seen."""
_LONGEST = 200_000
"""Limit, at most: what needs more cannot be told within hours."""


@dataclass(frozen=True, slots=True)
class Design:
    """A cumulative sum that tells one share from another."""

    success: int
    """Step of S for a success; below 0 where a drop is looked for."""
    failure: int
    """The same for a failure."""
    limit: int
    """S at which it is an alarm."""
    nats: float
    """Log-likelihood ratio that one unit of S stands for."""
    run_length: float
    """Trials between two false alarms on average, exact, at the good share."""


def run_length(up: int, down: int, limit: int, chance: float) -> float:
    """Mean number of trials until S reaches the limit, from S = 0.

    Args:
        up: Step towards the limit, at least 1.
        down: Step away from it, at least 1; S stays at 0 or above.
        limit: S that ends it, at least 1.
        chance: Probability of a step up, above 0 and below 1.

    Returns:
        Exact but for rounding: every operation adds positive numbers.
    """
    if up == 1:
        return float(_lengths_of_ones(down, limit, chance)[limit])
    flow = np.zeros((limit, limit))
    state = np.arange(limit)
    inside = state + up < limit
    flow[state[inside], state[inside] + up] += chance
    flow[state, np.maximum(state - down, 0)] += 1 - chance
    ends = np.where(inside, 0.0, chance)
    steps = np.ones(limit)
    for k in range(limit - 1, 0, -1):
        low, rows = max(0, k - down), slice(max(0, k - up), k)
        away = flow[k, low:k]
        share = flow[rows, k] / (away.sum() + ends[k])
        flow[rows, low:k] += share[:, None] * away
        ends[rows] += share * ends[k]
        steps[rows] += share * steps[k]
    return float(steps[0] / ends[0])


def _lengths_of_ones(down: int, limit: int, chance: float) -> FloatArray:
    """(limit + 1,) run lengths of all limits up to this one, with steps up of 1."""
    lengths = [0.0] * (limit + 1)
    for s in range(limit):
        since = lengths[s] - lengths[s - down if s > down else 0]
        lengths[s + 1] = lengths[s] + (1 + (1 - chance) * since) / chance
    return np.array(lengths)


def _steps(ratio: float) -> tuple[int, int]:
    """Small integers, of success and failure, in nearly this ratio."""
    best, error = (1, 1), math.inf
    for failure in range(1, _MOST_FAIL + 1):
        success = max(1, round(ratio * failure))
        wrong = abs(success / failure / ratio - 1)
        if wrong < error:
            best, error = (success, failure), wrong
        if wrong <= _RATIO_ERROR:
            break
    return best


@functools.lru_cache(maxsize=4096)
def design(good: float, bad: float, wanted: float) -> Design:
    """The sum that tells a bad share from a good one, with so few false alarms.

    Args:
        good: Share of successes when all is well.
        bad: The share to be told from it, below (a drop) or above (a rise).
        wanted: Trials between two false alarms on average, at least.

    Returns:
        The design with the lowest limit that keeps this.

    Raises:
        ValueError: A share is not between 0 and 1, or both are the same.
    """
    if not (0 < good < 1 and 0 < bad < 1) or good == bad:
        raise ValueError(f"shares {good} and {bad}: both within 0 to 1, not the same")
    of_success = abs(math.log(bad / good))
    of_failure = abs(math.log((1 - bad) / (1 - good)))
    success, failure = _steps(of_success / of_failure)
    nats = of_failure / failure
    drop = bad < good
    up, down = (failure, success) if drop else (success, failure)
    chance = 1 - good if drop else good
    away = good * math.log(good / bad) + (1 - good) * math.log((1 - good) / (1 - bad))
    guess = max(1, round(math.log(max(math.e, wanted * away)) / nats))
    limit, length = _least_limit(up, down, chance, wanted, min(guess, _LONGEST), nats)
    sign = -1 if drop else 1
    return Design(sign * success, -sign * failure, limit, nats, length)


def _least_limit(
    up: int, down: int, chance: float, wanted: float, guess: int, nats: float
) -> tuple[int, float]:
    """The lowest limit with the wanted run length, and the run length it has."""
    if up == 1:
        top = guess
        lengths = _lengths_of_ones(down, top, chance)
        while lengths[-1] < wanted and top < _LONGEST:
            top = min(2 * top, _LONGEST)
            lengths = _lengths_of_ones(down, top, chance)
        limit = min(int(np.searchsorted(lengths, wanted)), top)
        return limit, float(lengths[limit])
    known: dict[int, float] = {}

    def length(limit: int) -> float:
        if limit not in known:
            known[limit] = run_length(up, down, limit, chance)
        return known[limit]

    limit = guess
    for _ in range(4):  # its logarithm is nearly a straight line
        limit = max(1, limit + round(math.log(wanted / length(limit)) / nats))
    while length(limit) < wanted:
        limit += 1
    while limit > 1 and length(limit - 1) >= wanted:
        limit -= 1
    return limit, length(limit)


def paths(steps: Int64Array, start: Int64Array) -> Int64Array:
    """S after each trial, of several sums at once.

    Args:
        steps: (sums, n) steps; numbers of any integer type.
        start: (sums,) S before the first trial.

    Returns:
        (sums, n) S, as if it were never stopped at its limit.
    """
    free = np.cumsum(steps, axis=1) + start[:, None]
    lowest = np.minimum.accumulate(free, axis=1)
    return np.asarray(free - np.minimum(lowest, 0))
