"""Laws of the timetable: which state an image uses, by header and image_id alone."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.classifying.timetable import (
    FIRST,
    LONGEST,
    OVERTAKEN,
    PERIOD_S,
    SHORTEST,
    WINDOW,
    Timetable,
)
from recorder.journal.run_record import read_run_record, run_record
from recorder.records import DetectorInfo
from tests.builders import new_run, start

periods = st.integers(9, 16).map(lambda power: Timetable(1 << power))
ids = st.integers(0, 10**8)
numbers = st.integers(1, 10**5)


def timetable(rate_hz: float | None) -> Timetable:
    return Timetable.of(DetectorInfo(frame_time_s=None if not rate_hz else 1 / rate_hz))


# -- what the header says --------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate_hz", "period"),
    [
        (None, 512),
        (1, 512),
        (133, 512),
        (256, 512),
        (300, 1024),
        (1000, 2048),
        (1024, 2048),
        (2000, 4096),
        (4500, 16384),
        (1e6, LONGEST),
    ],
)
def test_two_states_are_two_seconds_apart_but_512_images_at_least(rate_hz, period):
    assert timetable(rate_hz).period == period


@pytest.mark.parametrize("frame_time", [0.0, -1.0, math.nan, math.inf, -math.inf])
def test_a_frame_time_that_is_none_is_as_if_nothing_were_said(frame_time):
    assert Timetable.of(DetectorInfo(frame_time_s=frame_time)) == Timetable()
    assert Timetable.of(None) == Timetable()


@given(st.floats(1e-300, 1e300))
def test_the_period_is_the_smallest_power_of_two_that_holds_two_seconds(frame_time):
    period = Timetable.of(DetectorInfo(frame_time_s=frame_time)).period
    assert SHORTEST <= period <= LONGEST
    assert period & (period - 1) == 0
    images = PERIOD_S / frame_time
    assert period == LONGEST or period >= 0.99 * images
    assert period == SHORTEST or period / 2 < images


@given(st.integers(1, 40_000))
def test_a_rate_gives_one_period_however_many_digits_its_frame_time_has(rate_hz):
    """Streams send text, files single precision, people six digits."""
    exact = 1 / rate_hz
    forms = (exact, float(np.float32(exact)), float(f"{exact:.6g}"))
    made = {Timetable.of(DetectorInfo(frame_time_s=form)).period for form in forms}
    assert len(made) == 1


def test_a_daemon_that_starts_again_has_the_same_timetable():
    run, header = new_run(), start()
    info = replace(header.info, frame_time_s=0.0007)
    run.key, run.start = header.key, replace(header, info=info)
    again = read_run_record(json.loads(json.dumps(run_record(run, "opened"))))
    assert again.start is not None
    assert Timetable.of(again.start.info) == Timetable.of(info) == Timetable(4096)


# -- which image uses and teaches what -------------------------------------------------


@given(periods, ids)
def test_an_image_uses_the_last_state_that_begins_before_it(times, image_id):
    state = times.state_of(image_id)
    assert times.used_from(state) <= image_id < times.used_from(state + 1)


@given(periods, ids, ids)
def test_states_never_go_back(times, one, other):
    first, last = sorted((one, other))
    assert times.state_of(first) <= times.state_of(last)
    assert times.teaches(first) <= times.teaches(last)
    assert times.asks(first) <= times.asks(last)


@given(periods, ids)
def test_an_image_teaches_the_first_state_that_is_learned_after_it(times, image_id):
    number = times.teaches(image_id)
    assert image_id < times.taught_before(number)
    assert number == 1 or image_id >= times.taught_before(number - 1)
    assert number > times.state_of(image_id)


@given(periods, numbers)
def test_between_its_last_teacher_and_its_first_use_a_state_has_a_lead(times, number):
    used, last = times.used_from(number), times.taught_before(number)
    before, gap = times.used_from(number - 1), used - times.used_from(number - 1)
    assert used - last == gap // 2
    assert before < last < times.begun_from(number) < used
    assert times.begun_from(number) - last == min(OVERTAKEN, (used - last) // 4)
    assert gap == (used // 2 if 1 < number and used <= times.period else gap)
    assert gap <= max(times.period, FIRST)


@given(periods, ids)
def test_an_image_asks_for_what_it_uses_or_for_the_next_one(times, image_id):
    asked = times.asks(image_id)
    assert asked - times.state_of(image_id) in (0, 1)
    assert times.begun_from(asked) <= image_id or asked == 0
    assert image_id < times.begun_from(asked + 1)


@given(periods, numbers)
def test_a_window_ends_with_the_last_teacher_and_no_two_overlap(times, number):
    first, last = times.window_from(number), times.taught_before(number) - 1
    assert last - first + 1 == WINDOW
    assert times.teaches(last) == times.teaches(max(first, 0)) == number
    assert times.window_from(number + 1) > last


def test_the_first_states_double_up_to_the_period():
    starts = [Timetable(2048).used_from(n) for n in range(1, 10)]
    assert starts == [64, 128, 256, 512, 1024, 2048, 4096, 6144, 8192]
    assert [Timetable().used_from(n) for n in range(1, 7)] == [
        *(64, 128, 256, 512),
        *(1024, 1536),
    ]


@given(periods, numbers)
def test_a_state_is_used_at_the_middle_of_its_images(times, number):
    middle = times.used_at(number)
    assert times.used_from(number) < middle < times.used_from(number + 1)
    assert times.used_at(number, [3, 5, 10]) == 6
