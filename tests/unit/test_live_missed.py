"""Missed triggers of a run that goes on: counted up to now, or said to be unknown."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.live.pump_counts import PumpCounts
from recorder.live.traits import count, traits_in
from recorder.records import EventType
from recorder.simulate.timing.faults import Faults
from tests import builders
from tests.builders import collection
from tests.laws import examples
from tests.played import Played, new_run, play, pump_probe, take_image

RATE_HZ = 100.0


def chains(triggers: int, *, laser: bool) -> list[dict[str, Any]]:
    found = pump_probe(RATE_HZ, triggers)
    if not laser:
        events = found[0]["events"]
        found[0]["events"] = [e for e in events if e["type"] != "LaserExcitation"]
    return found


def look(pump: PumpCounts, run: Any) -> None:
    traits = traits_in(run.images)
    pump.look(run, traits, count(traits))


def missed_so_far(played: Played) -> list[int | None]:
    """What is told each half second, and once more when all rows are here."""
    run, pump, told = new_run(played), PumpCounts(), []
    events = deque(played.events)
    for place in range(played.image_id.size):
        take_image(run, played, place)
        while events and (events[0].trigger or 0) <= played.trigger[place]:
            run.events.add(events.popleft())
        if place % 50 == 49:
            look(pump, run)
            told.append(pump.missed)
    for event in events:
        run.events.add(event)
    for _ in range(2):
        look(pump, run)
    return [*told, pump.missed]


@pytest.mark.parametrize("triggers", [400, 2500])
@pytest.mark.parametrize("laser", [True, False])
@pytest.mark.parametrize("rows", [True, False])
def test_missed_triggers_are_told_up_to_now(
    triggers: int, laser: bool, rows: bool
) -> None:
    """Not only to the last settled block, and without a laser as well."""
    played = play(
        chains(triggers, laser=laser),
        triggers,
        Faults(missed=0.02, lost=0.01),
        seed=7,
        rows=rows,
    )
    told = missed_so_far(played)
    truth = (played.trigger - played.image_id).tolist()
    assert told[-1] == truth[-1] > 3
    known = [n for n in told if n is not None]
    assert len(known) >= len(told) // 2
    assert sorted(known) == known
    assert all(n <= truth[-1] for n in known)
    middle = told[len(told) // 2]
    assert middle is not None
    assert middle > 0


@settings(max_examples=examples(8))
@given(st.integers(0, 10**6), st.booleans(), st.booleans())
def test_what_is_told_is_true(seed: int, laser: bool, rows: bool) -> None:
    faults = Faults(missed=0.03, lost=0.02, skew=80, jitter=3e-6)
    played = play(chains(300, laser=laser), 300, faults, seed=seed, rows=rows)
    possible = {None, *(played.trigger - played.image_id).tolist()}
    assert set(missed_so_far(played)) <= possible


def test_without_times_nobody_can_tell() -> None:
    run = builders.new_run(announcement=collection("u"))
    for n in range(50):
        run.images.receive(n, None)
    pump = PumpCounts()
    look(pump, run)
    assert pump.missed is None


def test_a_laser_that_is_seen_late_labels_all_images_anew() -> None:
    played = play(chains(2500, laser=True), 2500, Faults())
    run, pump = new_run(played), PumpCounts()
    run.announcement = collection("u")
    lasers = [e for e in played.events if e.type is EventType.LASER_EXCITATION]
    for event in played.events:
        if event.type is not EventType.LASER_EXCITATION:
            run.events.add(event)
    for place in range(played.image_id.size):
        take_image(run, played, place)
    for _ in range(2):
        look(pump, run)
    assert not pump.declared
    assert pump.timeline.labels.size > 0
    for event in lasers:
        run.events.add(event)
    for _ in range(2):
        look(pump, run)
    assert pump.declared
    assert int(pump.of(1)[0]) == int((played.pump == 1).sum())
