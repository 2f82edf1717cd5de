"""Live counts grow image by image and are the same as one pass over the run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.live.delay_counts import Clusters, DelayCounts, Measured
from recorder.live.heard import Heard
from recorder.live.pace import Pace
from recorder.live.recent import Recent
from recorder.live.run_counts import RunCounts
from recorder.live.runs import LiveRuns, current_run
from recorder.live.traits import NAMES, TABLE, count, traits_in, traits_of, trials
from recorder.records import ImageClass, Lattice, RunState, Unprocessed, WorkLevel
from recorder.records.image_outcome import outcome_of
from recorder.records.live import Trials
from recorder.reports.statistics import delay_clusters
from recorder.runs.tables.image_table import ImageTable
from recorder.simulate.timing.faults import Faults
from recorder.ssx.clocks.unknown import NO_DELAY
from tests import builders
from tests.builders import T0, image, outcome
from tests.played import new_run, play, pump_probe, take_image

S = 1_000_000_000
CELL = (79.1, 79.1, 38.2, 90.0, 90.0, 90.0)
LATTICE = Lattice(CELL, (1.0,) * 9, 20, -30.0, 0.001)
KINDS = [*ImageClass, *Unprocessed]


@st.composite
def made(draw, n):
    """An outcome of image n, as a worker may send it."""
    kind = draw(st.sampled_from(KINDS))
    if not isinstance(kind, ImageClass):
        return outcome(n, kind)
    found = {"rings": draw(st.integers(0, 2))}
    if kind is ImageClass.INDEXED:
        found["lattices"] = (LATTICE,) * draw(st.integers(1, 3))
    if kind is not ImageClass.NON_HIT:
        found["effort"] = draw(st.sampled_from(list(WorkLevel)))
    return outcome(n, kind, **found)


@settings(max_examples=60)
@given(st.data())
def test_whatever_the_order_the_counts_are_those_of_the_table(data):
    """Arrivals, outcomes and second looks, in any order, looked at any time."""
    table = ImageTable()
    for n in data.draw(st.lists(st.integers(0, 20), unique=True, max_size=12)):
        table.receive(n, None)
        if data.draw(st.booleans()):
            table.finish(data.draw(made(n)))
    live = RunCounts(table)  # after a restart it goes on with what is there
    for _ in range(data.draw(st.integers(0, 25))):
        n = data.draw(st.integers(0, 40))
        if table.receive(n, None):
            live.received(n, T0)
        if data.draw(st.booleans()) and table.finish(found := data.draw(made(n))):
            live.finished(found)
        elif table.class_of(n) is not None:
            again = replace(data.draw(made(n)), received_ns=T0)
            if isinstance(again.outcome, ImageClass) and table.amend(again):
                live.amended(again)
        if data.draw(st.booleans()):
            live.look(T0 + S)
    live.look(T0 + S)
    assert live.traits().tolist() == traits_in(table).tolist()
    assert live.total.tolist() == count(traits_in(table)).tolist()


@given(st.data())
def test_a_byte_says_what_the_table_says(data):
    table, n = ImageTable(), 3
    table.receive(n, None)
    found = data.draw(made(n))
    table.finish(found)
    assert traits_in(table)[n] == traits_of(found)
    assert trials(TABLE[traits_of(found)]).images == 1


def test_names_are_those_of_the_record():
    counts = np.arange(len(NAMES))
    assert trials(counts) == Trials(*counts.tolist())


# -- windows ---------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), max_size=40))
def test_a_window_has_what_came_in_it(events):
    """Time goes on by so much; then an image comes that arrived so long ago."""
    recent, now, came = Recent(S, 10), 100, []
    recent.advance(now * S)
    for later, ago in events:
        now += later
        recent.advance(now * S)
        recent.add(np.array([(now - ago) * S]), np.ones((1, len(NAMES)), np.int64))
        came.append(now - ago)
    for points in (1, 5, 10):
        wanted = sum(now - points < moment <= now for moment in came)
        assert recent.last(points)[0] == wanted
    begin_ns, curve = recent.curve()
    assert curve[:, 0].sum() == sum(now - 10 < moment for moment in came)
    if len(curve):
        assert begin_ns == (now - len(curve) + 1) * S


def test_a_time_to_come_is_now():
    recent = Recent(S, 10)
    recent.advance(100 * S)
    recent.add(np.array([10**6 * S]), np.ones((1, len(NAMES)), np.int64))
    assert recent.last(1)[0] == 1


def test_a_rate_is_taken_over_five_seconds():
    heard = Heard()
    for tick in range(60):
        for _ in range(20):
            heard.image(image(0))
        heard.look(tick * S // 5)
    assert heard.hz(image(0).key.source) == pytest.approx(100, rel=0.01)
    assert heard.hz("another") == 0
    for tick in range(60, 90):
        heard.look(tick * S // 5)
    assert heard.hz(image(0).key.source) == 0


# -- delays ----------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from([3_000_000, 10_000_000, -50_000, 500, NO_DELAY])),
    st.integers(0, 10**6),
    st.integers(1, 7),
)
def test_delays_are_told_apart_as_in_the_report(nominal, seed, batch):
    scatter = np.random.default_rng(seed).normal(0, 20, len(nominal)).astype(np.int64)
    delays = np.array(nominal, np.int64) + np.where(
        np.array(nominal, np.int64) == NO_DELAY, 0, scatter
    )
    clusters = Clusters()
    counts = DelayCounts(clusters)
    one = np.ones((delays.size, len(NAMES)), np.int64)
    zero = np.zeros(delays.size, np.int64)
    for n in range(0, delays.size, batch):
        part = slice(n, n + batch)
        counts.add(zero[part], zero[part], delays[part], one[part])
    found = sorted(int(c[0]) for c in counts.counts.values())
    numbers = delay_clusters(delays)
    wanted = [int((numbers == n).sum()) for n in np.unique(numbers)]
    assert found == sorted(wanted)


def test_a_histogram_counts_outliers_apart():
    measured = Measured()
    delays = np.random.default_rng(1).normal(3_000_000, 22, 2000).astype(np.int64)
    delays[:2] = 3_050_000
    measured.add(np.zeros(2000, np.int64), delays)
    found = measured.histogram()
    assert found.mean_s == pytest.approx(3e-3, abs=2e-9)
    assert found.sigma_s == pytest.approx(22e-9, rel=0.1)
    assert (found.outliers, sum(found.counts)) == (2, 1998)
    low, high = found.low_s, found.low_s + found.step_s * len(found.counts)
    assert low < 3e-3 < high
    assert Measured().histogram().counts == ()


@given(
    st.integers(0, 400),
    st.lists(st.integers(-3000, 3000), max_size=60),
    st.integers(0, 10**6),
)
def test_each_delay_is_in_the_histogram_or_an_outlier(sigma_ns, others, seed):
    """Whatever the scatter, those between 5 sigma and 1 us as well."""
    noise = np.random.default_rng(seed).normal(0, sigma_ns, 100).astype(np.int64)
    delays = 3_000_000 + np.concatenate((noise, np.array(others, np.int64)))
    measured = Measured()
    measured.add(np.zeros(delays.size, np.int64), delays)
    found = measured.histogram()
    assert sum(found.counts) + found.outliers == delays.size


def test_a_target_is_reached_at_the_pace_of_the_last_minutes():
    pace = Pace()
    for now in range(0, 1200, 5):
        pace.look(now, {0: min(now, 600) * 2})
    assert pace.eta_s(1200, 0, 1200, 1200) == 0.0
    assert pace.eta_s(1200, 0, 1200, 2400) is None, "nothing came for ten minutes"
    pace = Pace()
    for now in range(0, 300, 5):
        pace.look(now, {0: now * 2})
    assert pace.eta_s(300, 0, 600, 1200) == pytest.approx(300, rel=0.02)
    assert pace.eta_s(300, 1, 0, 10) is None


# -- runs ------------------------------------------------------------------------------


def test_outcomes_are_told_by_id_with_their_labels_twice_a_second():
    played = play(pump_probe(100.0, 400), 400, Faults(), rows=True)
    run, now = new_run(played), [T0]
    run.state = RunState.OPEN
    live, told, pumps = LiveRuns(lambda: now[0]), [], []
    live.told = lambda run, new, counts: (
        told.append([image.image_id for image in new]),
        pumps.append(counts.pump.settled_to),
    )
    live.begin(run)
    for event in played.events:
        run.events.add(event)
    order = np.arange(400) ^ 1  # workers finish out of order
    for place in range(400):
        now[0] = T0 + place * S // 100
        n = int(played.image_id[place])
        take_image(run, played, place)
        live.received(run, replace(image(n), received_ns=now[0]))
        done = outcome(int(order[place]))
        live.finished(run, done)
        if place % 20 == 19:
            live.look([run])
    now[0] += S
    live.look([run])
    assert sorted(n for some in told for n in some) == list(range(400))
    assert all(some == sorted(some) for some in told)
    assert 8 <= len(told) <= 10
    assert pumps[-1] == 400
    counts = live.of(run)
    assert counts is not None
    light = int((played.pump == 1).sum())
    assert [int(counts.pump.of(n)[0]) for n in (0, 1, 2)] == [0, light, 400 - light]


def test_no_laser_needs_no_trigger():
    run = builders.new_run(announcement=builders.collection("u"))
    live = LiveRuns(lambda: T0)
    live.begin(run)
    for n in range(20):
        run.images.receive(n, None)
        live.received(run, image(n))
    live.look([run])
    counts = live.of(run)
    assert counts is not None
    assert not counts.pump.declared
    assert int(counts.pump.of(2)[0]) == 20, "announced without a laser: dark"


def test_an_experiment_has_its_earlier_runs():
    run = builders.new_run(announcement=builders.collection("u"))
    live = LiveRuns(lambda: T0)
    live.begin(run)
    earlier = np.full(len(NAMES), 5)
    live.take_over(run, {"before": earlier, run.uid: earlier})
    run.images.receive(0, None)
    live.received(run, image(0))
    live.look([run])
    assert live.of_experiment(run)[0] == 5 + 1, "itself is counted once"
    live.ended(run)
    live.look([])
    assert live.of(run) is None
    assert live.of_experiment(run)[0] == 5, "it is sealed: begun again it counts anew"
    assert current_run([]) is None
    assert current_run([run]) is run


def test_an_outcome_without_pixels_is_no_trial():
    found = outcome_of(image(1), (Unprocessed.OVERLOAD, "full"))
    assert trials(TABLE[traits_of(found)]) == Trials(images=1)
