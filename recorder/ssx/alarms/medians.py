"""Quantities that have a value in each image: a sum over the medians of seconds.

A Gaussian cumulative sum on each side that matters, in units of the spread of the
medians themselves (D. Siegmund, Sequential Analysis (1985)).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from recorder.ssx.alarms.comparing import centre_and_spread
from recorder.ssx.alarms.events import Severity
from recorder.ssx.alarms.history import VALUES, Bins
from recorder.ssx.alarms.rates import HOLD_S, LOOKS_S, Said
from recorder.ssx.arrays import FloatArray

K = 0.5
"""Half of the shift that is told soonest, in standard deviations of a median."""
H = 10.7
"""Limit of the sum in standard deviations: one false alarm in ten shifts
(:func:`mean_run_length`)."""
ARMS_AT = 120
"""Medians (s) before a change may be told: the spread is known to 10 %."""
_KEPT = 240
"""Medians that make the baseline, the newest that were calm: it follows slow drifts."""
_RENEW = 30
"""Medians from one renewal of the baseline to the next."""
_UNSURE_SPREAD = 1.92
"""One-sided 95 % bound of the relative error of the spread, times the square root of
the medians (the median absolute deviation has 37 % of the best precision)."""
_UNSURE_CENTRE = 2.06
"""The same of the centre, in standard deviations."""
_CALM = 10
"""Medians in a row, within half of what is looked for, that clear an alarm."""
_MOST = 0.95
"""What a wander keeps of itself from one second to the next, at most: a memory of 20 s;
what is longer is a drift, which the baseline follows."""
_LAG = 5
"""Seconds after which a wander is looked for again, beside its first second."""
_SURE = 2.0
"""Standard deviations by which the first autocorrelation must be above 0."""


@dataclass(frozen=True, slots=True)
class MedianSpec:
    """One quantity."""

    kind: str
    value: str
    """Of the history's ``VALUES``."""
    sides: tuple[int, ...]
    """1: a rise is bad, -1: a fall is."""
    severity: Severity
    least: float
    """Spread that is assumed at least, relative to the centre (of logarithms:
    absolute). Smaller changes are nobody's business, however sure."""


MEDIANS = (
    MedianSpec("solvent", "solvent", (-1,), Severity.AMBER, 0.1),
    MedianSpec("background", "background", (1,), Severity.AMBER, 0.1),
    MedianSpec("resolution", "resolution", (1,), Severity.AMBER, 0.02),
    MedianSpec("cell", "cell", (1, -1), Severity.AMBER, 0.002),
)


def mean_run_length(k: float, h: float) -> float:
    """Medians between two false alarms of one side, by Siegmund's approximation."""
    b = h + 1.166
    return (math.exp(2 * k * b) - 2 * k * b - 1) / (2 * k * k)


@dataclass(frozen=True, slots=True)
class MedianStanding:
    """An alarm that was raised and is not over."""

    side: int
    since_image: int
    since_s: float
    at_image: int
    at_s: float
    now: float
    looks: int = 0
    calm: int = 0


@dataclass(frozen=True, slots=True)
class MedianState:
    """What is known of one quantity."""

    kept: FloatArray
    """Calm medians, oldest first."""
    sums: tuple[float, ...]
    since_image: tuple[int, ...]
    since_s: tuple[float, ...]
    """Since when each sum is above 0."""
    fresh: int = 0
    """Medians since the baseline was worked out."""
    centre: float = math.nan
    sigma: float = math.nan
    margin: float = K
    """What a median may be off for nothing, in sigma."""
    last_image: int = -1
    standing: MedianStanding | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class MedianSignal:
    """Something to say about a quantity."""

    said: Said
    number: int
    standing: MedianStanding
    centre: float
    at_image: int
    at_s: float


def new_median(spec: MedianSpec) -> MedianState:
    """Nothing known."""
    n = len(spec.sides)
    return MedianState(np.empty(0), (0.0,) * n, (-1,) * n, (0.0,) * n)


def follow_medians(
    spec: MedianSpec, state: MedianState, closed: Bins
) -> tuple[MedianState, tuple[MedianSignal, ...]]:
    """Takes seconds in that are over.

    Returns:
        The state, and what there is to say, at the last image of a second each.
    """
    said: list[MedianSignal] = []
    values = closed.medians[:, VALUES.index(spec.value)].tolist()
    rows = zip(values, closed.second.tolist(), closed.last_image.tolist(), strict=True)
    for value, second, last in rows:
        if not math.isnan(value):
            state, more = _one(spec, state, value, float(second), last)
            said += more
        state = replace(state, last_image=last)
    return state, tuple(said)


