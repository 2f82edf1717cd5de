"""The sums behind the alarms: exact run lengths, designs, intervals, batches."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.ssx.alarms.cusum import design, paths, run_length
from recorder.ssx.alarms.medians import H, K, mean_run_length
from recorder.ssx.alarms.rates import SHIFT_S
from recorder.ssx.alarms.wilson import newcombe, score_z, wilson
from tests.laws import examples

SHIFT = 100 * SHIFT_S
"""Images of a shift at 100 Hz."""


@pytest.mark.parametrize(
    ("good", "down", "limit", "a_shift"),
    [
        (0.2, 6, 95, 0.999),
        (0.2, 6, 114, 0.098),
        (0.2, 5, 169, 0.096),
        (0.1, 13, 236, 0.100),
        (0.05, 27, 466, 0.098),
        (0.4, 2, 71, 0.093),
    ],
)
def test_run_lengths_are_those_of_the_exact_chain(good, down, limit, a_shift):
    """Published figures of another program, which solved (I - Q) m = 1."""
    length = run_length(1, down, limit, 1 - good)
    assert SHIFT / length == pytest.approx(a_shift, abs=6e-4)


@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(1, 60),
    st.floats(0.02, 0.98),
)
def test_the_run_length_solves_the_equations_of_the_chain(up, down, limit, chance):
    flow = np.zeros((limit, limit))
    for s in range(limit):
        if s + up < limit:
            flow[s, s + up] += chance
        flow[s, max(0, s - down)] += 1 - chance
    left = np.eye(limit) - flow
    if np.linalg.cond(left) > 1e9:
        return
    expected = np.linalg.solve(left, np.ones(limit))[0]
    assert run_length(up, down, limit, chance) == pytest.approx(expected, rel=1e-5)


def first_alarms(up: int, down: int, limit: int, chance: float, runs: int) -> float:
    """Mean trials until the alarm, of many walks at once."""
    rng = np.random.default_rng(3)
    s, length = np.zeros(runs, int), np.zeros(runs)
    walking = np.ones(runs, bool)
    while walking.any():
        n = int(walking.sum())
        step = np.where(rng.random(n) < chance, up, -down)
        s[walking] = np.maximum(0, s[walking] + step)
        length[walking] += 1
        walking &= s < limit
    return float(length.mean())


@pytest.mark.parametrize(
    ("up", "down", "limit", "chance"),
    [(1, 6, 20, 0.8), (3, 2, 23, 0.3), (24, 1, 40, 0.01), (5, 12, 90, 0.6)],
)
def test_simulated_walks_have_the_exact_run_length(up, down, limit, chance):
    """4000 walks: their mean has a standard error of 1.6 %."""
    exact = run_length(up, down, limit, chance)
    found = first_alarms(up, down, limit, chance, 4000)
    assert found == pytest.approx(exact, rel=0.08)


@settings(max_examples=examples(30), deadline=None)
@given(
    st.floats(0.01, 0.9),
    st.sampled_from([0.1, 0.25, 0.5, 0.7, 1.5, 3.0]),
    st.floats(1e3, 1e8),
)
def test_a_design_keeps_its_false_alarms_and_is_the_soonest(good, factor, wanted):
    bad = min(good * factor, 0.95)
    if abs(bad - good) < 0.003:
        return
    found = design(good, bad, wanted)
    up, down = (
        (found.failure, -found.success)
        if bad < good
        else (found.success, -found.failure)
    )
    chance = 1 - good if bad < good else good
    assert run_length(up, down, found.limit, chance) == pytest.approx(found.run_length)
    assert found.run_length >= wanted
    if found.limit > 1:
        assert run_length(up, down, found.limit - 1, chance) < wanted


def test_a_limit_grows_with_the_frame_rate():
    limits = [design(0.2, 0.1, hz * SHIFT_S / 0.1).limit for hz in (100, 925)]
    assert limits == [114, 133]  # "about 20 more"


@pytest.mark.parametrize(("good", "bad"), [(0.0, 0.1), (0.2, 1.0), (0.2, 0.2)])
def test_shares_that_cannot_be_told_apart_are_refused(good, bad):
    with pytest.raises(ValueError, match="within 0 to 1"):
        design(good, bad, 1e6)


@given(
    st.lists(st.lists(st.integers(-9, 9), min_size=1, max_size=40), min_size=1),
    st.integers(0, 50),
)
def test_a_path_is_the_recursion(rows, start):
    n = min(map(len, rows))
    steps = np.array([row[:n] for row in rows])
    found = paths(steps, np.full(len(rows), start))
    for row, path in zip(steps, found, strict=True):
        s = start
        for step, value in zip(row, path, strict=True):
            s = max(0, s + int(step))
            assert s == value


def test_the_gaussian_sum_has_one_false_alarm_in_ten_shifts():
    assert mean_run_length(K, H) / SHIFT_S == pytest.approx(10, rel=0.02)


# -- intervals -----------------------------------------------------------------


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_an_interval_holds_its_share_and_stays_within_0_to_1(n, share):
    k = round(n * share)
    low, high = wilson(k, n)
    assert 0 <= low <= k / n <= high <= 1
    assert (low == 0) == (k == 0)
    assert (high == 1) == (k == n)


@given(st.integers(0, 50), st.integers(1, 50), st.integers(0, 50), st.integers(1, 50))
def test_the_interval_of_a_difference_turns_with_it(k, n, j, m):
    k, j = min(k, n), min(j, m)
    low, high = newcombe((k, n), (j, m))
    assert -1 <= low <= k / n - j / m <= high <= 1
    again = newcombe((j, m), (k, n))
    assert again == pytest.approx((-high, -low))


def test_newcombes_own_examples():
    """Table II of his paper, method 10: 56/70 against 48/80, and 9/10 against 3/10."""
    assert newcombe((56, 70), (48, 80)) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert newcombe((9, 10), (3, 10)) == pytest.approx((0.1705, 0.8090), abs=5e-5)


def test_an_interval_of_a_difference_covers_it():
    """20,000 pairs: 95 % within 94 to 97 %, more than 6 standard errors."""
    rng = np.random.default_rng(1)
    pairs = rng.binomial([200, 300], [0.2, 0.15], (20_000, 2)).tolist()
    inside = 0
    for k, j in pairs:
        low, high = newcombe((k, 200), (j, 300))
        inside += low <= 0.05 <= high
    assert 0.94 < inside / 20_000 < 0.97


def test_nothing_tried_says_nothing():
    assert wilson(0, 0) is None
    assert newcombe((0, 0), (1, 2)) is None
    assert math.isnan(score_z((0, 0), (1, 2)))
    assert math.isnan(score_z((0, 5), (0, 9)))
