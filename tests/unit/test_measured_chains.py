"""Chains as measured, held against the commanded ones, in either dialect."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.records import Chain, ChainEvent, EventType, RunState, RunStatus
from recorder.runs.timeline.measurement import measure
from recorder.runs.timeline.of_run import timeline_of
from recorder.simulate.timing.faults import Faults, parse_faults
from recorder.ssx.chains.declared import parse_chains
from recorder.ssx.chains.scopes import (
    COLLECTION,
    POSITION,
    PositionSequence,
    in_scope,
    to_collection,
    to_position,
)
from recorder.ssx.measured.audit import audit, summary
from recorder.ssx.measured.pulse_trains import find_trains
from tests.builders import EXAMPLE_CHAINS, stand_in
from tests.played import play, pump_probe, recorded

LASER, XRAY = EventType.LASER_EXCITATION, EventType.XRAY_DETECTION


def ns(times) -> np.ndarray:
    return np.sort(np.rint(np.asarray(times) * 1e9).astype(np.int64))


@given(
    st.floats(1e-4, 1.0),
    st.integers(20, 2000),
    st.floats(0, 0.2),
    st.integers(0, 10**6),
)
def test_one_train_with_gaps_is_one_train(period, n, dropped, seed):
    rng = np.random.default_rng(seed)
    keep = rng.random(n) >= dropped
    keep[:10] = True
    times = np.arange(n)[keep] * period + rng.normal(0, 1e-7, keep.sum())
    (train,) = find_trains(ns(times))
    last = int(np.flatnonzero(keep)[-1])
    assert (train.count, train.seen) == (last + 1, keep.sum())
    assert train.period_ns == pytest.approx(period * 1e9, rel=1e-3 / n**0.5)


def test_two_lasers_with_two_delays_are_two_trains():
    k = np.arange(500)
    first, second = find_trains(ns([*(k * 0.02), *(k * 0.02 + 0.0113)]))
    assert (first.count, second.count) == (500, 500)
    assert second.first_ns - first.first_ns == pytest.approx(0.0113e9, abs=1)


def test_no_order_is_said_to_be_none():
    times = np.cumsum(np.random.default_rng(2).random(300) + 0.1)
    assert find_trains(ns(times))[-1].irregular


def measured_events(run):
    found = measure(run, timeline_of(run))
    return found, [event for chain in found.chains for event in chain.events]


def seed_chains():
    chains = [dict(chain) for chain in EXAMPLE_CHAINS]
    chains[0]["events"] = [{**e, "repetition": 500} for e in chains[0]["events"]]
    chains[1]["events"] = [
        {"type": "ReactionTrigger", "name": "mixed a", "offset": -50},
        {"type": "ReactionTrigger", "name": "mixed b", "offset": -50},
        {"type": "ReactionTrigger", "name": "mixed c", "offset": 0},
    ]
    return chains


def test_the_seeds_example_comes_back_as_its_six_events():
    faults = parse_faults("lost=0.01,missed=0.01,skew=120,jitter=3e-6")
    run = recorded(play(seed_chains(), 1000, faults))
    found, events = measured_events(run)
    declared = [e for chain in run.chains for e in chain.events]
    assert len(events) == 6
    for event, wanted in zip(events, declared, strict=True):
        assert event.type is wanted.type
        assert event.offset == pytest.approx(wanted.offset, abs=1e-6)
        assert event.name == wanted.name
        if wanted.period:
            assert event.period == pytest.approx(1.0, abs=1e-7)
            assert event.repetition == wanted.repetition == event.seen
            assert event.duration == pytest.approx(wanted.duration)
    assert {v.state for v in found.verdicts} == {"ok"}
    assert summary(found.verdicts) == "6 events as commanded"


@pytest.mark.slow
def test_period_and_delay_are_as_exact_as_asked():
    faults = parse_faults("lost=0.001,missed=0.001,jitter=3e-6,skew=50")
    run = recorded(play(pump_probe(925.0, 100_000), 100_000, faults))
    laser, xray = measured_events(run)[1]
    assert xray.period == pytest.approx(1 / 925, rel=1e-7)
    assert xray.offset - laser.offset == pytest.approx(3e-4, abs=1e-6)


def audited(change, spec: str = "lost=0.01"):
    """A run that did something else than was commanded."""
    played = play(pump_probe(100.0, 1000), 1000, parse_faults(spec))
    commanded = [dict(chain) for chain in played.chains]
    commanded[0] = {**commanded[0], "events": change(commanded[0]["events"])}
    run = recorded(replace(played, chains=commanded))
    return {v.type: v for v in measure(run, timeline_of(run)).verdicts}


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        (lambda e: [{**e[0], "offset": 6e-4}, e[1]], LASER, "wrong sign of the delay"),
        (lambda e: [{**e[0], "offset": 1e-4}, e[1]], LASER, "delay off by 100"),
        (lambda e: [e[0], {**e[1], "period": 0.01002}], XRAY, "period off by"),
        (
            lambda e: [e[0], {**e[1], "repetition": 1200}],
            XRAY,
            "came 1000 times of 1200",
        ),
        (lambda e: [e[0], {**e[1], "duration": 1e-3}], XRAY, "lasted 100 us"),
        (lambda e: [e[1]], LASER, "not commanded"),
    ],
)
def test_the_audit_names_what_differs(change, kind, said):
    verdict = audited(change)[kind]
    assert verdict.state in ("differs", "extra")
    assert any(said in finding for finding in verdict.findings), verdict


@pytest.mark.parametrize(
    ("commanded", "over", "going_on"),
    [
        (1200, "came 1000 times of 1200", None),
        (900, "came 1000 times of 900", "came 1000 times of 900"),
    ],
)
def test_what_did_not_come_yet_is_not_missing(commanded, over, going_on):
    played = play(pump_probe(100.0, 1000), 1000, parse_faults("skew=1"))
    chains = [dict(chain) for chain in played.chains]
    laser, xray = chains[0]["events"]
    chains[0] = {**chains[0], "events": [laser, {**xray, "repetition": commanded}]}
    run = recorded(replace(played, chains=chains))
    for state, said in ((RunState.OPEN, going_on), (RunState.SEALED, over)):
        run.state = state
        found = {v.type: v for v in measure(run, timeline_of(run)).verdicts}[XRAY]
        assert found.findings == (() if said is None else (said,))


def test_misfires_and_extra_shots_are_counted():
    played = play(
        pump_probe(100.0, 2000), 2000, parse_faults("misfire=0.05,extra_shot=0.01")
    )
    run = recorded(played)
    fired = int(played.plan.fired[played.plan.commanded].sum())
    verdicts = measure(run, timeline_of(run)).verdicts
    laser = next(v for v in verdicts if v.type is LASER and v.state != "extra")
    assert laser.findings == (f"fired {fired} times of 1000",)
    extra = [v for v in verdicts if v.state == "extra"]
    assert sum(v.fired or 0 for v in extra) == int((~played.plan.commanded).sum())
    kinds = timeline_of(run).contradictions
    assert set(kinds) == {
        "measured dark, declared light",
        "measured light, declared dark",
    }


def test_positions_are_measured_from_their_own_start():
    chains = [
        {
            "name": "p",
            "scope": "position",
            "events": [
                {
                    "type": "LaserExcitation",
                    "name": "pump",
                    "offset": -0.001,
                    "duration": 1e-6,
                },
                {
                    "type": "XrayDetection",
                    "offset": 0.0,
                    "duration": 1e-3,
                    "period": 0.004,
                    "repetition": 5,
                },
            ],
        }
    ]
    run = recorded(play(chains, 1000, Faults(lost=0.01, jitter=1e-6), gap_s=0.05))
    found, (laser, xray) = measured_events(run)
    assert (laser.offset, xray.offset) == (pytest.approx(-0.001, abs=1e-6), 0.0)
    assert xray.period == pytest.approx(0.004, abs=1e-6)
    assert (xray.repetition, xray.seen, laser.seen) == (5, 1000, 200)
    assert {v.state for v in found.verdicts} == {"ok"}
    assert found.sequence.positions == 200


def test_without_rows_the_images_are_the_detections_and_nothing_else_is_claimed():
    run = recorded(play(pump_probe(100.0, 500), 500, Faults(lost=0.02), rows=False))
    found, (xray,) = measured_events(run)
    assert xray.period == pytest.approx(0.01, rel=1e-6)
    by_type = {v.type: v.state for v in found.verdicts}
    assert by_type == {XRAY: "ok", LASER: "unseen"}


def test_an_unannounced_run_gets_the_chain_that_was_seen():
    run = recorded(play(pump_probe(100.0, 600), 600, Faults()))
    run.announcement = stand_in()
    run.status = RunStatus.SUCCESS
    (chain,) = measure(run, timeline_of(run)).chains
    assert chain.name == "Detections"
    assert [e.type for e in chain.events] == [LASER, XRAY]


# -- dialects ------------------------------------------------------------


def test_a_position_is_unrolled_over_the_run():
    events = (
        ChainEvent(LASER, -0.001, "pump", 1e-6),
        ChainEvent(XRAY, 0.0, None, 1e-3, 0.004, 3),
    )
    found = to_collection(events, PositionSequence(200, 0.05))
    assert [(e.offset, e.period, e.repetition) for e in found] == [
        (-0.001, 0.05, 200),
        (0.0, 0.05, 200),
        (0.004, 0.05, 200),
        (0.008, 0.05, 200),
    ]


def test_a_run_is_folded_to_shots_per_position():
    """What zocalo sums must be shots, not images: 2 here, not 20 000."""
    (chain, _) = parse_chains({"event_chains": EXAMPLE_CHAINS})
    found = to_position(chain.events, PositionSequence(10_000, 1.0))
    shots = [e.repetition for e in found if e.type is XRAY]
    assert sum(shots) == 2
    assert [e.offset for e in found] == [pytest.approx(-0.6), 0.0, pytest.approx(0.2)]
    assert all(e.repetition is not None for e in found)
    even = (ChainEvent(XRAY, 0.0, None, None, 0.01, 1000),)
    (shot,) = to_position(even, PositionSequence(250, 0.04))
    assert (shot.period, shot.repetition) == (0.01, 4)


@given(st.integers(1, 5), st.integers(1, 10_000), st.floats(1e-3, 10))
def test_there_and_back_is_the_same_number_of_shots(shots, positions, gap):
    one = (ChainEvent(XRAY, 0.0, None, None, gap / 20 if shots > 1 else None, shots),)
    walk = PositionSequence(positions, gap)
    there = in_scope(one, POSITION, COLLECTION, walk)
    assert sum(e.repetition or 0 for e in there) == shots * positions
    back = in_scope(there, COLLECTION, POSITION, walk)
    assert sum(e.repetition or 0 for e in back) == shots
    assert in_scope(one, POSITION, POSITION, walk) == one


def test_nothing_seen_is_no_verdict():
    chains = (Chain("c", "collection", (ChainEvent(XRAY, 0.0),)),)
    (verdict,) = audit(chains, ())
    assert verdict.state == "unseen"
    assert summary((verdict,)) == "no event was measured"
