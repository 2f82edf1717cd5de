"""Takes the present level as normal: what an operator may do once an alarm stands."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from recorder.ssx.alarms.baseline import Baseline, bounds
from recorder.ssx.alarms.chip_blocks import new_chip
from recorder.ssx.alarms.events import AlarmCleared, AlarmRaised, Event
from recorder.ssx.alarms.hit_rate import HIT_RATE
from recorder.ssx.alarms.index_rate import INDEX_RATE
from recorder.ssx.alarms.losses import LOSSES
from recorder.ssx.alarms.medians import MEDIANS, new_median
from recorder.ssx.alarms.misfires import MISFIRES
from recorder.ssx.alarms.rates import HOLD_S, RateSpec, RateState, Sum, refer
from recorder.ssx.alarms.rings import RINGS
from recorder.ssx.alarms.several import SEVERAL, taken_as_usual
from recorder.ssx.alarms.state import AlarmState, RunState

TAKEN = "Its level was taken as normal."
"""Why the alarm is cleared."""


def offered(state: AlarmState, time_s: float) -> tuple[AlarmRaised, ...]:
    """The alarms whose level may be taken as normal: those that stood long enough."""
    return tuple(
        one
        for one in state.standing
        if one.kind in _ACCEPTED and time_s - one.at_time_s >= HOLD_S
    )


def accept_level(
    state: AlarmState, alarm_id: str, time_s: float
) -> tuple[AlarmState, tuple[Event, ...]]:
    """Takes the level since an alarm as the new normal one.

    Args:
        state: Before.
        alarm_id: Of an alarm that stands.
        time_s: Unix time.

    Returns:
        The state, in which the family begins anew from what came since the change,
        and the end of the alarm.

    Raises:
        ValueError: No such alarm stands, or its kind has no level: an age, a lag.
    """
    alarm = next((one for one in state.standing if one.id == alarm_id), None)
    if alarm is None:
        raise ValueError(f"no alarm {alarm_id!r:.40} stands")
    if alarm.kind not in _ACCEPTED or state.run is None:
        raise ValueError(f"an alarm of {alarm.kind} has no level to take as normal")
    run = _ACCEPTED[alarm.kind](state.run)
    standing = tuple(one for one in state.standing if one.id != alarm_id)
    over = AlarmCleared(alarm.id, alarm.kind, alarm.run_uid, None, time_s, TAKEN)
    return replace(state, run=run, standing=standing), (over,)


def _since(rate: RateState) -> Baseline:
    """What was counted since the change."""
    found = rate.standing
    if found is None:
        return Baseline()
    return Baseline(
        found.since.trials + found.trials, found.since.successes + found.successes
    )


def _rate(spec: RateSpec, rate: RateState) -> RateState:
    """A share that begins anew."""
    new = _since(rate)
    rate = replace(rate, standing=None, sums=(Sum(),) * len(rate.sums))
    if not spec.relative:
        return refer(spec, rate, bounds(new)[1])
    armed = new.trials >= spec.arms_at
    at = math.ceil(new.trials * 1.25) if armed else spec.arms_at
    rate = replace(rate, baseline=replace(new, renew_at=at), reference=math.nan)
    return refer(spec, rate, bounds(new)[0]) if armed else rate


def _several(run: RunState) -> RunState:
    rate = _rate_of_several(run)
    usual = bounds(_since(run.several.rate))[1]
    return replace(run, several=taken_as_usual(replace(run.several, rate=rate), usual))


def _rate_of_several(run: RunState) -> RateState:
    rate = run.several.rate
    return replace(rate, standing=None, sums=(Sum(),) * len(rate.sums))


def _chip(run: RunState) -> RunState:
    rate = replace(new_chip().rate, number=run.chip.rate.number)
    return replace(run, chip=replace(new_chip(), rate=rate))


def _median(place: int) -> Callable[[RunState], RunState]:
    def taken(run: RunState) -> RunState:
        old = run.medians[place]
        since = old.standing.since_s if old.standing else math.inf
        bins = run.history.bins
        values = bins.medians[bins.second >= since, place]
        new = replace(
            new_median(MEDIANS[place]),
            kept=np.asarray(values[np.isfinite(values)]),
            number=old.number,
            last_image=old.last_image,
        )
        medians = (*run.medians[:place], new, *run.medians[place + 1 :])
        return replace(run, medians=medians)

    return taken


_ACCEPTED: dict[str, Callable[[RunState], RunState]] = {
    HIT_RATE.kind: lambda run: replace(run, hits=_rate(HIT_RATE, run.hits)),
    INDEX_RATE.kind: lambda run: replace(run, indexed=_rate(INDEX_RATE, run.indexed)),
    SEVERAL.kind: _several,
    RINGS.kind: lambda run: replace(run, rings=_rate(RINGS, run.rings)),
    MISFIRES.kind: lambda run: replace(run, misfires=_rate(MISFIRES, run.misfires)),
    LOSSES.kind: lambda run: replace(run, losses=_rate(LOSSES, run.losses)),
    "hit_rate_block": _chip,
    **{spec.kind: _median(n) for n, spec in enumerate(MEDIANS)},
}
"""How each kind of alarm begins anew."""
