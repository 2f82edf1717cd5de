"""The soak's own judgement: a leak fails, flat passes, too little is undecided."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest

from benchmarks.soak.proc import children, cpu_seconds, peak_mb, usage
from benchmarks.soak.trend import trend

HALF_HOUR = np.arange(0, 1800, 5.0)
NOISE = np.random.default_rng(1).normal(0, 1.0, HALF_HOUR.size)


@pytest.mark.parametrize(
    ("slope", "verdict"), [(0, "pass"), (4, "pass"), (30, "fail"), (-30, "pass")]
)
def test_growth_is_told_from_noise(slope: float, verdict: str):
    found = trend(HALF_HOUR, 150 + slope * HALF_HOUR / 3600 + NOISE)
    assert found.slope == pytest.approx(slope, abs=3 * found.error)
    assert found.verdict(5) == verdict


def test_a_line_without_noise_is_exact():
    found = trend(HALF_HOUR, 10 + HALF_HOUR)
    assert found.slope == pytest.approx(3600)
    assert found.error == pytest.approx(0, abs=1e-6)


def test_too_few_samples_decide_nothing():
    assert trend([0, 5], [1, 1]).verdict(5) == "undecided"
    assert trend(HALF_HOUR[:24], 150 + 3 * NOISE[:24]).verdict(5) == "undecided"


def test_steps_that_last_widen_the_error():
    steps = np.repeat(NOISE[::20], 20)
    assert trend(HALF_HOUR, steps).error > 3 * trend(HALF_HOUR, NOISE).error


def test_a_process_is_read():
    mine = usage([os.getpid()])
    assert 0 < mine.pss_mb <= mine.rss_mb <= 1.01 * peak_mb(os.getpid())
    assert mine.descriptors >= 3
    assert mine.threads >= 1
    assert 0 < cpu_seconds(os.getpid()) < 1e6
    assert children(os.getpid()) == sorted(children(os.getpid()))
    twice = usage([os.getpid(), os.getpid()])
    assert math.isclose(twice.rss_mb, 2 * mine.rss_mb, rel_tol=0.1)
