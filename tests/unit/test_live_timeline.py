"""A long run that goes on is labelled block by block, and a label once given stays."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.runs.timeline.live_timeline import REORDER, LiveTimeline
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


def test_numbers_that_begin_anew_are_not_followed() -> None:
    played = play(pump_probe(RATE_HZ, 64), 64, Faults())
    run = new_run(played)
    for event in played.events:
        shifted = 10**6 + (event.trigger or 0)
        run.events.add(replace(event, trigger=shifted, uid=f"{event.uid}-early"))
    for event in played.events:
        run.events.add(event)
    assert not LiveTimeline.serves(run)
