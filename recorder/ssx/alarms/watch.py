"""One step of all alarms: state and what was seen in, state and events out."""

from __future__ import annotations

from dataclasses import replace

from recorder.ssx.alarms.events import AlarmCleared, AlarmRaised, Event
from recorder.ssx.alarms.families import follow_images
from recorder.ssx.alarms.judging import judge
from recorder.ssx.alarms.limits import limits, slope_after
from recorder.ssx.alarms.observation import Observation
from recorder.ssx.alarms.rules import coming_after, rules
from recorder.ssx.alarms.state import AlarmState, left_by, new_run
from recorder.ssx.alarms.streams import follow_fates, follow_pulses

__all__ = ["AlarmState", "Observation", "step"]


def step(
    state: AlarmState, observation: Observation
) -> tuple[AlarmState, tuple[Event, ...]]:
    """Takes one slice of time in.

    Args:
        state: ``AlarmState()`` at first, then what the last call gave.
        observation: What is known of the slice. Images, pulses and fates go in once
            each; however they are cut into slices, what is told of them is the same.

    Returns:
        The new state, and what was raised or cleared, in order. An id that was raised
        before and is raised again has got worse, or has other hints.
    """
    state, ended = _run_changed(state, observation)
    events: list[Event] = [*ended]
    run = state.run
    if run is not None:
        seen: list[Event] = []
        if observation.run is not None and observation.run.alike:
            run, seen = follow_images(run, observation.images, state.standing)
        run, fired = follow_pulses(run, observation.pulses)
        run, lost = follow_fates(run, observation.fates)
        state = replace(state, run=run)
        events += [*seen, *fired, *lost]
    coming = coming_after(state.coming, observation)
    slope = slope_after(state.slope, observation.host, observation.time_s)
    judged, told = judge(
        state.judged,
        (*limits(observation, slope), *rules(observation, coming)),
        observation.time_s,
        None if run is None else run.uid,
    )
    events += told
    state = replace(state, coming=coming, slope=slope, judged=judged)
    return replace(state, standing=_standing(state, events)), tuple(events)


def _run_changed(
    state: AlarmState, seen: Observation
) -> tuple[AlarmState, tuple[AlarmCleared, ...]]:
    """Another run, or none: its alarms end with it, its rates are remembered."""
    new, old = seen.run, state.run
    if (new.uid if new else None) == (old.uid if old else None):
        if new is not None and old is not None and new.sample != old.sample:
            state = replace(state, run=replace(old, sample=new.sample))
        return state, ()
    before = left_by(old, state.before) if old is not None else state.before
    ended = tuple(
        AlarmCleared(
            one.id, one.kind, one.run_uid, None, seen.time_s, "The run is over."
        )
        for one in state.standing
        if old is not None and _is_of_run(state, one)
    )
    run = new_run(new.uid, new.sample, before) if new else None
    state = replace(state, run=run, before=before)
    return replace(state, standing=_standing(state, [*ended])), ended


def _is_of_run(state: AlarmState, one: AlarmRaised) -> bool:
    """Whether an alarm is told by images, not by the moment."""
    moments = {f"{w.kind}/{w.number}" for w in state.judged.watched}
    return one.id not in moments


def _standing(state: AlarmState, events: list[Event]) -> tuple[AlarmRaised, ...]:
    """The alarms that stand after some events."""
    found = {one.id: one for one in state.standing}
    for event in events:
        if isinstance(event, AlarmRaised):
            found[event.id] = event
        else:
            found.pop(event.id, None)
    return tuple(found.values())
