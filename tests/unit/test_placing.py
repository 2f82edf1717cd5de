"""Which trigger made which image, under faults, against the simulator's truth."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.journal import Journal
from recorder.journal.event_json import event_to_json
from recorder.journal.records import NewRecord
from recorder.journal.restore import load_run
from recorder.journal.run_record import run_record
from recorder.records import Evidence, RunState
from recorder.runs.ledger import ledger_of
from recorder.runs.timeline import of_run
from recorder.runs.timeline.live_timeline import LiveTimeline
from recorder.runs.timeline.of_run import timeline_of
from recorder.simulate.timing.faults import Faults, parse_faults
from recorder.ssx.labels.timeline import EVIDENCES, Start
from tests.builders import ledger_now, outcome
from tests.laws import examples
from tests.played import (
    Played,
    finish,
    new_run,
    play,
    pump_probe,
    recorded,
    take_image,
)

FAULTS = {
    "none": "",
    "losses": "lost=0.01,missed=0.01,skew=200,drift=20",
    "bursts of lost": "lost=0.001,missed=0.001,lost_bursts=3:0.5",
    "bursts of missed": "lost=0.001,missed=0.001,missed_bursts=3:0.5",
    "head": "missed_head=3,lost=0.01",
    "joined late": "join_late=400,missed=0.01",
    "step": "step=1.5:0.0007,lost=0.001,missed=0.001",
    "step back": "step=1.5:-0.0203,lost=0.001",
    "whole periods": "step=1.5:0.01,lost=0.001,jitter=3e-6",
    "misfires": "misfire=0.05,extra_shot=0.01,lost=0.01",
    "counter": "counter_bits=16,lost=0.01,missed=0.01",
}


def wrong(run, played: Played) -> int:
    labels = timeline_of(run).labels
    known = labels.pump != 0
    return int((labels.pump != played.pump)[known].sum())


@pytest.mark.slow
@pytest.mark.parametrize("spec", FAULTS.values(), ids=FAULTS)
def test_captured_triggers_leave_nothing_unknown(spec):
    played = play(pump_probe(1000.0, 4000), 4000, parse_faults(spec))
    run = recorded(played)
    timeline = timeline_of(run)
    assert wrong(run, played) == 0
    assert (timeline.labels.pump == 0).mean() <= 0.02
    assert timeline.assignment.start is Start.PROVEN
    ledger = ledger_of(run, timeline)
    assert ledger.closed, ledger.differences()
    assert (ledger.missed, ledger.lost) == (played.missed, played.lost)


@pytest.mark.parametrize("spec", FAULTS.values(), ids=FAULTS)
def test_chains_and_times_alone_are_never_wrong(spec):
    played = play(pump_probe(1000.0, 4000), 4000, parse_faults(spec), rows=False)
    if "misfire" not in spec:  # which only a sensor can tell
        assert wrong(recorded(played), played) == 0


def test_clock_is_the_evidence_where_no_row_is():
    played = play(pump_probe(100.0, 1000), 1000, parse_faults("lost=0.01"), rows=False)
    labels = timeline_of(recorded(played)).labels
    assert {EVIDENCES[e] for e in labels.evidence} == {Evidence.CLOCK}


def test_a_missed_first_trigger_without_rows_is_unknown():
    played = play(
        pump_probe(100.0, 500), 500, parse_faults("missed_head=1"), rows=False
    )
    timeline = timeline_of(recorded(played))
    assert timeline.assignment.start is Start.UNCERTAIN
    assert not timeline.labels.pump.any()


def test_uneven_positions_are_matched_by_their_spacing():
    chains = [
        {
            "name": "p",
            "scope": "position",
            "events": [
                {"type": "XrayDetection", "offset": 0.0},
                {"type": "LaserExcitation", "offset": 0.001},
                {
                    "type": "XrayDetection",
                    "offset": 0.002,
                    "period": 0.002,
                    "repetition": 3,
                },
            ],
        }
    ]
    faults = parse_faults("lost=0.02,missed=0.02,missed_head=2,own_jitter,skew=150")
    played = play(chains, 2000, faults, gap_s=0.02)
    run = recorded(played, told=False)
    assert wrong(run, played) == 0
    assert (timeline_of(run).labels.pump == 0).mean() < 0.01
    known = timeline_of(run).labels.ordinal >= 0
    assert (timeline_of(run).labels.ordinal == played.trigger)[known].all()
    assert (timeline_of(run).labels.cycle == played.trigger // 4)[known].all()


def test_rows_that_got_lost_cost_the_grade_and_not_the_label():
    played = play(pump_probe(1000.0, 4000), 4000, parse_faults("missed=0.01"))
    gone = range(1500, 2500)
    kept = [e for e in played.events if e.trigger not in gone]
    run = recorded(replace(played, events=kept))
    labels = timeline_of(run).labels
    assert wrong(run, played) == 0
    inside = (played.trigger > 1500) & (played.trigger < 2499)
    grades = {EVIDENCES[e] for e in labels.evidence[inside]}
    assert grades <= {Evidence.CLOCK, Evidence.NONE}


def test_an_image_without_a_time_has_the_trigger_between_its_neighbours():
    played = play(pump_probe(100.0, 200), 200, Faults())
    run = new_run(played)
    for event in played.events:
        run.events.add(event)
    for place in range(200):
        start = None if place == 77 else int(played.start_ns[place])
        run.images.receive(place, start)
    labels = timeline_of(finish(run, played)).labels
    assert labels.ordinal.tolist() == list(range(200))


def test_impossible_times_label_nothing_and_cost_no_other_image():
    played = play(pump_probe(100.0, 400), 400, parse_faults("missed=0.02"))
    times = played.start_ns.copy()
    times[100:103] = [5, -(10**17), 10**17]
    run = recorded(replace(played, start_ns=times))
    assert wrong(run, played) == 0
    assert (timeline_of(run).labels.pump == 0).sum() <= 3


SMALL = st.tuples(
    st.sampled_from([0.0, 0.01, 0.1]),
    st.sampled_from([0.0, 0.01, 0.1]),
    st.floats(-200, 200),
    st.integers(1, 10),
    st.integers(0, 10**6),
)


def small(drawn) -> Played:
    lost, missed, skew, every, seed = drawn
    faults = Faults(lost=lost, missed=missed, skew=skew)
    return play(pump_probe(500.0, 300, every), 300, faults, seed=seed)


@pytest.mark.slow
@settings(max_examples=examples(25))
@given(SMALL, st.integers(0, 10**6))
def test_order_and_repetition_do_not_matter(drawn, seed):
    played = small(drawn)
    straight = recorded(played)
    mixed = new_run(played)
    work = [("image", n) for n in range(played.image_id.size)] * 2
    work += [("event", n) for n in range(len(played.events))] * 2
    for place in np.random.default_rng(seed).permutation(len(work)).tolist():
        kind, n = work[place]
        if kind == "image":
            take_image(mixed, played, n)
        else:
            mixed.events.add(played.events[n])
    same(finish(mixed, played), straight)
    assert wrong(straight, played) == 0
    assert ledger_now(straight).closed


def same(one, other) -> None:
    a, b = timeline_of(one).labels, timeline_of(other).labels
    for name in a.__slots__:
        assert np.array_equal(getattr(a, name), getattr(b, name)), name
    assert ledger_now(one) == ledger_now(other)


@settings(max_examples=examples(10))
@given(SMALL, st.floats(0, 1))
def test_restart_equals_no_restart(tmp_path_factory, drawn, share):
    """A run that is rebuilt from the journal in its middle ends as another one."""
    played = small(drawn)
    journal = Journal(tmp_path_factory.mktemp("journal") / "journal.sqlite")
    try:
        split = round(share * played.image_id.size)
        early = round(share * len(played.events))
        run = new_run(played)
        run.folder = "f"
        first = zip(played.image_id[:split], played.start_ns[:split], strict=True)
        rows = [
            ("u", outcome(int(n), start_ns=int(ns), stop_ns=int(ns) + 100_000))
            for n, ns in first
        ]
        records = [NewRecord("run", "u", run_record(run, "opened"), 0)]
        records += [
            NewRecord("event", "u", event_to_json(e), 0) for e in played.events[:early]
        ]
        journal.write(records, rows)
        again = load_run(journal, "u")
    finally:
        journal.close()
    assert again is not None
    for event in played.events[early // 2 :]:
        again.events.add(event)
    for place in range(split, played.image_id.size):
        take_image(again, played, place)
    same(finish(again, played), recorded(played))


@pytest.mark.slow
@settings(max_examples=examples(6), deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_online_equals_batch(seed, rows):
    faults = Faults(lost=0.01, missed=0.01, skew=80, jitter=3e-6)
    played = play(pump_probe(925.0, 6000), 6000, faults, seed=seed, rows=rows)
    run = new_run(played)
    before, of_run.LONG_RUN = of_run.LONG_RUN, 1000
    follower = LiveTimeline()
    try:
        at = 0
        for place in range(played.image_id.size):
            while at < len(played.events) and (
                (played.events[at].trigger or 0) <= played.trigger[place]
            ):
                run.events.add(played.events[at])
                at += 1
            take_image(run, played, place)
            if place % 500 == 499:
                timeline_of(run, follower)
        live = timeline_of(run, follower).labels
    finally:
        of_run.LONG_RUN = before
    for event in played.events[at:]:
        run.events.add(event)
    final = timeline_of(finish(run, played)).labels
    settled = live.pump != 0
    assert settled.mean() > 0.5
    for name in ("pump", "ordinal", "dark_n", "delay_ns", "slot", "chain", "cycle"):
        live_, final_ = getattr(live, name), getattr(final, name)
        assert np.array_equal(live_[settled], final_[settled]), name
    assert wrong(run, played) == 0


def test_an_open_run_says_that_its_start_is_assumed():
    played = play(pump_probe(100.0, 300), 300, Faults(jitter=0.0), rows=False)
    run = new_run(played)
    for place in range(100):
        take_image(run, played, place)
    timeline = timeline_of(run)
    assert timeline.assignment.start is Start.ASSUMED
    assert {EVIDENCES[e] for e in timeline.labels.evidence} == {Evidence.IMAGE_ID}
    assert run.state is RunState.OPEN
    assert json.dumps(ledger_now(run).differences()) == "[]"


GAPS = st.sampled_from([0, 1, 10**6, 999_000, 1_003_000, 1_400_000, 10**9, -(10**6)])


@pytest.mark.slow
@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.tuples(GAPS, st.integers(1, 30)), min_size=1, max_size=30))
def test_whatever_the_times_are_an_answer_comes(pieces):
    """Images whose times follow nothing, against even triggers: no hang, no crash."""
    steps = np.concatenate([np.full(n, gap) for gap, n in pieces]).astype(np.int64)
    played = play(pump_probe(1000.0, 400), 400, Faults())
    count = min(400, steps.size)
    start_ns = played.start_ns[:count] + np.cumsum(steps)[:count]
    odd = replace(
        played,
        image_id=played.image_id[:count],
        start_ns=start_ns,
        trigger=played.trigger[:count],
    )
    labels = timeline_of(recorded(odd)).labels
    assert labels.pump.size == count
