"""Clocks are related by fitting, in integers, and robustly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.records.times import ticks_to_ns
from recorder.ssx.clocks.clock import Clock, fit_clock
from recorder.ssx.triggers.captured import in_order, unwrap

EPOCH = 1_795_541_400 * 10**9


def times(n: int, period_ns: int = 1_081_081) -> np.ndarray:
    return 143_051_295_370 + np.arange(n, dtype=np.int64) * period_ns


@given(
    st.floats(-200, 200),
    st.integers(-(10**15), 10**15),
    st.integers(20, 3000),
    st.integers(0, 10**6),
)
def test_offset_and_rate_come_back(ppm, offset, n, seed):
    source = times(n)
    noise = np.random.default_rng(seed).normal(0, 1000, n)
    grown = np.rint((source - source[0]) * ppm * 1e-6 + noise).astype(np.int64)
    clock, residual = fit_clock(source, source + offset + grown)
    span = float(source[-1] - source[0])
    assert abs(clock.ppm - ppm) < 2e4 * 1000 / span * 1e3 or clock.rate_sigma == 3e-4
    assert np.abs(residual).max() < 8000
    assert clock.anchors >= 0.9 * n


def test_outliers_do_not_pull_the_fit():
    source = times(1000)
    target = source + EPOCH
    target[::50] += 400_000
    clock, residual = fit_clock(source, target)
    assert abs(clock.ppm) < 1e-3
    assert np.median(np.abs(residual)) < 10
    assert clock.anchors == 980


def test_few_pairs_keep_the_rate_that_is_known():
    source = times(3)
    jittered = source + EPOCH + np.array([0, 3000, -3000])
    clock, _ = fit_clock(source, jittered, Clock(0, 0, 1e-5, rate_sigma=1e-6))
    assert clock.rate == 1e-5


def test_doubt_grows_with_the_distance_from_the_last_anchor():
    clock, _ = fit_clock(times(500), times(500) + EPOCH)
    near, far = clock.doubt_ns(times(500)[-1:] + np.array([10**6, 10**12]))
    assert near < 100 < far


@pytest.mark.parametrize(
    ("ticks", "hz", "ns"),
    [(1, 50_000_000, 20), (10**15, 50_000_000, 2 * 10**16), (7, 3, 2_333_333_333)],
)
def test_rational_clocks_become_ns_by_integers(ticks, hz, ns):
    assert ticks_to_ns(ticks, hz) == ns


@given(st.integers(10, 3000), st.sampled_from([16, 32]), st.integers(1, 9))
def test_a_counter_that_wraps_goes_on(n, bits, before):
    true = (1 << bits) - before + np.arange(n, dtype=np.int64)
    found, wraps, restarts = unwrap(true % (1 << bits), times(n))
    assert (found == true).all()
    assert (wraps, restarts) == (1, 0)


@given(st.integers(5, 200), st.integers(5, 200), st.integers(1, 50))
def test_a_counter_that_restarts_goes_on_by_the_times(first, second, gap):
    numbers = np.concatenate((np.arange(first) + 1000, np.arange(second)))
    passed = np.concatenate((np.arange(first), np.arange(second) + first - 1 + gap))
    found, _, restarts = unwrap(numbers, passed * 10**6)
    assert restarts == 1
    assert (found == 1000 + passed).all()


@given(st.integers(10, 100), st.data())
def test_times_that_go_back_leave_out_their_own_rows(n, data):
    right = times(n)
    wrong = data.draw(st.integers(1, n - 2))
    bad = right.copy()
    bad[wrong] += data.draw(st.sampled_from([-(10**12), 10**12]))
    keep = in_order(bad)
    assert not keep[wrong]
    assert keep.sum() == n - 1
