"""Laws of the alarms: nothing depends on how a run is cut, stopped or sped up."""

from __future__ import annotations

import functools
import itertools
import json
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.alarms.simulated import START_S, Clock, Course, World, make
from recorder.ssx.alarms.codec import from_json, to_json
from recorder.ssx.alarms.events import AlarmCleared, AlarmRaised, Event
from recorder.ssx.alarms.observation import (
    Fates,
    Images,
    Observation,
    Pulses,
    RunFacts,
    images,
)
from recorder.ssx.alarms.state import VERSION, RunState
from recorder.ssx.alarms.watch import AlarmState, step
from tests.laws import examples

HZ = 10.0
RUN = RunFacts("run", sample="crystals")
Slice = tuple[Images, Pulses, Fates]


def cut(part: Slice, begin: int, end: int) -> Slice:
    """The images from begin to end, and what belongs to them."""
    seen, pulses, fates = part
    ids = seen.image_id[begin:end]
    mine = np.isin(pulses.image_id, ids)
    return (
        Images(*(getattr(seen, f.name)[begin:end] for f in fields(Images))),
        Pulses(*(getattr(pulses, f.name)[mine] for f in fields(Pulses))),
        Fates(*(getattr(fates, f.name)[begin:end] for f in fields(Fates))),
    )


def joined(parts: list[Slice]) -> Slice:
    """One slice of several."""
    return tuple(
        type(kind[0])(
            *(
                np.concatenate([getattr(one, f.name) for one in kind])
                for f in fields(kind[0])
            )
        )
        for kind in zip(*parts, strict=True)
    )  # type: ignore[return-value]


CHANGES = (
    (180.0, {}),
    (40.0, {"hit_rate": 0.05, "solvent": 50.0}),
    (70.0, {}),
    (30.0, {"hit_rate": 0.0, "unprocessed": 0.4}),
    (70.0, {"rings": 0.5, "index_rate": 0.2, "misfires": 0.3}),
    (60.0, {"losses": 0.1, "background": 120.0, "resolution": 2.6}),
)
"""Seconds, and what is otherwise than usual: most alarms are raised and cleared."""


@functools.cache
def eventful() -> Slice:
    """A run in which much happens, 4500 images at 10 Hz."""
    rng, clock, parts = np.random.default_rng(5), Clock(), []
    for seconds, change in CHANGES:
        world = replace(World(hz=HZ, hit_rate=0.6, sigma=0.05), **change)
        *part, clock = make(world, clock, round(seconds * HZ), rng)
        parts.append(part)
    return joined(parts)


def watched(
    whole: Slice, cuts: list[int], state: AlarmState | None = None, again: bool = False
) -> tuple[AlarmState, list[Event]]:
    """A run cut at some images; ``again``: stopped and begun from JSON at each cut."""
    state, events = state or AlarmState(), []
    n = whole[0].image_id.size
    edges = sorted({0, n, *(c for c in cuts if 0 < c < n)})
    for begin, end in itertools.pairwise(edges):
        seen, pulses, fates = cut(whole, begin, end)
        now = Observation(float(seen.time_s[-1]), RUN, seen, pulses, fates)
        state, more = step(state, now)
        events += more
        if again:
            text = json.dumps(state.to_json(), allow_nan=False)
            state = AlarmState.from_json(json.loads(text))
    return state, events


def of_images(events: list[Event]) -> list[str]:
    """In words that can be compared, sorted: kinds may come in any order."""
    return sorted(map(repr, events))


@functools.cache
def reference() -> tuple[str, ...]:
    return tuple(of_images(watched(eventful(), list(range(0, 4500, 20)))[1]))


@functools.cache
def at_once() -> AlarmState:
    """The state after the run as one slice."""
    return watched(eventful(), [])[0]


