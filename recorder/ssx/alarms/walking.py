"""How the sums of a family walk over trials, were they never stopped."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from recorder.ssx.alarms.cusum import paths
from recorder.ssx.alarms.rates import (
    LEAST_SHARE,
    MOST_SHARE,
    RateSpec,
    RateState,
    Steps,
    Sum,
    Trials,
)
from recorder.ssx.arrays import BoolArray, Int64Array

_FINE = 16
"""Units of S in one of the design where steps are rounded for each trial."""


def first(true: BoolArray, none: int) -> int:
    """Index of the first True, or ``none``."""
    at = int(true.argmax())
    return at if true[at] else none


def advanced(one: Sum, path: Int64Array, part: Trials, used: int) -> Sum:
    """A sum after the first ``used`` trials of a part."""
    zeros = np.flatnonzero(path[:used] == 0)
    begin = int(zeros[-1]) + 1 if zeros.size else 0
    if begin == used:
        return Sum()
    trials = used - begin
    successes = int(np.count_nonzero(part.success[begin:used]))
    s = int(path[used - 1])
    if zeros.size or one.trials == 0:
        at = int(part.image_id[begin]), float(part.time_s[begin])
        return Sum(s, *at, trials, successes)
    return replace(
        one, s=s, trials=one.trials + trials, successes=one.successes + successes
    )


@dataclass(frozen=True, slots=True)
class Walk:
    """How the first sums go on over a part, were they never stopped."""

    path: Int64Array
    """(sums, n)."""
    start: Int64Array
    limit: Int64Array
    """(sums, 1)."""
    over: int
    """Trial at which the first of them reaches its limit; n if none does."""
    level: int
    """The worst that does so there."""


def moves_of(spec: RateSpec, steps: Steps, part: Trials, which: slice) -> Int64Array:
    """(sums, n) steps of some sums; finer ones where each trial has its own share."""
    if part.share is None:
        success, failure = steps.success[which, None], steps.failure[which, None]
        return np.where(part.success, success, failure)
    moves = []
    for level, one in zip(spec.levels[which], steps.designs[which], strict=True):
        good = np.clip(level.good * part.share, LEAST_SHARE, MOST_SHARE)
        bad = np.clip(level.bad * part.share, LEAST_SHARE, MOST_SHARE)
        ratio = np.where(
            part.success, np.log(bad / good), np.log((1 - bad) / (1 - good))
        )
        moves.append(np.rint(ratio * (_FINE / one.nats)).astype(np.int64))
    return np.array(moves)


def units(part: Trials) -> int:
    """Units of S in one of the design."""
    return 1 if part.share is None else _FINE


def walk(
    spec: RateSpec, state: RateState, steps: Steps, part: Trials, sums: int
) -> Walk:
    """The walk of the first ``sums`` sums, at least one."""
    start = np.array([one.s for one in state.sums[:sums]])
    path = paths(moves_of(spec, steps, part, slice(sums)), start)
    limit = steps.limit[:sums, None] * units(part)
    reached = path >= limit
    n = part.image_id.size
    over = first(np.logical_or.reduce(reached, axis=0), n)
    level = int(reached[:, over].argmax()) if over < n else 0
    return Walk(path, start, limit, over, level)
