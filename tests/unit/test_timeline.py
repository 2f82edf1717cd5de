"""Labels: what the chains say, what the timing hardware says, what nobody knows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.records import Evidence, Pump
from recorder.reports.statistics import delay_bins, delay_clusters, median_cell
from recorder.ssx.alarms.wilson import wilson
from recorder.ssx.chains.declared import chain_problems, parse_chains
from recorder.ssx.chains.pattern import pattern
from recorder.ssx.clocks.unknown import NO_DELAY
from recorder.ssx.labels.timeline import (
    EVIDENCES,
    PUMPS,
    CapturedTriggers,
    Facts,
    Start,
    label_images,
)
from tests.builders import EXAMPLE_CHAINS

MS = 10**6


def chains(*events: tuple, scope: str = "collection"):
    names = ("type", "offset", "period", "repetition")
    return parse_chains(
        {
            "event_chains": [
                {
                    "name": "c",
                    "scope": scope,
                    "events": [dict(zip(names, e, strict=True)) for e in events],
                }
            ]
        }
    )


def pumps(labels) -> str:
    return "".join(
        {"light": "L", "dark": "D", "unknown": "?"}[PUMPS[p]] for p in labels.pump
    )


def evidence(labels) -> set[str]:
    return {EVIDENCES[e] for e in labels.evidence}


def labelled(ids, event_chains=(), logged=None, start_ns=None, **known):
    return timeline_of(ids, event_chains, logged, start_ns, **known).labels


def timeline_of(ids, event_chains=(), logged=None, start_ns=None, **known):
    return label_images(
        np.asarray(ids, np.int64),
        event_chains,
        logged or CapturedTriggers(),
        facts=Facts(**known),
        start_ns=start_ns,
    )


def declared(event_chains, n: int = 8, announced: bool = True):
    return labelled(np.arange(n), event_chains, announced=announced)


def test_the_example_of_the_messages_gives_two_light_slots():
    labels = declared(parse_chains({"event_chains": EXAMPLE_CHAINS}), 6)
    assert pumps(labels) == "LLLLLL"
    assert labels.delay_ns.tolist() == [600 * MS, 800 * MS] * 3
    assert labels.slot.tolist() == [0, 1] * 3
    assert evidence(labels) == {Evidence.IMAGE_ID}


@pytest.mark.parametrize(
    ("every", "expected"),
    [(1, "LLLLLLLL"), (2, "LDLDLDLD"), (3, "LDDLDDLD"), (10, "LDDDDDDD")],
)
def test_interleaved_light_and_dark(every: int, expected: str):
    labels = declared(
        chains(
            ("LaserExcitation", 0.0, 0.01 * every, 8), ("XrayDetection", 0.002, 0.01, 8)
        )
    )
    assert pumps(labels) == expected
    assert labels.dark_n.tolist() == [n % every for n in range(8)]
    assert set(labels.delay_ns[labels.pump == 1].tolist()) == {2 * MS}


def test_images_beyond_the_chain_are_unknown():
    labels = declared(
        chains(("LaserExcitation", 0, 0.02, 2), ("XrayDetection", 0.001, 0.01, 4))
    )
    assert pumps(labels) == "LDLD????"
    assert evidence(labels) == {Evidence.IMAGE_ID, Evidence.NONE}


def test_position_scope_repeats_for_every_position():
    labels = declared(
        chains(
            ("LaserExcitation", -0.01, None, 1),
            ("XrayDetection", 0.0, 0.02, 4),
            scope="position",
        )
    )
    assert pumps(labels) == "LDDDLDDD"
    assert labels.delay_ns[0] == 10 * MS


def test_announced_without_laser_is_all_dark():
    labels = declared(chains(("XrayDetection", 0.0, 0.01, 8)))
    assert pumps(labels) == "D" * 8
    assert evidence(labels) == {Evidence.COMMANDED}
    assert pumps(declared(())) == "D" * 8


def test_unannounced_is_all_unknown():
    labels = declared((), announced=False)
    assert pumps(labels) == "?" * 8
    assert evidence(labels) == {Evidence.NONE}


def rows(laser, xray=(), measured=False) -> CapturedTriggers:
    laser, xray = np.array(laser, np.int64), np.array(xray, np.int64)
    return CapturedTriggers(
        laser=laser,
        laser_ns=laser * 10 * MS,
        laser_measured=np.full(laser.size, measured),
        xray=xray,
        xray_ns=xray * 10 * MS + 3 * MS,
        same_clock=True,
        clock="panda-1",
    )


def test_captured_rows_overrule_the_chain_and_the_difference_is_counted():
    event_chains = chains(
        ("LaserExcitation", 0.0, 0.02, 4), ("XrayDetection", 0.003, 0.01, 8)
    )
    timeline = timeline_of(np.arange(8), event_chains, rows([0, 2, 6], range(8)))
    labels = timeline.labels
    assert pumps(labels) == "LDLDDDLD"
    assert timeline.contradictions == {"captured dark, declared light": 1}
    assert labels.dark_n.tolist() == [0, 1, 0, 1, 2, 3, 0, 1]
    assert evidence(labels) == {Evidence.CAPTURED}
    assert set(labels.delay_ns[labels.pump == 1].tolist()) == {3 * MS}


def test_measured_is_the_better_grade():
    labels = labelled(np.arange(4), (), rows([0, 2], range(4), measured=True))
    assert [EVIDENCES[e] for e in labels.evidence] == [Evidence.MEASURED] * 3 + [
        Evidence.CAPTURED  # no later pulse shows that the sensor was still looking
    ]


def test_beyond_the_captured_rows_the_chain_speaks():
    event_chains = chains(
        ("LaserExcitation", 0.0, 0.02, 4), ("XrayDetection", 0.003, 0.01, 8)
    )
    labels = labelled(np.arange(8), event_chains, rows([0, 2]))
    assert pumps(labels) == "LDLDLDLD"
    assert [EVIDENCES[e] for e in labels.evidence[[0, 7]]] == [
        Evidence.CAPTURED,
        Evidence.IMAGE_ID,
    ]
    without = labelled(np.arange(4), (), rows([0, 2]))
    assert pumps(without) == "LDL?"


def test_hardware_counter_may_start_anywhere():
    labels = labelled(np.arange(4), (), rows([500, 502], range(500, 504)))
    assert pumps(labels) == "LDLD"


def test_start_times_place_images_after_a_missed_trigger():
    """The third trigger made no image; the count of all of them closes."""
    times = np.array([0, 1, 3, 4, 5, 6]) * 10 * MS
    timeline = timeline_of(range(6), (), rows([0, 2, 4, 6], range(7)), times)
    assert timeline.labels.ordinal.tolist() == [0, 1, 3, 4, 5, 6]
    assert pumps(timeline.labels) == "LDDLDL"
    assert (timeline.assignment.missed, timeline.assignment.start) == (1, Start.PROVEN)


def test_without_proof_of_the_start_nothing_is_claimed():
    """One trigger has no image, at the head or at the tail: even ones do not tell."""
    times = np.arange(6) * 10 * MS
    late = rows([0, 2, 4, 6], range(7))
    timeline = timeline_of(range(6), (), late, times, ended=True, success=True)
    assert timeline.assignment.start is Start.UNCERTAIN
    assert pumps(timeline.labels) == "?" * 6
    told = timeline_of(range(6), (), late, times, ended=True, success=True, made=7)
    assert pumps(told.labels) == "LDLDLD"


def test_an_aborted_run_keeps_its_start_at_the_grade_of_a_count():
    times = np.arange(6) * 10 * MS
    timeline = timeline_of(range(6), (), rows([0, 2, 4, 6], range(9)), times)
    assert timeline.assignment.start is Start.ASSUMED
    assert pumps(timeline.labels) == "LDLDLD"
    assert evidence(timeline.labels) == {Evidence.IMAGE_ID}


def test_alike_triggers_need_no_start():
    times = np.arange(6) * 10 * MS
    labels = labelled(
        range(6), (), rows(range(7), range(7)), times, ended=True, success=True
    )
    assert pumps(labels) == "L" * 6


def test_lost_tail_is_no_missed_trigger():
    """Fewer images than triggers, but the detector says that it made them all."""
    ids = np.array([0, 1, 4, 5])
    logged = rows([0, 2, 4, 6], range(8))
    timeline = timeline_of(ids, (), logged, ids * 10 * MS + 77, made=8)
    assert (timeline.assignment.missed, timeline.assignment.tail) == (0, 0)
    assert pumps(timeline.labels) == "LDLD"


@pytest.mark.parametrize(
    ("delays", "clusters"),
    [
        ([NO_DELAY, 5, NO_DELAY], [-1, 0, -1]),
        ([3_000_000, 3_000_900, 10_000_000], [0, 0, 1]),
        ([100, 90, 2_000_000_000, 1_990_000_000], [0, 0, 1, 1]),
        ([-5_000_000, 5_000_000], [0, 1]),
        ([], []),
    ],
)
def test_delays_are_told_apart(delays, clusters):
    found = delay_clusters(np.array(delays, np.int64))
    assert found.tolist() == clusters


def test_repetition_without_period_is_said():
    (problem,) = chain_problems(chains(("XrayDetection", 0, None, 5)))
    assert "no period" in problem


def test_missed_triggers_are_never_guessed():
    labels = labelled(
        range(7), (), rows([0, 2, 4, 6], range(8)), ended=True, success=True, made=7
    )
    assert pumps(labels) == "?" * 7


def test_chain_without_detection_says_nothing():
    assert pattern(chains(("LaserExcitation", 0, 1, 5)), 3) is None
    assert pumps(declared(chains(("ReactionTrigger", -50, None, None)))) == "D" * 8


@pytest.mark.parametrize(("period", "repetition"), [(0, 5), (None, 5), (0, None)])
def test_impossible_periods_are_one_pulse(period, repetition):
    labels = declared(
        chains(("LaserExcitation", 0, 1, 1), ("XrayDetection", 0.1, period, repetition))
    )
    assert pumps(labels) == "L" + "?" * 7


@given(
    st.lists(st.integers(0, 60), unique=True, min_size=1).map(sorted),
    st.integers(1, 7),
)
def test_labels_do_not_depend_on_which_images_came(ids, every):
    """Losing images never moves the label of another one."""
    event_chains = chains(
        ("LaserExcitation", 0.0, 0.01 * every, 100), ("XrayDetection", 0.002, 0.01, 100)
    )
    whole = declared(event_chains, 61)
    some = labelled(ids, event_chains)
    for name in ("pump", "dark_n", "delay_ns", "slot", "evidence"):
        assert np.array_equal(getattr(some, name), getattr(whole, name)[ids])


@given(st.integers(1, 10**6), st.integers(0, 10**6))
def test_wilson_interval_holds_the_rate(trials, successes):
    successes %= trials + 1
    low, high = wilson(successes, trials)
    assert 0 <= low <= successes / trials <= high <= 1


def test_wilson_of_the_papers_example():
    low, high = wilson(10, 20)
    assert (round(low, 4), round(high, 4)) == (0.2993, 0.7007)
    assert wilson(0, 0) is None


def test_delay_bins_count_hits():
    labels = declared(parse_chains({"event_chains": EXAMPLE_CHAINS}), 4)
    indexed = np.array([True, False, False, False])
    hit = np.array([True, True, False, False])
    first, second = delay_bins(labels, hit, indexed)
    assert (first.delay_s, first.images, first.hits, first.indexed) == (0.6, 2, 1, 1)
    assert (second.delay_s, second.slot, second.hits) == (0.8, 1, 1)


def test_unknown_delay_is_a_bin_of_its_own():
    labels = labelled(np.arange(2), (), rows([0, 1]))
    assert labels.delay_ns.tolist() == [NO_DELAY, NO_DELAY]
    (only,) = delay_bins(labels, np.ones(2, bool), np.ones(2, bool))
    assert (only.delay_s, only.images) == (None, 2)


def test_median_cell():
    cells = np.array([[1, 2, 3, 90, 90, 90.0], [3, 2, 3, 90, 90, 90]])
    assert median_cell(cells) == (2, 2, 3, 90, 90, 90)
    assert median_cell(cells[:0]) is None


def test_pump_words():
    assert PUMPS == (Pump.UNKNOWN, Pump.LIGHT, Pump.DARK)
