"""The model of a pool with lessons, and the law that the recorder's rule is for."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchmarks.scale.costs import FOUR, SIXTEEN, Costs
from benchmarks.scale.model import Plan, play
from recorder.classifying.timetable import Timetable
from recorder.records import DetectorInfo

some_costs = st.builds(
    Costs,
    st.just("any"),
    image_s=st.floats(1e-3, 0.1),
    lesson_images=st.floats(1.0, 100.0),
    take_images=st.floats(0.0, 5.0),
)


@dataclass(frozen=True)
class Before:
    """The rule until November 2026: a lesson when the first image needs it."""

    firsts: tuple[int, ...] = (64, 128, 256, 512)

    def state_of(self, image_id: int) -> int:
        if image_id < 512:
            return bisect_right(self.firsts, image_id)
        return 3 + image_id // 512

    def begun_from(self, number: int) -> int:
        return self.firsts[number - 1] if number <= 4 else 512 * (number - 3)

    def taught_before(self, number: int) -> int:
        return self.begun_from(number) - 32


@settings(deadline=None)
@given(
    st.integers(1, 20),
    st.integers(1, 700),
    some_costs,
    st.sampled_from([512, 1024]),
    st.floats(0, 0.01),
    st.floats(0, 0.002),
)
def test_each_image_is_finished_once_and_nobody_works_for_nothing(
    workers, images, cost, period, interval, home
):
    plan = Plan(workers, images, cost, Timetable(period), interval, home)
    played = play(plan)
    times = list(played.finished_s)
    assert len(times) == images
    assert times == sorted(times)
    busy = images * cost.image_s / workers
    assert times[-1] >= max(busy, (images - 1) * max(interval, home)) - 1e-9
    assert played.rate(0, images) <= workers / cost.image_s * (1 + 1e-9)
    assert play(plan) == played


@settings(deadline=None, max_examples=15)
@given(
    st.integers(20, 1500),
    st.sampled_from([FOUR, SIXTEEN]),
    st.floats(0.5, 0.85),
    st.floats(10.0, 150.0),
)
def test_no_image_waits_for_a_lesson_in_steady_state_if_the_workers_suffice(
    rate_hz, costs, busy, lesson_images
):
    """Behind the states that double, at the rate of the header.

    They suffice if they do the images of a period and its lesson in time, and if the
    lesson is done in what is left of the lead.
    """
    costs = replace(costs, lesson_images=lesson_images)
    workers = max(2, round(rate_hz * costs.image_s / busy + 0.5))
    times = Timetable.of(DetectorInfo(frame_time_s=1 / rate_hz))
    number = times.state_of(2 * times.period)
    left = (times.used_from(number) - times.begun_from(number)) / rate_hz
    assume(costs.lesson_s + costs.take_s + 5 * costs.image_s < left)
    plan = Plan(
        workers,
        3 * times.period,
        costs,
        times,
        interval_s=1 / rate_hz,
        first=4 * times.period,
    )
    assert play(plan).waited == []


@pytest.mark.parametrize("rate_hz", [100, 133, 500, 1000, 2000])
def test_lessons_of_usual_detectors_fit_into_the_lead(rate_hz):
    times = Timetable.of(DetectorInfo(frame_time_s=1 / rate_hz))
    number = times.state_of(2 * times.period)
    left = (times.used_from(number) - times.begun_from(number)) / rate_hz
    for costs in (FOUR, SIXTEEN):
        assert costs.lesson_s + costs.take_s <= left


@pytest.mark.parametrize(
    ("workers", "images", "measured"),
    [
        (1, 600, 0.71),
        (4, 1500, 0.59),
        (8, 3000, 0.47),
        (16, 3000, 0.31),
        (32, 4000, 0.19),
    ],
)
def test_the_model_says_what_the_daemon_did_with_the_rule_of_before(
    workers, images, measured
):
    """Of the real daemon with workers that sleep, on 2026-11-27."""
    played = play(Plan(workers, images, FOUR, Before()))
    assert played.rate(0, images) * FOUR.image_s / workers == pytest.approx(
        measured, abs=0.04
    )


@pytest.mark.parametrize(("workers", "least"), [(8, 0.95), (16, 0.95), (32, 0.95)])
def test_the_workers_are_busy_in_steady_state(workers, least):
    capacity = workers / FOUR.image_s
    times = Timetable.of(DetectorInfo(frame_time_s=2 / capacity))
    images = 3 * times.period
    played = play(Plan(workers, images, FOUR, times, 0.95 / capacity))
    assert played.rate(times.period, images) / capacity >= least


def test_a_coordinator_that_is_too_slow_is_the_limit():
    played = play(Plan(8, 2000, FOUR, Timetable(512), home_s=0.01))
    assert played.rate(0, 2000) == pytest.approx(100, rel=0.01)
