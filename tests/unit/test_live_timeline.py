"""A long run that goes on is labelled block by block, and a label once given stays."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.records import RunState
from recorder.reports.run_report import run_report
from recorder.runs.timeline.live_timeline import REORDER, LiveTimeline
from recorder.runs.timeline.of_run import is_long
from recorder.simulate.timing.faults import Faults
from recorder.ssx.labels.timeline import UNKNOWN, Timeline
from recorder.ssx.matching.assignment import BLOCK
from tests.laws import examples
from tests.played import Played, new_run, play, pump_probe, take_image

RATE_HZ = 925.0
TRIGGERS = 4096
STEP = 64
LABELS = ("pump", "evidence", "dark_n", "delay_ns", "ordinal")


def follow(played: Played, every: int) -> list[Timeline]:
    """What is known after each so many images; the rows of the triggers come early."""
    run, live, found = new_run(played), LiveTimeline(), []
    for event in played.events:
        run.events.add(event)
    for place in range(played.image_id.size):
        take_image(run, played, place)
        if place % every == every - 1:
            found.append(live.update(run))
    return found


@settings(max_examples=examples(5))
@given(st.integers(0, 10**6), st.sampled_from([64, 300, 1500]))
def test_a_label_once_given_stays_and_is_true(seed: int, every: int) -> None:
    faults = Faults(lost=0.01, missed=0.01, skew=80, jitter=3e-6)
    played = play(pump_probe(RATE_HZ, TRIGGERS), TRIGGERS, faults, seed=seed)
    history = follow(played, every)
    for before, after in itertools.pairwise(history):
        known = np.flatnonzero(before.labels.pump != UNKNOWN)
        for name in LABELS:
            old = getattr(before.labels, name)[known]
            assert np.array_equal(old, getattr(after.labels, name)[known]), name
    last = history[-1].labels.pump
    known = last != UNKNOWN
    assert known.mean() > 0.4
    assert np.array_equal(last[known], played.pump[: last.size][known])


def test_blocks_are_settled_once_late_images_had_their_time() -> None:
    played = play(pump_probe(RATE_HZ, TRIGGERS), TRIGGERS, Faults())
    known = [
        int((timeline.labels.pump != UNKNOWN).sum())
        for timeline in follow(played, STEP)
    ]
    assert sorted(known) == known
    assert known[-1] > TRIGGERS / 2
    grown = [n for n in range(1, len(known)) if known[n] > known[n - 1]]
    received = [(n + 1) * STEP for n in grown]
    assert [(count - REORDER) % BLOCK for count in received] == [0] * len(grown)
    assert all(
        known[n] <= count - REORDER for n, count in zip(grown, received, strict=True)
    )


def test_nothing_is_settled_before_the_rows_of_the_triggers_are_there() -> None:
    played = play(pump_probe(RATE_HZ, TRIGGERS), TRIGGERS, Faults())
    few = replace(played, events=[e for e in played.events if (e.trigger or 0) < BLOCK])
    assert len(few.events) > 0
    for timeline in follow(few, 1000):
        assert (timeline.labels.pump == UNKNOWN).all()


@pytest.mark.parametrize(
    ("chains", "rows", "served"),
    [
        (pump_probe(RATE_HZ, 64), True, True),
        (pump_probe(RATE_HZ, 64), False, True),
        ([], False, False),
    ],
)
def test_it_serves_runs_whose_triggers_have_times(
    chains: list[dict[str, Any]], rows: bool, served: bool
) -> None:
    """Captured ones, or declared ones."""
    played = play(pump_probe(RATE_HZ, 64), 64, Faults(), rows=rows)
    run = new_run(replace(played, chains=chains))
    for event in played.events:
        run.events.add(event)
    assert LiveTimeline.serves(run) is served


@settings(max_examples=5)
@given(
    st.integers(0, 10**6),
    st.sampled_from([10.0, 100.0, RATE_HZ]),
    st.booleans(),
    st.sampled_from(
        [
            Faults(),
            Faults(lost=0.02, missed=0.01, skew=80, jitter=3e-6),
            Faults(missed_head=2, lost=0.02),
            Faults(late=0.2, repeat=0.2, misfire=0.05),
        ]
    ),
)
def test_what_is_told_ahead_is_true_and_within_a_second(
    seed: int, rate_hz: float, rows: bool, faults: Faults
) -> None:
    """Rows come with the images; each half second somebody looks."""
    misfires_unseen = faults.misfire and not rows
    triggers = int(min(2500, 90 * rate_hz))
    played = play(
        pump_probe(rate_hz, triggers, delay=0.3 / rate_hz),
        triggers,
        faults,
        seed=seed,
        rows=rows,
    )
    run, live, alone = new_run(played), LiveTimeline(), LiveTimeline()
    events = deque(played.events)
    step = int(rate_hz / 2)
    told: dict[int, int] = {}
    behind = []
    for place in range(played.image_id.size):
        take_image(run, played, place)
        while events and (events[0].trigger or 0) <= played.trigger[place]:
            run.events.add(events.popleft())
        if place % step != step - 1:
            continue
        live.settle(run)
        found = live.ahead(run)
        pump = found.columns["pump"]
        told |= dict(
            zip(found.ids[found.told].tolist(), pump[found.told].tolist(), strict=True)
        )
        last = int(found.ids[found.told].max(initial=live.labels.size - 1))
        behind.append((run.images.size - 1 - last) / rate_hz)
    truth = dict(zip(played.image_id.tolist(), played.pump.tolist(), strict=True))
    if not misfires_unseen:
        assert {n: truth[n] for n in told} == told
    assert np.quantile(behind[len(behind) // 4 :], 0.9) <= 1.1
    # what is settled does not depend on who looked ahead
    alone.settle(run)
    live.settle(run)
    size = alone.labels.size
    assert live.labels.size == size
    for name in LABELS:
        assert np.array_equal(live.labels.view(name), alone.labels.view(name)), name


def test_nothing_is_told_ahead_of_its_row() -> None:
    """A laser pulse may come a little later than the X-ray row of its trigger."""
    played = play(pump_probe(100.0, 300), 300, Faults())
    run, live = new_run(played), LiveTimeline()
    for event in played.events:
        if (event.trigger or 0) < 200:
            run.events.add(event)
    for place in range(300):
        take_image(run, played, place)
    live.settle(run)
    assert not live.ahead(run).told.any(), "these rows are new"
    found = live.ahead(run)
    assert found.columns["ordinal"][found.told].max() <= 199
    assert found.told.sum() > 150


def test_the_chains_of_a_long_run_are_measured_while_it_goes_on() -> None:
    triggers = 24_000
    played = play(pump_probe(RATE_HZ, triggers), triggers, Faults(missed=0.001))
    run, live = new_run(played), LiveTimeline()
    run.state = RunState.OPEN
    for event in played.events:
        run.events.add(event)
    for place in range(played.image_id.size):
        take_image(run, played, place)
    assert is_long(run)
    known, whole = run_report(run, live), run_report(run)
    assert known.event_chains[0].measured
    assert known.event_chains == whole.event_chains
    assert known.timeline.walk == whole.timeline.walk


def test_other_chains_begin_anew() -> None:
    played = play(pump_probe(RATE_HZ, TRIGGERS), TRIGGERS, Faults(), rows=False)
    run = new_run(replace(played, chains=pump_probe(RATE_HZ, TRIGGERS, 3)))
    live = LiveTimeline()
    for place in range(played.image_id.size):
        take_image(run, played, place)
    live.settle(run)
    begun = live.begun
    live.settle(run)
    assert live.begun == begun
    run.announcement = new_run(played).announcement
    live.settle(run)
    assert live.begun == begun + 1
    pump = live.labels.view("pump")
    assert np.array_equal(pump, played.pump[: pump.size])


def test_numbers_that_begin_anew_are_not_followed() -> None:
    played = play(pump_probe(RATE_HZ, 64), 64, Faults())
    run = new_run(played)
    for event in played.events:
        shifted = 10**6 + (event.trigger or 0)
        run.events.add(replace(event, trigger=shifted, uid=f"{event.uid}-early"))
    for event in played.events:
        run.events.add(event)
    assert not LiveTimeline.serves(run)
