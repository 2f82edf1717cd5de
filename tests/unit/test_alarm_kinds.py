"""Each kind of alarm: raised by what it is for, not by its neighbours, and cleared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.alarms.chip import chip_events
from benchmarks.alarms.simulated import START_S, Course, World
from recorder.ssx.alarms.accepting import accept_level, offered
from recorder.ssx.alarms.baseline import Baseline, begun, bounds, renewed
from recorder.ssx.alarms.comparing import overdispersion
from recorder.ssx.alarms.events import AlarmCleared, AlarmRaised, Event, Severity
from recorder.ssx.alarms.history import FLAGS, Bins
from recorder.ssx.alarms.observation import (
    Fates,
    HostFacts,
    Images,
    Observation,
    Pulses,
    RunFacts,
    SinkFacts,
    SourceFacts,
    images,
)
from recorder.ssx.alarms.several import share_of_several
from recorder.ssx.alarms.watch import AlarmState, step
from tests.laws import examples

RUN = RunFacts("run", sample="crystals", since_s=START_S)


def told(observations: list[Observation]) -> list[Event]:
    """Events of some slices, from the beginning."""
    state, events = AlarmState(), []
    for one in observations:
        state, more = step(state, one)
        events += more
    return events


def kinds(events: list[Event]) -> list[tuple[str, str]]:
    """In order: what was raised (+) and cleared (-)."""
    return [("+" if isinstance(e, AlarmRaised) else "-", e.kind) for e in events]


# -- laser and losses ----------------------------------------------------------


def pulses(fired: list[bool]) -> Observation:
    ids = 2 * np.arange(len(fired))
    times = START_S + ids / 100
    return Observation(
        float(times[-1]), RUN, pulses=Pulses(ids, times, np.array(fired, bool))
    )


def test_three_misfires_in_a_row_are_told_at_the_third():
    events = told([pulses([True] * 50 + [False] * 3 + [True] * 5)])
    assert kinds(events) == [("+", "misfires_in_a_row"), ("-", "misfires_in_a_row")]
    first = events[0]
    assert isinstance(first, AlarmRaised)
    assert (first.since_image, first.at_image) == (100, 104)
    assert "3 pulses in a row since image 100" in first.text


def test_two_in_a_row_are_not():
    assert not told([pulses([True] * 50 + [False] * 2 + [True] * 5)])


def test_a_laser_that_was_never_seen_is_told_after_twenty():
    events = told([pulses([False] * 25)])
    raised = [e for e in events if isinstance(e, AlarmRaised)]
    row = [e for e in raised if e.kind == "misfires_in_a_row"]
    assert [(e.level, e.at_image) for e in row] == [("", 4), ("never", 38)]
    assert len({e.id for e in row}) == 1
    assert "none was seen in 20 pulses" in row[-1].text


def test_a_laser_that_fired_before_is_not_called_absent():
    events = told([pulses([True, *[False] * 40])])
    row = [e for e in events if isinstance(e, AlarmRaised) and "row" in e.kind]
    assert [e.level for e in row] == [""]


def fates(lost: np.ndarray) -> Observation:
    ids = np.arange(lost.size)
    times = START_S + ids / 100
    return Observation(float(times[-1]), RUN, fates=Fates(ids, times, lost))


@pytest.mark.parametrize(
    ("n", "received", "text"),
    [
        (2, False, "second image"),
        (3, False, "Every third image is missing"),
        (3, True, "Only every third image comes"),
        (5, True, "Only every 5th image comes"),
    ],
)
def test_a_second_client_is_told_by_its_comb(n, received, text):
    lost = np.zeros(500, bool)
    regular = np.arange(300) % n == 0
    lost[200:] = ~regular if received else regular
    raised = [e for e in told([fates(lost)]) if isinstance(e, AlarmRaised)]
    comb = [e for e in raised if e.kind == "second_client"]
    assert len(comb) == 1
    assert text in comb[0].text
    assert comb[0].since_image is not None
    assert 200 <= comb[0].since_image <= 200 + n
    assert comb[0].at_image is not None
    assert comb[0].at_image < 200 + 20 * n


def test_a_second_client_that_is_gone_is_cleared():
    lost = np.zeros(900, bool)
    lost[200:300:2] = True
    comb = [e for e in told([fates(lost)]) if e.kind == "second_client"]
    assert [type(e) for e in comb] == [AlarmRaised, AlarmCleared]


@settings(max_examples=examples(30), deadline=None)
@given(st.integers(0, 10**6), st.floats(0.0, 0.5))
def test_losses_by_chance_are_no_comb(seed, share):
    """40 runs of 400 images: a comb of 9 by chance 1 in 10³ of these tests."""
    lost = np.random.default_rng(seed).random(400) < share
    gaps = np.diff(np.flatnonzero(lost)), np.diff(np.flatnonzero(~lost))
    longest = max(
        (
            len(run)
            for one in gaps
            for run in np.split(one, np.flatnonzero(np.diff(one)) + 1)
            if run.size and run[0] > 1
        ),
        default=0,
    )
    comb = any(e.kind == "second_client" for e in told([fates(lost)]))
    assert comb == (longest > 8)


def test_a_single_loss_is_no_alarm():
    lost = np.zeros(5000, bool)
    lost[[700, 3000]] = True
    assert not told([fates(lost)])


# -- images --------------------------------------------------------------------


def after(change: dict[str, float], seconds: float = 60.0) -> list[Event]:
    """What is told of a run of two minutes in which something changes."""
    rng = np.random.default_rng(4)
    course, events = Course(World(hz=50.0, hit_rate=0.4)).go(200.0, 4.0, rng)
    assert not events
    course = replace(course, world=replace(course.world, **change))
    return course.go(seconds, 4.0, rng)[1]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"hit_rate": 0.1}, "hit_rate"),
        ({"index_rate": 0.35}, "index_rate"),
        ({"clumps": 0.5}, "several_lattices"),
        ({"rings": 0.3}, "rings"),
        ({"misfires": 0.1}, "misfires"),
        ({"losses": 0.05}, "losses"),
        ({"solvent": 50.0}, "solvent"),
        ({"background": 80.0}, "background"),
        ({"resolution": 2.8}, "resolution"),
        ({"cell": 1.02}, "cell"),
    ],
)
def test_each_change_raises_its_own_alarm_and_no_other(change, kind):
    raised = {e.kind for e in after(change) if isinstance(e, AlarmRaised)}
    assert kind in raised
    assert raised <= {kind, "misfires_in_a_row"}


def test_a_fall_that_gets_worse_keeps_its_id():
    rng = np.random.default_rng(4)
    course, _ = Course(World(hit_rate=0.4)).go(100.0, 5.0, rng)
    worlds = [replace(course.world, hit_rate=rate) for rate in (0.18, 0.0)]
    events = []
    for world in worlds:
        course, more = replace(course, world=world).go(20.0, 1.0, rng)
        events += more
    raised = [e for e in events if isinstance(e, AlarmRaised)]
    assert list(dict.fromkeys(e.level for e in raised)) == ["lower", "gone"]
    assert {e.id for e in raised} == {"hit_rate/1"}
    assert raised[0].since_image == raised[-1].since_image
    assert "to about 0 %" in raised[-1].text


@settings(max_examples=examples(6), deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.05, 0.2, 0.6]))
def test_nothing_is_told_of_a_run_in_which_nothing_happens(seed, hit_rate):
    """20,000 images of a shift that has 0.5 false alarms at most: 1 in 300 each."""
    rng = np.random.default_rng([seed, 1])
    world = World(hit_rate=hit_rate, rings=0.001, losses=1e-5, misfires=1e-4)
    _, events = Course(world).go(200.0, 20.0, rng)
    assert not [e for e in events if e.kind.startswith("hit_rate")]


def test_hits_that_were_not_tried_are_no_trials_of_the_index_rate():
    """Overload: indexing is given up, and nobody says that crystals got worse."""
    rng = np.random.default_rng(4)
    state, events = AlarmState(), []
    for n in range(40):
        ids = np.arange(n * 100, (n + 1) * 100)
        tried = np.full(100, n < 30)
        seen = images(
            ids,
            START_S + ids / 100,
            np.ones(100, bool),
            tried=tried,
            lattices=np.where(tried & (rng.random(100) < 0.7), 1, 0),
        )
        state, more = step(state, Observation(START_S + ids[-1] / 100, RUN, seen))
        events += more
    assert not events


def test_a_level_is_taken_as_normal():
    rng = np.random.default_rng(4)
    course, _ = Course(World(hit_rate=0.4)).go(100.0, 5.0, rng)
    course = replace(course, world=replace(course.world, hit_rate=0.18))
    course, _ = course.go(60.0, 5.0, rng)
    now = course.clock.time_s
    assert [one.id for one in offered(course.state, now)] == ["hit_rate/1"]
    assert not offered(course.state, course.state.standing[0].at_time_s + 29.9)
    state, events = accept_level(course.state, "hit_rate/1", now)
    assert kinds(events) == [("-", "hit_rate")]
    assert not state.standing
    course, events = replace(course, state=state).go(60.0, 5.0, rng)
    assert not events
    course = replace(course, world=replace(course.world, hit_rate=0.0))
    _, events = course.go(10.0, 1.0, rng)
    assert kinds(events)[0] == ("+", "hit_rate")


@pytest.mark.parametrize(
    "change",
    [
        {"rings": 0.3},
        {"index_rate": 0.35},
        {"clumps": 0.5},
        {"solvent": 50.0},
        {"misfires": 0.02},
        {"losses": 0.02},
    ],
)
def test_every_level_can_be_taken_as_normal(change):
    rng = np.random.default_rng(6)
    course, _ = Course(World(hit_rate=0.4)).go(200.0, 10.0, rng)
    course = replace(course, world=replace(course.world, **change))
    course, _ = course.go(60.0, 5.0, rng)
    state = course.state
    assert state.standing
    for one in state.standing:
        state, _ = accept_level(state, one.id, course.clock.time_s)
    _, events = replace(course, state=state).go(60.0, 5.0, rng)
    assert not events


def test_what_has_no_level_is_not_taken_as_normal():
    state, _ = step(AlarmState(), judged(100.0, sinks=(SinkFacts("ispyb", 90.0),)))
    with pytest.raises(ValueError, match="no level"):
        accept_level(state, "sink_lag/1", START_S)
    with pytest.raises(ValueError, match="no alarm 'x'"):
        accept_level(state, "x", START_S)


def test_crystals_that_come_at_random():
    crystals = np.random.default_rng(1).poisson(0.4, 200_000)
    several = np.mean(crystals[crystals > 0] > 1)
    found = share_of_several(float(np.mean(crystals > 0)))
    assert found == pytest.approx(several, rel=0.02)


# -- baseline ------------------------------------------------------------------


def test_a_baseline_arms_after_a_thousand_and_lies_below_the_share():
    baseline = Baseline(1000, 200)
    assert baseline.armed
    low, high = bounds(baseline)
    assert low == pytest.approx(0.180, abs=0.001)
    assert low < baseline.share < high
    assert renewed(baseline).renew_at == 1250


def test_another_run_is_a_first_guess_until_it_is_refuted():
    prior = begun(Baseline(50_000, 10_000))
    assert (prior.prior_trials, prior.prior_successes, prior.renew_at) == (
        500,
        100,
        500,
    )
    same = renewed(replace(prior, trials=500, successes=95))
    assert same.prior_trials == 500
    other = renewed(replace(prior, trials=500, successes=40))
    assert (other.prior_trials, other.renew_at) == (0, 1000)


@pytest.mark.parametrize("sigma", [0.0, 0.2])
def test_the_wander_of_the_hits_is_measured(sigma):
    """200 hits in 2 s at most: 1 for chance alone, 1 + n p sigma^2 / (1 - p) else."""
    rng = np.random.default_rng(1)
    rate = 0.2 * np.exp(sigma * np.repeat(rng.normal(0, 1, 300), 2))
    counts = np.zeros((600, len(FLAGS)), np.int64)
    counts[:, FLAGS.index("processed")] = 100
    counts[:, FLAGS.index("hits")] = rng.binomial(100, np.minimum(rate, 1))
    second = 2 * (int(START_S) // 2) + np.arange(600)
    found = overdispersion(Bins(second, second, counts, np.empty((600, 4))))
    assert found == pytest.approx(1 + 200 * 0.2 * sigma**2 / 0.8, rel=0.35)


# -- chips ---------------------------------------------------------------------


def test_edges_of_blocks_are_no_alarm_on_a_chip():
    assert not [e for n in range(10) for e in chip_events(2, False, n)]


def test_a_block_that_is_misaligned_is_told_with_its_rows():
    raised = [e for e in chip_events(3, True, 1) if isinstance(e, AlarmRaised)]
    assert raised[-1].kind == "hit_rate_block"
    assert [h.cause for h in raised[-1].hints] == ["chip"]
    assert "rows 16 to 20 alone" in raised[-1].hints[0].text


# -- limits and rules ----------------------------------------------------------


def judged(at: float, run: RunFacts | None = None, **known: object) -> Observation:
    return Observation(START_S + at, run, **known)  # type: ignore[arg-type]


def host(**known: float) -> dict[str, object]:
    return {"host": HostFacts(**known)}


def source(**known: object) -> dict[str, object]:
    return {"sources": (SourceFacts("detector", **known),)}  # type: ignore[arg-type]


CASES = [
    ("data_age", source(age_s=1.2), source(age_s=0.8), source(age_s=0.3)),
    (
        "data_age",
        source(age_s=6.0, period_s=1.0),
        source(age_s=4.0, period_s=1.0),
        source(age_s=2.0, period_s=1.0),
    ),
    ("clock", source(clock_ppm=-140.0), source(clock_ppm=80.0), None),
    ("journal", host(journal_age_s=8.0), host(journal_age_s=4.0), None),
    (
        "sink_lag",
        {"sinks": (SinkFacts("ispyb", 70.0),)},
        {"sinks": (SinkFacts("ispyb", 50.0),)},
        {"sinks": (SinkFacts("ispyb", 10.0),)},
    ),
    (
        "disk",
        host(disk_free_bytes=1e9, disk_fills_bytes_s=1e5),
        host(disk_free_bytes=2e9, disk_fills_bytes_s=1e5),
        host(disk_free_bytes=9e9, disk_fills_bytes_s=1e5),
    ),
]


@pytest.mark.parametrize(("kind", "bad", "between", "good"), CASES)
def test_a_limit_is_told_beyond_it_and_cleared_well_below(kind, bad, between, good):
    """Between the two nothing changes, whichever side it came from."""
    good = good or host(journal_age_s=0.0) | source(clock_ppm=0.0)
    slices = [between, bad, between, bad, good, between]
    events = told([judged(40.0 * n, **known) for n, known in enumerate(slices)])
    assert kinds(events) == [("+", kind), ("-", kind)]


def test_a_parked_record_is_told_until_there_is_none():
    events = told([judged(1, sinks=(SinkFacts("ispyb", 0.0, n),)) for n in (1, 2, 0)])
    assert kinds(events) == [("+", "parked"), ("-", "parked")]


def test_a_backlog_is_told_before_it_is_full():
    filling = [judged(n, **host(backlog=0.1 + 0.02 * n)) for n in range(20)]
    events = told(filling)
    assert kinds(events) == [("+", "backlog")]
    assert events[0].at_time_s - START_S < 15
    slow = [judged(n, **host(backlog=0.1 + 0.001 * n)) for n in range(200)]
    assert not told(slow)


def test_what_is_not_known_raises_nothing():
    assert not told([judged(n, **source(), **host()) for n in range(100)])


def test_images_that_nobody_announced():
    ids = np.arange(10)
    seen = images(ids, START_S + ids / 10, np.zeros(10, bool))
    stray = RunFacts("stray", announced=False)
    events = told([judged(1, stray, images=seen), judged(12, stray)])
    assert kinds(events) == [("+", "not_announced"), ("-", "not_announced")]


def test_a_run_that_was_announced_and_no_images_come():
    ids = np.arange(10)
    seen = images(ids, START_S + 12 + ids / 10, np.zeros(10, bool))
    slices = [judged(n, RUN) for n in (0.5, 9.9, 10.1, 11)]
    events = told([*slices, judged(13, RUN, images=seen)])
    assert kinds(events) == [("+", "none_come"), ("-", "none_come")]
    assert events[0].at_time_s == START_S + 10.1
    over = replace(RUN, open=False)
    assert not told([judged(n, over) for n in (0.5, 20)])


def test_a_clock_that_jumped_stands_for_half_a_minute():
    jump = judged(1, **source(clock_ppm=3.0, clock_broke=True))
    later = [judged(t, **source(clock_ppm=3.0)) for t in (2, 20, 32)]
    events = told([jump, *later])
    assert kinds(events) == [("+", "clock"), ("-", "clock")]
    assert events[1].at_time_s == START_S + 32
    assert isinstance(events[0], AlarmRaised)
    assert events[0].severity is Severity.AMBER
    assert events[0].subject == "detector"


def test_images_of_which_only_hits_are_known_are_enough():
    seen = images(np.arange(3), np.arange(3.0), np.array([True, False, True]))
    assert isinstance(seen, Images)
    assert seen.processed.all() and not seen.tried.any()
    assert np.isnan(seen.cell_lengths).all() and seen.cell_lengths.shape == (3, 3)
