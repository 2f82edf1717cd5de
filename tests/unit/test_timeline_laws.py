"""Laws of the timeline, against the simulator's truth: never wrong, never worse.

The runs are small, of every kind of ending, with rows lost at either end or anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recorder.records import (
    CollectionEnd,
    EventType,
    Evidence,
    RunState,
    RunStatus,
    TimedEvent,
)
from recorder.runs.book.endings import decide_status
from recorder.runs.run import Run
from recorder.runs.timeline.of_run import timeline_of
from recorder.simulate.timing.faults import Faults
from recorder.ssx.labels.timeline import EVIDENCES, UNKNOWN, Start, Timeline
from tests.builders import ledger_now
from tests.laws import examples
from tests.played import Played, new_run, play, pump_probe, take_image

RATE_HZ = 100.0
DROPPED = ("none", "all", "head", "tail", "some", "ends")
"""Which rows do not arrive."""
ENDS = ("told", "announced", "series end")
"""``collection/end`` with the number of images, without it, or no such message."""


@dataclass(frozen=True)
class Case:
    """A run, and what does not reach the recorder."""

    triggers: int
    every: int
    faults: Faults
    dropped: str
    share: float
    end: str
    seed: int


BRIEF = settings(max_examples=examples(15))
CASES = st.builds(
    Case,
    triggers=st.integers(40, 150),
    every=st.integers(1, 10),
    faults=st.builds(
        Faults,
        lost=st.sampled_from([0.0, 0.0, 0.02, 0.2]),
        missed=st.sampled_from([0.0, 0.0, 0.02, 0.2]),
        missed_head=st.integers(0, 3),
        skew=st.sampled_from([0.0, 50.0, -200.0]),
        jitter=st.sampled_from([1e-7, 3e-6]),
        own_jitter=st.booleans(),
    ),
    dropped=st.sampled_from(DROPPED),
    share=st.floats(0.01, 0.9),
    end=st.sampled_from(ENDS),
    seed=st.integers(0, 10**6),
)


def played_of(case: Case) -> Played:
    chains = pump_probe(RATE_HZ, case.triggers, case.every)
    return play(chains, case.triggers, case.faults, seed=case.seed)


def arrived(case: Case, played: Played) -> list[TimedEvent]:
    """The rows that arrive, in order."""
    rows, n = played.events, len(played.events)
    count = round(case.share * n)
    if case.dropped == "all":
        return []
    if case.dropped == "head":
        return rows[count:]
    if case.dropped == "tail":
        return rows[: n - count]
    if case.dropped == "ends":
        return rows[count // 2 : n - count // 2]
    if case.dropped == "some":
        keep = np.random.default_rng(case.seed).random(2 * case.triggers) >= case.share
        first = min(row.trigger or 0 for row in rows)
        return [row for row in rows if keep[(row.trigger or 0) - first]]
    return rows


def ended(run: Run, played: Played, end: str) -> Run:
    """The series ended as it should; what was said of it differs."""
    if end != "series end":
        made = played.made if end == "told" else None
        run.end = CollectionEnd("u", 0, RunStatus.SUCCESS, images=made)
    run.state = RunState.DRAINING
    decide_status(run)
    run.state = RunState.SEALED
    return run


def run_of(played: Played, events: list[TimedEvent], end: str) -> Run:
    run = new_run(played)
    for event in events:
        run.events.add(event)
    for place in range(played.image_id.size):
        take_image(run, played, place)
    return ended(run, played, end)


def wrong(timeline: Timeline, played: Played) -> int:
    pump = timeline.labels.pump
    return int(((pump != UNKNOWN) & (pump != played.pump)).sum())


@BRIEF
@given(CASES)
def test_no_label_is_wrong(case: Case) -> None:
    played = played_of(case)
    run = run_of(played, arrived(case, played), case.end)
    assert wrong(timeline_of(run), played) == 0
    assert ledger_now(run).closed


@BRIEF
@given(CASES)
def test_rows_never_make_it_worse(case: Case) -> None:
    """What is known without any rows is known with some, with some more, with all."""
    played = played_of(case)
    some = arrived(case, played)
    more = some + played.events[: len(played.events) // 2]
    known = np.zeros(played.image_id.size, np.bool_)
    for events in ([], some, more, played.events):
        timeline = timeline_of(run_of(played, events, case.end))
        now = timeline.labels.pump != UNKNOWN
        assert not (known & ~now).any(), len(events)
        assert wrong(timeline, played) == 0
        known = now


@BRIEF
@given(CASES, st.sampled_from([-(10**18), -1, 10**9, 3 * 10**17]), st.booleans())
def test_the_zero_of_a_clock_does_not_matter(
    case: Case, later: int, detector: bool
) -> None:
    played = played_of(case)
    events = arrived(case, played)
    moved, rows = played, events
    if detector:
        moved = replace(played, start_ns=played.start_ns + later)
    else:
        rows = [replace(event, time_ns=event.time_ns + later) for event in events]
    one = timeline_of(run_of(played, events, case.end)).labels
    two = timeline_of(run_of(moved, rows, case.end)).labels
    for name in ("pump", "evidence", "dark_n", "delay_ns", "ordinal"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name


@BRIEF
@given(CASES, st.integers(0, 10**6), st.integers(-(10**13), 10**13))
def test_neither_order_nor_time_of_arrival_matter(
    case: Case, seed: int, step_ns: int
) -> None:
    """Nor a clock of the host that is set in mid-run: it labels nothing."""
    played = played_of(case)
    events = arrived(case, played)
    straight = run_of(played, events, case.end)
    mixed = new_run(played)
    work = [("image", n) for n in range(played.image_id.size)] * 2
    work += [("event", n) for n in range(len(events))] * 2
    places = np.random.default_rng(seed).permutation(len(work)).tolist()
    for count, place in enumerate(places):
        kind, n = work[place]
        if kind == "image":
            take_image(mixed, played, n)
        else:
            late = step_ns if count > len(work) // 2 else 0
            mixed.events.add(replace(events[n], received_ns=count + late))
    one = timeline_of(straight).labels
    two = timeline_of(ended(mixed, played, case.end)).labels
    for name in one.__slots__:
        assert np.array_equal(getattr(one, name), getattr(two, name)), name


def at_half_rate(
    triggers: int, every: int, factor: int, *, skipped: bool, seed: int
) -> tuple[Played, NDArray[np.int64]]:
    """Images at half the declared rate, and their true labels.

    Either the detector takes every second trigger, or all triggers come so slowly.
    """
    faults = Faults(jitter=1e-6)
    if skipped:
        whole = pump_probe(RATE_HZ, triggers * factor, every)
        fast = play(whole, triggers * factor, faults, seed=seed)
        taken = slice(None, None, factor)
        slow = replace(
            fast,
            image_id=np.arange(triggers),
            start_ns=fast.start_ns[taken],
            trigger=fast.trigger[taken],
            made=triggers,
        )
    else:
        real = pump_probe(RATE_HZ / factor, triggers, every)
        slow = play(real, triggers, faults, seed=seed)
    plan = pump_probe(RATE_HZ, triggers, every)
    return replace(slow, chains=plan), slow.pump


@settings(max_examples=examples(15))
@given(
    triggers=st.integers(6, 400),
    every=st.integers(2, 7),
    factor=st.integers(2, 5),
    skipped=st.booleans(),
    end=st.sampled_from(ENDS),
    seed=st.integers(0, 1000),
)
@example(triggers=40, every=2, factor=2, skipped=True, end="told", seed=1)
@example(triggers=40, every=2, factor=2, skipped=False, end="series end", seed=1)
def test_a_multiple_of_the_declared_period_is_unknown_and_said(
    triggers: int,
    every: int,
    factor: int,
    skipped: bool,
    end: str,
    seed: int,
) -> None:
    played, _ = at_half_rate(triggers, every, factor, skipped=skipped, seed=seed)
    for running in (True, False):
        run = run_of(played, [], end)
        if running:
            run.state = RunState.OPEN
        timeline = timeline_of(run)
        assert not timeline.labels.pump.any()
        assert f"{factor} times as far apart" in timeline.assignment.conflict


def test_twice_the_declared_rate_is_unknown_and_said() -> None:
    played = play(pump_probe(200.0, 60), 60, Faults())
    fast = replace(played, chains=pump_probe(100.0, 60))
    timeline = timeline_of(run_of(fast, [], "told"))
    assert not timeline.labels.pump.any()
    assert "2 times as close together" in timeline.assignment.conflict


@pytest.mark.parametrize("rows", [True, False])
@pytest.mark.parametrize("end", ["announced", "series end"])
def test_fewer_images_than_declared_are_no_run_cut_short(rows: bool, end: str) -> None:
    """The first trigger was missed, and nothing tells: 39 of 39 labels were wrong."""
    faults = Faults(missed_head=1, own_jitter=True, jitter=3e-6)
    played = play(pump_probe(RATE_HZ, 40), 40, faults, rows=rows)
    timeline = timeline_of(run_of(played, played.events, end))
    assert timeline.assignment.start is Start.UNCERTAIN
    assert not timeline.labels.pump.any()


@pytest.mark.parametrize("reason", ["timeout", "aborted", "new header"])
def test_a_run_that_was_cut_short_keeps_the_count(reason: str) -> None:
    played = play(pump_probe(RATE_HZ, 40), 40, Faults())
    run = new_run(played)
    for place in range(30):
        take_image(run, played, place)
    if reason == "aborted":
        run.end = CollectionEnd("u", 0, RunStatus.ABORTED)
    elif reason == "new header":
        run.superseded = True
    else:
        run.silent_s = 30.0
    run.state = RunState.DRAINING
    decide_status(run)
    run.state = RunState.SEALED
    assert run.status is RunStatus.ABORTED
    timeline = timeline_of(run)
    assert timeline.assignment.start is Start.ASSUMED
    assert {EVIDENCES[e] for e in timeline.labels.evidence} == {Evidence.IMAGE_ID}
    assert wrong(timeline, replace(played, trigger=played.trigger[:30])) == 0


def test_missed_triggers_without_any_time_are_unknown() -> None:
    played = play(pump_probe(RATE_HZ, 40), 40, Faults(missed=0.05), seed=5, rows=False)
    assert played.missed
    run = new_run(played)
    for image_id in played.image_id.tolist():
        run.images.receive(image_id, None)
    assert not timeline_of(ended(run, played, "series end")).labels.pump.any()


def test_rows_that_end_with_the_images_are_no_missed_triggers() -> None:
    """A new header ended it: the rows that never came were not lost at the head."""
    played = play(pump_probe(RATE_HZ, 120), 120, Faults(jitter=3e-6))
    early = replace(played, image_id=played.image_id[:50], trigger=played.trigger[:50])
    for superseded in (True, False):
        run = new_run(early)
        for event in played.events[:76]:  # 25 laser rows, 50 X-ray rows, one laser row
            run.events.add(event)
        for place in range(50):
            take_image(run, early, place)
        run.superseded = superseded
        run.state = RunState.DRAINING
        assert timeline_of(run).assignment.missed == 0
        decide_status(run)
        assert run.status is RunStatus.ABORTED
        run.state = RunState.SEALED
        timeline = timeline_of(run)
        assert wrong(timeline, early) == 0
        assert (timeline.labels.pump != UNKNOWN).all() or not superseded


@pytest.mark.parametrize("dropped", ["head", "tail", "ends", "some"])
def test_lost_rows_cost_no_label(dropped: str) -> None:
    """Without any rows the run is proven; 10 lost ones of 60 left all unknown."""
    faults = Faults(own_jitter=True, jitter=3e-6)
    case = Case(60, 2, faults, dropped, 1 / 6, "announced", 1)
    played = played_of(case)
    timeline = timeline_of(run_of(played, arrived(case, played), case.end))
    assert (timeline.labels.pump == played.pump).all()
    assert timeline.assignment.start is Start.PROVEN


def test_rows_of_a_run_that_is_all_light_so_far_do_not_make_it_uniform() -> None:
    played = play(pump_probe(RATE_HZ, 40, 10), 40, Faults(missed_head=1))
    first = [e for e in played.events if e.trigger == played.events[-1].trigger]
    assert first[-1].type is EventType.XRAY_DETECTION
    timeline = timeline_of(run_of(played, played.events[:2], "series end"))
    assert wrong(timeline, played) == 0


@BRIEF
@given(CASES, st.integers(3, 39))
def test_rows_never_cost_a_short_run_what_is_known_without_them(
    case: Case, triggers: int
) -> None:
    """From some rows to more it needs 40 triggers; from none to any it does not."""
    case = replace(case, triggers=triggers)
    played = played_of(case)
    if not played.image_id.size:
        return
    bare = timeline_of(run_of(played, [], case.end)).labels.pump != UNKNOWN
    for events in (arrived(case, played), played.events):
        timeline = timeline_of(run_of(played, events, case.end))
        assert not (bare & (timeline.labels.pump == UNKNOWN)).any(), len(events)
        assert wrong(timeline, played) == 0


@pytest.mark.parametrize("shared", [True, False])
def test_a_pulse_against_the_plan_whose_place_nothing_tells_makes_all_unknown(
    shared: bool,
) -> None:
    """The contract: no label rests on a plan that rows contradict somewhere.

    Half of the rows are lost. Where images and rows share their jitter it tells which
    trigger had the pulse that was not declared; where not, it may be any.
    """
    faults = Faults(own_jitter=not shared, jitter=3e-6)
    played = play(pump_probe(RATE_HZ, 60, 3), 60, faults)
    some = [e for e in played.events if (e.trigger or 0) < 30]
    pulse = next(e for e in some if e.type is EventType.LASER_EXCITATION)
    more = replace(pulse, uid="more", trigger=(pulse.trigger or 0) + 10)
    pump = timeline_of(run_of(played, [*some, more], "announced")).labels.pump
    if shared:
        differs = np.flatnonzero(pump != played.pump)
        assert differs.tolist() == [10]
    else:
        assert (pump == UNKNOWN).all()
