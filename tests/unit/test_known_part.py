"""Digits that a measurement leaves open are not shown."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recorder.records import EventType
from recorder.records.timeline_report import SeenEvent
from recorder.sinks.ispyb.chains import known_part, period_sigma
from recorder.ssx.measured.audit import SIGMAS

VALUES = st.floats(-1e4, 1e4)
SIGMA = st.floats(1e-10, 1e-2)


@pytest.mark.parametrize(
    ("measured", "sigma", "commanded", "shown"),
    [
        (0.0999992, 4e-7, 0.1, 0.1),
        (0.900001, 1e-6, 0.9, 0.9),
        (0.0999992, 1e-9, 0.1, 0.0999992),  # it is known to be something else
        (0.1234567, 1e-4, None, 0.1235),
        (0.3, 0.1, None, 0.3),
        (-50.00000004, 1e-7, -50.0, -50.0),
        (0.0999992, 0.0, 0.1, 0.0999992),
    ],
)
def test_what_is_known_is_shown(measured, sigma, commanded, shown):
    assert known_part(measured, sigma, commanded) == shown


@given(VALUES, SIGMA, st.none() | VALUES)
def test_nothing_that_is_known_is_lost(value, sigma, commanded):
    shown = known_part(value, sigma, commanded)
    assert abs(shown - value) <= SIGMAS * sigma + 1e-12
    assert len(repr(shown)) <= max(len(repr(value)), len(repr(commanded)))


@given(st.integers(1, 10**6), SIGMA, st.floats(-SIGMAS, SIGMAS))
def test_a_command_that_was_obeyed_is_shown_as_commanded(ticks, sigma, off):
    commanded = ticks / 1e6
    measured = commanded + off * sigma
    assume(abs(measured - commanded) <= SIGMAS * sigma)
    assert known_part(measured, sigma, commanded) == commanded


def test_a_period_is_known_the_better_the_more_pulses():
    few, many = (
        SeenEvent(EventType.XRAY_DETECTION, seen=n, jitter=1e-6) for n in (10, 1000)
    )
    assert period_sigma(many) == pytest.approx(period_sigma(few) / 1000)
    assert period_sigma(SeenEvent(seen=1, jitter=1.0)) == 0.0
    assert math.isfinite(period_sigma(SeenEvent()))
