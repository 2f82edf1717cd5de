"""Follows a share of trials: sums of several levels, an alarm that stands, its end.

Everything happens at a trial, never at the end of a batch: however the trials are cut
into batches, the same is told at the same image.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from recorder.ssx.alarms.baseline import Baseline, begun, bounds
from recorder.ssx.alarms.cusum import Design, design
from recorder.ssx.alarms.events import Severity
from recorder.ssx.arrays import BoolArray, FloatArray, Int64Array

SHIFT_S = 8 * 3600.0
"""A shift, s: what operators count false alarms by."""
FALSE_ALARMS = 0.1
"""False alarms a shift that each level may raise on ideal data. Ten such designs
together stay below one."""
UNKNOWN_HZ = 1000.0
"""Trials a second while nothing is known of them: more than detectors make, so that
there are fewer false alarms rather than more."""
HOLD_S = 30.0
"""An alarm stands so long at least: one excursion is told once."""
LOOKS_S = (5.0, 15.0, 30.0)
"""After so many seconds it is looked again for a cause, with more data."""
_RATE_STEP = math.log(2) / 2
"""Logarithm of the steps in which the rate of trials is rounded up: designs recur."""
_SHARE_STEP = math.log(1.01)
"""The same of the reference, which is rounded to the side of fewer false alarms."""
LEAST_SHARE, MOST_SHARE = 1e-5, 0.98
"""Shares that a design is made for: some trials must fail, and some succeed."""


@dataclass(frozen=True, slots=True)
class Level:
    """One design of a family of alarms."""

    name: str
    severity: Severity
    good: float
    bad: float
    """Shares; of a family that is relative, factors of its reference."""
    false_alarms: float = FALSE_ALARMS
    """A shift, while the share stays at the good one."""


@dataclass(frozen=True, slots=True)
class RateSpec:
    """A family of alarms of one share."""

    kind: str
    levels: tuple[Level, ...]
    """Worst first."""
    relative: bool = False
    """The levels are factors of what is normal in this run."""
    given: bool = False
    """What is normal is worked out elsewhere (:func:`refer`), not from the trials."""
    arms_at: int = 1000
    """Own trials before it tells anything, if relative."""
    least: float = 0.005
    """A reference below this share is not watched: there is too little to lose."""


@dataclass(frozen=True, slots=True)
class Trials:
    """What happened, in order."""

    image_id: Int64Array
    time_s: FloatArray
    success: BoolArray
    share: FloatArray | None = None
    """What is normal for each trial, where that differs from trial to trial."""

    def after(self, n: int) -> Trials:
        """Without the first n."""
        share = None if self.share is None else self.share[n:]
        return Trials(self.image_id[n:], self.time_s[n:], self.success[n:], share)


@dataclass(frozen=True, slots=True)
class Sum:
    """One cumulative sum, and what came since it last was 0."""

    s: int = 0
    image_id: int = -1
    """First trial since; none yet if ``trials`` is 0."""
    time_s: float = 0.0
    trials: int = 0
    successes: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """An alarm that was raised and is not over."""

    level: int
    since: Sum
    at_image: int
    at_s: float
    recovery: int = 0
    """Sum that speaks for the good share again."""
    looks: int = 0
    trials: int = 0
    successes: int = 0
    """Since the alarm."""


@dataclass(frozen=True, slots=True)
class RateState:
    """What is known of one share."""

    baseline: Baseline
    sums: tuple[Sum, ...]
    reference: float = math.nan
    """Bound of the normal share that the sums are designed for; NaN: not known."""
    rate_hz: float = UNKNOWN_HZ
    seen: int = 0
    first_s: float = math.nan
    standing: Standing | None = None
    number: int = 0
    """Alarms so far."""


class Said(StrEnum):
    """What a family has to say."""

    RAISED = "raised"
    LOOK = "look"
    """It still stands; more is known now."""
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Signal:
    """Something to say about a family at one trial."""

    said: Said
    number: int
    level: int
    since: Sum
    normal: float
    """Share when all is well."""
    at_image: int
    at_s: float


@dataclass(frozen=True, slots=True)
class Steps:
    """The designs of all levels as arrays, (levels,) each."""

    designs: tuple[Design, ...]
    success: Int64Array
    failure: Int64Array
    limit: Int64Array


def new_rate(spec: RateSpec, before: Baseline | None = None) -> RateState:
    """The state at the start of a run; ``before``: of the last run of the sample."""
    sums = (Sum(),) * len(spec.levels)
    state = RateState(begun(before, spec.arms_at), sums)
    if state.baseline.prior_trials and spec.relative and not spec.given:
        return refer(spec, state, bounds(state.baseline)[0])
    return state


def refer(
    spec: RateSpec, state: RateState, reference: float, rate_hz: float | None = None
) -> RateState:
    """With another reference: the sums keep how far they were on their way."""
    old = steps_of(spec, state)
    rate = state.rate_hz if rate_hz is None else _rounded_up(rate_hz, _RATE_STEP)
    down = spec.levels[0].bad < spec.levels[0].good
    if reference > 0:
        sign = 1 if down else -1
        reference = _rounded_up(reference, -sign * _SHARE_STEP)
    new = replace(state, reference=reference, rate_hz=rate)
    steps = steps_of(spec, new)
    if old is None or steps is None:
        return new
    sums = tuple(
        replace(one, s=one.s * int(after) // int(before))
        for one, before, after in zip(new.sums, old.limit, steps.limit, strict=True)
    )
    return replace(new, sums=sums)


def _rounded_up(value: float, step: float) -> float:
    """The next value of a logarithmic grid; the one below, if the step is negative."""
    size = abs(step)
    place = math.log(value) / size
    return math.exp(size * (math.ceil(place) if step > 0 else math.floor(place)))


def steps_of(spec: RateSpec, state: RateState) -> Steps | None:
    """The designs that hold now; None if it is not armed."""
    if spec.relative and not state.reference >= spec.least:
        return None
    return _steps(spec, state.reference, state.rate_hz)


@functools.lru_cache(maxsize=1024)
def _steps(spec: RateSpec, reference: float, rate_hz: float) -> Steps:
    trials = rate_hz * SHIFT_S
    designs = tuple(
        design(*shares_of(spec, level, reference), trials / level.false_alarms)
        for level in spec.levels
    )
    return Steps(
        designs,
        np.array([d.success for d in designs]),
        np.array([d.failure for d in designs]),
        np.array([d.limit for d in designs]),
    )


def shares_of(spec: RateSpec, level: Level, reference: float) -> tuple[float, float]:
    """The shares that a level tells from each other."""
    if spec.relative:
        good = min(level.good * reference, MOST_SHARE)
        bad = min(level.bad * reference, MOST_SHARE)
        return (good, bad) if good != bad else (good / 2, bad)
    if not reference > level.good:
        return level.good, level.bad
    good = min(reference, MOST_SHARE / 2)  # taken as normal: more of it is asked for
    return good, min(max(level.bad, 2 * good), MOST_SHARE)
