"""Takes trials in order through a family: counts, tells, looks again, clears."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from recorder.ssx.alarms.baseline import ARMS_AT, bounds, counted, renewed
from recorder.ssx.alarms.rates import (
    RateSpec,
    RateState,
    Said,
    Signal,
    Trials,
    refer,
    steps_of,
)
from recorder.ssx.alarms.standing import raised, signal_of, while_standing
from recorder.ssx.alarms.walking import advanced, first, walk


def follow(
    spec: RateSpec, state: RateState, trials: Trials
) -> tuple[RateState, tuple[Signal, ...]]:
    """Takes trials in.

    Args:
        spec: The family.
        state: Before them.
        trials: In order; any number of them.

    Returns:
        The state after them, and what there is to say, in order. Both are the same
        however the trials are cut into batches.
    """
    said: list[Signal] = []
    if trials.image_id.size and math.isnan(state.first_s):
        state = replace(state, first_s=float(trials.time_s[0]))
    while trials.image_id.size:
        if state.standing is None:
            state, used, more = _quiet(spec, state, trials)
        else:
            state, used, more = while_standing(spec, state, state.standing, trials)
        said += more
        trials = trials.after(used)
    return state, tuple(said)


def _quiet(
    spec: RateSpec, state: RateState, part: Trials
) -> tuple[RateState, int, list[Signal]]:
    """Until an alarm, a renewal or the end of the part."""
    steps = steps_of(spec, state)
    n, baseline = part.image_id.size, state.baseline
    until = baseline.renew_at - baseline.trials
    sums = _armed(spec, state) if steps is not None else 0
    if steps is None or not sums:
        used = min(n, until)
        successes = int(np.count_nonzero(part.success[:used]))
        return _renewed(spec, _seen(state, used, used, successes), part, used), used, []
    way = walk(spec, state, steps, part, sums)
    before = np.concatenate([way.start[:, None], way.path[:, :-1]], axis=1)
    calm = np.logical_and.reduce(2 * before <= way.limit, axis=0)
    used = min(way.over + 1, first(np.cumsum(calm) >= until, n) + 1, n)
    calm = calm[:used]
    successes = int(np.count_nonzero(calm & part.success[:used]))
    after = _seen(state, used, int(np.count_nonzero(calm)), successes)
    moved = [
        advanced(one, row, part, used)
        for one, row in zip(state.sums[:sums], way.path, strict=True)
    ]
    after = replace(after, sums=(*moved, *state.sums[sums:]))
    if way.over >= used:
        return _renewed(spec, after, part, used), used, []
    after = raised(spec, after, way.level, part, used - 1)
    return after, used, [signal_of(spec, after, Said.RAISED)]


def _armed(spec: RateSpec, state: RateState) -> int:
    """How many of its sums run: all, or the worst alone on the word of another run."""
    known = state.baseline.trials + state.baseline.prior_trials
    if not spec.relative or spec.given or known >= min(ARMS_AT, spec.arms_at):
        return len(spec.levels)
    return 1 if state.baseline.prior_trials else 0


def _seen(state: RateState, used: int, trials: int, successes: int) -> RateState:
    return replace(
        state,
        seen=state.seen + used,
        baseline=counted(state.baseline, trials, successes),
    )


def _renewed(spec: RateSpec, state: RateState, part: Trials, used: int) -> RateState:
    """With a new reference and rate, if it is time for them."""
    if state.baseline.trials < state.baseline.renew_at:
        return state
    state = replace(state, baseline=renewed(state.baseline))
    span = float(part.time_s[used - 1]) - state.first_s
    rate = state.seen / span if span > 0 else state.rate_hz
    if spec.given or not spec.relative:
        return refer(spec, state, state.reference, rate)
    if state.baseline.trials + state.baseline.prior_trials < spec.arms_at:
        return state
    return refer(spec, state, bounds(state.baseline)[0], rate)