def _one(
    spec: MedianSpec, state: MedianState, value: float, second: float, last: int
) -> tuple[MedianState, list[MedianSignal]]:
    at = last, second + 1
    if math.isnan(state.sigma):
        return _kept(spec, state, value), []
    off = (value - state.centre) / state.sigma
    if state.standing is not None:
        return _while_standing(state, state.standing, off, at)
    if 2 * max(state.sums) <= H:
        state = _kept(spec, state, value)
    off = (value - state.centre) / state.sigma
    state = _summed(spec, state, off, second)
    side = max(range(len(state.sums)), key=lambda n: state.sums[n])
    if state.sums[side] < H:
        return state, []
    since = state.since_image[side], state.since_s[side]
    standing = MedianStanding(spec.sides[side], *since, *at, value)
    state = replace(state, standing=standing, number=state.number + 1)
    return state, [MedianSignal(Said.RAISED, state.number, standing, state.centre, *at)]


def _summed(
    spec: MedianSpec, state: MedianState, off: float, second: float
) -> MedianState:
    sums, images, times = [], [], []
    for n, side in enumerate(spec.sides):
        begins = state.sums[n] == 0
        sums.append(max(0.0, state.sums[n] + side * off - state.margin))
        images.append(state.last_image + 1 if begins else state.since_image[n])
        times.append(second if begins else state.since_s[n])
    return replace(
        state, sums=tuple(sums), since_image=tuple(images), since_s=tuple(times)
    )


def _kept(spec: MedianSpec, state: MedianState, value: float) -> MedianState:
    """With one more calm median, and a new baseline if it is time for one."""
    kept = np.append(state.kept, value)[-_KEPT:]
    fresh = state.fresh + 1
    state = replace(state, kept=kept, fresh=fresh)
    if kept.size < ARMS_AT or (not math.isnan(state.sigma) and fresh < _RENEW):
        return state
    centre, spread = centre_and_spread(kept)
    least = spec.least if spec.value == "cell" else spec.least * abs(centre)
    sigma = spread * _correlated(kept) * (1 + _UNSURE_SPREAD / math.sqrt(kept.size))
    margin = K + _UNSURE_CENTRE / math.sqrt(kept.size)
    sigma = max(sigma, least)
    if not sigma > 0:
        return state
    return replace(state, centre=centre, sigma=sigma, margin=margin, fresh=0)


def _correlated(values: FloatArray) -> float:
    """By how much a sum of them spreads more than if each were drawn anew.

    Autocorrelations that die away by one factor from second to second, on top of noise
    that has none: the first and the fifth tell the factor, noise or not.
    """
    middle, spread = centre_and_spread(values)
    off = np.clip(values - middle, -3 * spread, 3 * spread)
    whole = float(off @ off)
    if whole <= 0:
        return 1.0
    first = float(off[1:] @ off[:-1]) / whole
    if first * math.sqrt(values.size) < _SURE:
        return 1.0
    later = float(off[_LAG:] @ off[:-_LAG]) / whole
    keeps = min((max(later, 0.0) / first) ** (1 / (_LAG - 1)), _MOST)
    return math.sqrt(1 + 2 * first / (1 - keeps))


def _while_standing(
    state: MedianState, standing: MedianStanding, off: float, at: tuple[int, float]
) -> tuple[MedianState, list[MedianSignal]]:
    calm = standing.calm + 1 if standing.side * off < 2 * state.margin else 0
    standing = replace(standing, calm=calm)
    since = abs(at[1] - standing.at_s)
    said: list[MedianSignal] = []
    if calm >= _CALM and since >= HOLD_S:
        n = len(state.sums)
        over = MedianSignal(Said.CLEARED, state.number, standing, state.centre, *at)
        state = replace(state, standing=None, sums=(0.0,) * n, since_image=(-1,) * n)
        return state, [over]
    if standing.looks < len(LOOKS_S) and since >= LOOKS_S[standing.looks]:
        standing = replace(standing, looks=standing.looks + 1)
        said = [MedianSignal(Said.LOOK, state.number, standing, state.centre, *at)]
    return replace(state, standing=standing), said
