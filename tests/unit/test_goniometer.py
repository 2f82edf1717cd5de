"""Angles and triggers of headers: as sent, or left out and named, never guessed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.journal.run_record import read_run_record, run_record
from recorder.records import BadMessage, Goniometer, SeriesStart
from recorder.records.limits import MAX_DEGREES, MAX_IMAGES
from recorder.sources.dectris.goniometer import (
    AXES,
    axes_of_keys,
    axes_of_map,
    triggers_of,
)
from tests.builders import new_run
from tests.unit.test_limits_streams import header, stream2

angles = st.floats(-MAX_DEGREES, MAX_DEGREES)
garbage = st.one_of(
    st.text(max_size=5),
    st.booleans(),
    st.lists(st.integers(), max_size=2),
    st.just({}),
    st.sampled_from([math.nan, math.inf, -math.inf, 10**400, 1e300, -2 * MAX_DEGREES]),
)
counts = st.integers(1, MAX_IMAGES)
no_counts = st.one_of(garbage, st.sampled_from([0, -1, 1.5, MAX_IMAGES + 1]))


@st.composite
def said(draw):
    """Values that an axis may have, and what of it can be used."""
    start = draw(st.one_of(st.none(), angles, garbage))
    increment = draw(st.one_of(st.none(), angles, garbage))
    return start, increment


def usable(value) -> bool:
    """Whether a header's value is an angle, told otherwise than the decoder does."""
    if type(value) not in (int, float):
        return False
    try:
        return -MAX_DEGREES <= float(value) <= MAX_DEGREES
    except OverflowError:
        return False


def wanted(said_by_axis) -> list[Goniometer]:
    return [
        Goniometer(axis, float(start), float(increment or 0.0))
        for axis in AXES
        for start, increment in (said_by_axis[axis],)
        if usable(start) and (increment is None or usable(increment))
    ]


def wrong_values(said_by_axis) -> int:
    """Values that are there and no angles; a step alone lacks its start as well."""
    found = 0
    for pair in said_by_axis.values():
        if pair == (None, None):
            continue
        start, increment = pair
        found += not usable(start)
        found += increment is not None and not usable(increment)
    return found


axes = st.fixed_dictionaries({axis: said() for axis in AXES})


@given(axes)
def test_each_axis_of_stream1_stands_alone(said_by_axis):
    config = {"wavelength": 1.0}
    for axis, (start, increment) in said_by_axis.items():
        config |= {f"{axis}_start": start, f"{axis}_increment": increment}
    problems: list[str] = []
    assert axes_of_keys(config, problems) == wanted(said_by_axis)
    assert len(problems) == wrong_values(said_by_axis)


@given(axes, st.lists(st.text(max_size=5).filter(lambda n: n not in AXES), max_size=3))
def test_each_axis_of_stream2_stands_alone(said_by_axis, others):
    sent = {
        axis: {"start": start, "increment": increment}
        for axis, (start, increment) in said_by_axis.items()
    }
    problems: list[str] = []
    found = axes_of_map({**sent, **{key: {} for key in others}}, problems)
    assert found == wanted(said_by_axis)
    assert len(problems) == wrong_values(said_by_axis) + bool(others)


@given(st.one_of(counts, no_counts), st.one_of(counts, no_counts, st.none()))
def test_triggers_are_counts_or_named(images, triggers):
    problems: list[str] = []
    found = triggers_of({"nimages": images, "ntrigger": triggers}, problems)
    good = [type(n) is int and 1 <= n <= MAX_IMAGES for n in (triggers, images)]
    assert found == tuple(
        n if ok else None for n, ok in zip((triggers, images), good, strict=True)
    )
    assert len(problems) == good.count(False) - (triggers is None)


@given(garbage, garbage, garbage)
def test_garbage_in_a_goniometer_costs_only_itself(omega, map_, triggers):
    one = header({"omega_start": omega, "wavelength": 1.0, "nimages": 7})
    two = stream2(
        {"type": "start", "series_id": 1, "goniometer": map_, "number_of_images": 7}
    )
    if isinstance(two, BadMessage):  # a number that CBOR has and no message may have
        return
    assert (one.info.wavelength, one.expected_images, one.goniometer) == (1.0, 7, ())
    assert (two.expected_images, two.goniometer) == (7, ())
    assert one.problems
    assert two.problems or map_ == {}
    start = header({"nimages": 7, "ntrigger": triggers})
    assert (start.expected_images, start.triggers) == (None, None)


def test_what_a_header_says():
    keys = {"omega_start": 90, "omega_increment": -0.1, "kappa_start": 5.5}
    trig = {"nimages": 10, "ntrigger": 4, "trigger_mode": "exts"}
    start = header(keys | trig)
    rotation, kappa = Goniometer("omega", 90.0, -0.1), Goniometer("kappa", 5.5, 0.0)
    assert start.goniometer == (rotation, kappa)
    assert (start.triggers, start.images_per_trigger, start.expected_images) == (
        *(4, 10),
        40,
    )
    assert start.problems == ()
    start = header({"nimages": 10, "ntrigger": 4, "trigger_mode": "exte"})
    assert (start.triggers, start.images_per_trigger, start.expected_images) == (
        *(4, 1),
        4,
    )
    sent = {"omega": {"start": 90.0, "increment": -0.1}, "kappa": {"start": 5.5}}
    start = stream2({"type": "start", "series_id": 1, "goniometer": sent})
    assert isinstance(start, SeriesStart)
    assert (start.goniometer, start.triggers) == ((rotation, kappa), None)


@pytest.mark.parametrize("sent", ["turned", [1], 5])
def test_a_goniometer_that_is_no_map_is_named(sent):
    start = stream2({"type": "start", "series_id": 1, "goniometer": sent})
    assert start.goniometer == ()
    assert start.problems[0].startswith("goniometer of the header not used: ")


def test_a_step_without_its_start_is_no_rotation():
    start = header({"omega_increment": 0.1})
    assert start.goniometer == ()
    assert "omega_start of the header not used" in start.problems[0]


def test_true_is_no_number_of_images():
    start = {"type": "start", "series_id": 1, "number_of_images": True}
    assert stream2(start).expected_images is None


def test_a_run_record_keeps_what_the_header_said():
    start = header({"omega_start": 1, "omega_increment": 0.5, "nimages": 3})
    run = new_run("a", 1, 1, start=start, key=start.key)
    again = read_run_record(run_record(run, "opened")).start
    assert again is not None
    assert again.goniometer == start.goniometer != ()
    assert (again.triggers, again.images_per_trigger) == (None, 3)
    body = run_record(run, "opened")
    for name in ("goniometer", "angles", "triggers", "images_per_trigger"):
        del body["series"][name]  # as an earlier recorder wrote it
    older = read_run_record(body).start
    assert older is not None
    assert (older.goniometer, older.angles, older.triggers) == ((), None, None)