def test_much_happens_in_the_run_of_these_tests():
    _, events = watched(eventful(), list(range(0, 4500, 500)))
    raised = {e.kind for e in events if isinstance(e, AlarmRaised)}
    cleared = {e.kind for e in events if isinstance(e, AlarmCleared)}
    assert raised >= {
        "hit_rate",
        "index_rate",
        "rings",
        "misfires",
        "misfires_in_a_row",
        "losses",
        "solvent",
        "background",
        "resolution",
    }
    assert cleared >= {"hit_rate", "solvent", "misfires_in_a_row"}
    assert any(e.hints for e in events if isinstance(e, AlarmRaised))


@settings(max_examples=examples(8), deadline=None)
@given(st.lists(st.integers(1, 4499), max_size=40))
def test_the_same_is_told_however_the_run_is_cut(cuts):
    state, events = watched(eventful(), cuts)
    assert tuple(of_images(events)) == reference()
    assert to_json(state.run) == to_json(at_once().run)


@settings(max_examples=examples(5), deadline=None)
@given(st.lists(st.integers(1, 4499), max_size=12))
def test_the_same_is_told_after_a_restart_from_json(cuts):
    state, events = watched(eventful(), cuts, again=True)
    assert tuple(of_images(events)) == reference()
    assert state.to_json() == watched(eventful(), cuts)[0].to_json()


@settings(max_examples=examples(8), deadline=None)
@given(st.integers(0, 10**6), st.floats(0.05, 0.9))
def test_images_without_a_class_are_no_trials(seed, share):
    """Put between the others, whatever their fields hold, they change nothing."""
    rng = np.random.default_rng(seed)
    seen = cut(eventful(), 1000, 3000)[0]
    n = seen.image_id.size
    more = rng.random(2 * n) < share
    place = np.sort(rng.permutation(2 * n)[:n])
    none = np.ones(2 * n, bool)
    none[place] = False
    mixed = {}
    for field in fields(Images):
        old = getattr(seen, field.name)
        new = np.zeros((2 * n, *old.shape[1:]), old.dtype)
        new[place] = old
        if old.dtype == bool:
            new[none] = more[none]
        mixed[field.name] = new
    mixed["processed"] = np.where(none, False, mixed["processed"])
    times = np.empty(2 * n)
    times[place] = seen.time_s
    source = np.maximum(np.searchsorted(place, np.arange(2 * n), side="right") - 1, 0)
    mixed["time_s"] = seen.time_s[source]
    mixed["image_id"] = seen.image_id[source]
    end = float(seen.time_s[-1])
    plain, _ = step(AlarmState(), Observation(end, RUN, seen))
    with_more, _ = step(AlarmState(), Observation(end, RUN, Images(**mixed)))
    assert plain.run is not None and with_more.run is not None
    for name in ("hits", "indexed", "several", "rings", "chip"):
        assert to_json(getattr(plain.run, name)) == to_json(
            getattr(with_more.run, name)
        )


def test_no_more_than_two_hints_and_always_a_perhaps():
    _, events = watched(eventful(), list(range(0, 4500, 100)))
    raised = [e for e in events if isinstance(e, AlarmRaised)]
    assert all(len(e.hints) <= 2 for e in raised)
    for hint in (h for e in raised for h in e.hints):
        assert hint.text.startswith("Perhaps ")
        assert hint.evidence
        assert any(letter.isdigit() for letter in hint.text)


def test_an_alarm_is_raised_before_it_is_cleared_and_stands_between():
    state, standing = AlarmState(), set()
    whole = eventful()
    for begin in range(0, 4500, 50):
        part = cut(whole, begin, begin + 50)
        state, events = step(state, Observation(float(part[0].time_s[-1]), RUN, *part))
        for event in events:
            if isinstance(event, AlarmRaised):
                standing.add(event.id)
            else:
                standing.remove(event.id)
        assert {one.id for one in state.standing} == standing


