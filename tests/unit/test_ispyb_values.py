"""A value is stored as it was, shortened where that is harmless, or refused."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Double, Float, Integer, MetaData, String, Table

from recorder.errors import SinkError
from recorder.ispyb.schema.live_schema import MAX_INT, LiveColumn, LiveSchema
from recorder.ispyb.schema.values import (
    MAX_FLOAT,
    fit,
    latin1,
    local_time,
    number,
    split_proposal,
)

TABLE = Table(
    "T",
    MetaData(),
    Column("count", Integer),
    Column("single", Float),
    Column("double", Double),
    Column("text", String),
    Column("filePath", String),
)


def stored(name: str, value: object, **live: object) -> object:
    """What a column of the live schema gets."""
    schema = LiveSchema({"T": {name: LiveColumn(**live)}})
    return fit(schema, TABLE, {name: value})[name]


ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@given(ANYTHING)
def test_a_number_is_finite_or_none(value):
    found = number(value)
    if isinstance(value, bool | str) or value is None:
        assert found is None
    else:
        assert found is None or (math.isfinite(found) and found == float(value))
    assert number(1e308) == 1e308 and number(10**400) is None


@given(st.text(), st.integers(0, 30))
def test_text_fits_its_column(value, length):
    for charset, top in (("utf8mb4", 0x10FFFF), ("utf8mb3", 0xFFFF), ("latin1", 0xFF)):
        found = stored("text", value, length=length, charset=charset)
        assert isinstance(found, str)
        assert len(found) <= length
        assert all(0 < ord(c) <= top for c in found)
        if charset != "latin1" and all(0 < ord(c) < 0xD800 for c in value):
            assert found == value[:length]


@given(st.text(st.characters(min_codepoint=1, max_codepoint=0xFF)))
def test_latin1_text_stays_as_it_is(value):
    assert latin1(value) == value


def test_what_people_type_has_a_place_in_latin1():
    assert latin1("5 \u03bcm, \u03b1\u2013\u03b3, Zu\u0308rich, \u4e2d") == (
        "5 \u00b5m, alpha-gamma, Z\u00fcrich, ?"
    )


@given(st.integers())
def test_a_whole_number_fits_or_is_refused(value):
    for largest in (127, MAX_INT):
        if -MAX_INT <= value <= largest:
            assert stored("count", value, maximum=largest) == value
        else:
            with pytest.raises(SinkError, match="cannot hold"):
                stored("count", value, maximum=largest)


@given(st.floats())
def test_a_float_that_does_not_fit_is_left_out(value):
    finite = math.isfinite(value)
    assert stored("double", value) == (value if finite else None)
    assert stored("single", value) == (value if abs(value) <= MAX_FLOAT else None)


@given(st.text(min_size=1, max_size=20))
def test_a_path_is_never_cut_or_spelt_otherwise(path):
    try:
        found = stored("filePath", path, length=10, charset="latin1")
    except SinkError as error:
        assert "choose a results_directory" in str(error)
        assert len(path) > 10 or latin1(path.replace("\0", "")) != path
    else:
        assert found == path


def test_a_choice_is_one_of_those_there_are():
    assert stored("text", "yes", choices=("yes", "no")) == "yes"
    with pytest.raises(SinkError, match="only yes, no"):
        stored("text", "perhaps", choices=("yes", "no"))


def test_a_column_that_is_not_there_is_left_out():
    assert fit(LiveSchema({"T": {}}), TABLE, {"count": 1, "text": "a"}) == {}


@given(st.integers(0, 4 * 10**18))
def test_a_time_loses_its_zone_and_its_fraction(time_ns):
    assert local_time(time_ns, ZoneInfo("UTC")) == datetime.fromtimestamp(
        time_ns // 10**9, UTC
    ).replace(tzinfo=None)


def test_a_time_is_that_of_the_wall_clock():
    moment = int(datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp()) * 10**9
    paris = local_time(moment, ZoneInfo("Europe/Paris"))
    assert paris is not None and paris.isoformat() == "2026-07-01T14:00:00"
    assert local_time(None, ZoneInfo("Europe/Paris")) is None


@given(st.from_regex(r"[A-Za-z]{1,4}[0-9]{1,6}", fullmatch=True))
def test_a_proposal_is_code_and_number(name):
    code, digits = split_proposal(name)
    assert (code + digits, code.isalpha(), digits.isdigit()) == (name, True, True)


@pytest.mark.parametrize("name", ["", "mx", "2345", "mx-2345", "mx2345 ", "mx23a"])
def test_other_proposals_are_refused(name):
    with pytest.raises(SinkError, match="no code and number"):
        split_proposal(name)
