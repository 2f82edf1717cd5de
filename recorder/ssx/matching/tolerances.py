"""How far an image may be from its trigger, and how sure that limit is."""

from __future__ import annotations

import numpy as np

from recorder.ssx.arrays import BoolArray, FloatArray, Int64Array
from recorder.ssx.clocks.clock import Clock
from recorder.ssx.matching.start_candidates import StartCandidates

_REACH = 0.45
"""Share of the spacing: a time further from its trigger is nearly as near to the
next."""
SIGMAS = 8.0
"""Standard deviations by which an image may be off its trigger: jitter has tails,
and the next trigger is mostly far. `make timeline-bench`: half or double changes no
label."""
LEAST_NS = 2000.0
"""Tolerance below which no image is refused for its time."""
_WORKED_OUT = 1e-2
"""Of the spacing: how much further an image may be from a trigger whose row is missing.
Ten times what triggers may be uneven by for their times to be worked out
(`row_times`)."""
_DOUBTS = 3
"""Standard deviations of the prediction that are added: the clock's doubt, which is no
jitter. Chosen, not tuned."""


def doubts_ns(clock: Clock, start_ns: Int64Array) -> FloatArray:
    """One sigma of the predictions, shape (n,).

    Earlier images of the same window are no anchors yet.

    Args:
        clock: As fitted to the images before.
        start_ns: Start times, ascending but for jumps, shape (n,).
    """
    doubt = clock.doubt_ns(start_ns) - clock.sigma_ns
    steps = np.diff(start_ns, prepend=start_ns[:1])
    long = np.abs(steps) * (clock.rate_sigma)
    together: FloatArray = np.maximum(doubt, long)
    return together


def growing(
    ids: Int64Array, found: Int64Array, good: BoolArray, least: int | None
) -> BoolArray:
    """Where no two images share a trigger: ordinals grow at least as image_ids do.

    Args:
        ids: image_ids, ascending, shape (n,).
        found: Nearest trigger of each, shape (n,).
        good: Which of them count, shape (n,).
        least: Triggers missed before the first of them; None if that is not known.
    """
    missed = found - ids
    first = int(missed.min()) if least is None else least
    counted = np.where(good, missed, first)
    before = np.maximum.accumulate(np.concatenate(([first], counted[:-1])))
    enough: BoolArray = missed >= before
    return enough


def tolerance_ns(
    near: FloatArray, sigma: float, doubt: FloatArray, real: BoolArray | None = None
) -> FloatArray:
    """How far an image may be from its trigger.

    Args:
        near: Distance of each trigger to its nearer neighbour (ns), shape (n,).
        sigma: Standard deviation of the residuals (ns).
        doubt: Uncertainty of the clock at each image (ns), shape (n,).
        real: Where a row gave the trigger's time, shape (n,); None for all.

    Returns:
        Tolerance (ns), shape (n,).
    """
    limit: FloatArray = np.maximum(LEAST_NS, SIGMAS * sigma) + _DOUBTS * doubt
    if real is not None:
        limit = np.where(real, limit, limit + _WORKED_OUT * near)
    limit = np.minimum(_REACH * near, limit)
    return limit


def telling(good: BoolArray, real: BoolArray | None) -> BoolArray:
    """Matches that a clock is fitted to: those with logged times, if there are any.

    Args:
        good: Images that matched, shape (n,).
        real: Where a row gave the time of the nearest trigger, shape (m,), m at least
            n; None for all.
    """
    logged = good if real is None else good & real[: good.size]
    return logged if logged.any() else good


def first_fits(
    candidates: StartCandidates,
    start_ns: Int64Array,
    triggers: Int64Array,
    near_ns: int,
) -> bool:
    """Whether the first image fits to those after it under the best candidate.

    Args:
        candidates: As found, with a clock.
        start_ns: Start times of the images that were looked at, shape (n,).
        triggers: Trigger times, ascending (ns).
        near_ns: Spacing at the best candidate, 0 if a row gave its time.
    """
    clock = candidates.clock
    if clock is None:
        return False
    off = clock.at_origin_ns - int(triggers[candidates.best])
    span = int(start_ns[max(0, candidates.images - 1)] - start_ns[0])
    # The offset is that of the middle; few images do not tell the rate up to there.
    unsure = clock.rate_sigma * abs(span) + _WORKED_OUT * near_ns
    return abs(off) <= max(LEAST_NS, SIGMAS * clock.sigma_ns) + unsure