@pytest.mark.parametrize("step_s", [-3600.0, -5.0, 3600.0])
def test_a_host_clock_that_is_set_loses_no_alarm(step_s):
    """Set while an alarm stands: it clears, later ones are raised, little is kept."""
    seen, pulses, fates = eventful()
    later = seen.image_id >= 2000
    moved = replace(seen, time_s=seen.time_s + step_s * later)
    state, events = watched((moved, pulses, fates), list(range(0, 4500, 50)))
    expected = watched(eventful(), list(range(0, 4500, 50)))[1]
    found = {
        (type(e), e.kind) for e in events if e.at_image is None or e.at_image > 2000
    }
    assert found >= {
        (type(e), e.kind)
        for e in expected
        if e.at_image is not None and e.at_image > 2000
    } - {(AlarmCleared, "background"), (AlarmRaised, "background")}
    assert state.run is not None
    assert state.run.history.open.second.size <= 3 * HZ


def test_a_run_that_ends_takes_its_alarms_along():
    state = at_once()
    assert state.standing
    state, events = step(state, Observation(START_S + 1000.0))
    assert {e.id for e in events if isinstance(e, AlarmCleared)} and not state.standing
    assert state.run is None


def test_the_same_rates_at_ten_times_the_frame_rate_are_told_ten_times_as_soon():
    """In images it is nearly the same: only the limit grows, by ln 10 nats."""
    found = []
    for hz in (20.0, 200.0):
        rng = np.random.default_rng(8)
        calm = Course(World(hz=hz, hit_rate=0.3))
        course, events = calm.go(4000 / hz, 200 / hz, rng)
        assert not events
        begin = course.clock.image_id
        course = replace(course, world=replace(course.world, hit_rate=0.0))
        _, events = course.go(400 / hz, 40 / hz, rng)
        first = next(e for e in events if isinstance(e, AlarmRaised))
        assert (first.kind, first.level) == ("hit_rate", "gone")
        assert first.at_image is not None
        found.append(first.at_image - begin)
    assert 80 < found[0] < found[1] < 1.4 * found[0]


def test_a_run_of_the_same_sample_is_watched_from_its_first_image():
    """A stop is told at once; of another sample nothing is known yet."""
    rng = np.random.default_rng(2)
    course, _ = Course(World(hit_rate=0.3)).go(60.0, 2.0, rng)
    state = course.state
    told = {}
    for sample in ("crystals", "other"):
        hit = np.zeros(500, bool)
        ids = np.arange(500)
        times = START_S + 100 + ids / 100
        run = RunFacts("next", sample=sample)
        _, events = step(
            state, Observation(float(times[-1]), run, images(ids, times, hit))
        )
        told[sample] = [e.level for e in events if isinstance(e, AlarmRaised)]
    assert told == {"crystals": ["gone"], "other": []}


def test_a_sample_that_is_otherwise_than_its_name_says_is_believed():
    """The run before had 40 %, this one has 15 %: that is its normal."""
    rng = np.random.default_rng(2)
    course, _ = Course(World(hit_rate=0.4)).go(60.0, 2.0, rng)
    state, events = course.state, []
    for n in range(60):
        ids = np.arange(n * 100, (n + 1) * 100)
        times = START_S + 100 + ids / 100
        seen = images(ids, times, rng.random(100) < 0.15)
        run = RunFacts("next", sample="crystals")
        state, more = step(state, Observation(float(times[-1]), run, seen))
        events += more
    assert not events
    assert state.run is not None
    assert state.run.hits.baseline.prior_trials == 0


def test_a_state_that_is_none_is_refused():
    good = AlarmState().to_json()
    assert AlarmState.from_json(good) == AlarmState()
    for wrong in (
        {},
        {"version": VERSION},
        {**good, "version": VERSION + 1},
        {**good, "state": {**good["state"], "what": 1}},
        {**good, "state": {**good["state"], "standing": 3}},
        {**good, "state": {**good["state"], "coming": {"images": "many"}}},
    ):
        with pytest.raises(ValueError, match=r"state|no AlarmState"):
            AlarmState.from_json(wrong)


def test_json_keeps_every_type():
    state = at_once()
    run = state.run
    assert run is not None
    back = from_json(RunState, json.loads(json.dumps(to_json(run))))
    assert to_json(back) == to_json(run)
    assert back.history.bins.medians.dtype == np.float64
    assert back.history.open.flags.dtype == np.int64
    assert back.hits == run.hits
