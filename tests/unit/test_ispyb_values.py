"""A value is stored as it was, shortened where that is harmless, or refused."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import Column, DateTime, Double, Float, Integer, MetaData, String, Table

from recorder.config.recording import UnannouncedSection
from recorder.errors import SinkError
from recorder.ispyb.schema.live_schema import MAX_INT, LiveColumn, LiveSchema
from recorder.ispyb.schema.read_values import read_value
from recorder.ispyb.schema.values import (
    MAX_FLOAT,
    fit,
    latin1,
    local_end,
    local_time,
    number,
    split_proposal,
)
from recorder.runs.read_announcement import read_announcement

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


PY_ISPYB = r"[A-Za-z0-9_-]{1,8}[0-9]{1,6}"
"""What py-ISPyB takes for a proposal, ``(\\w|-)+\\d+``, in plain letters."""


@given(st.from_regex(PY_ISPYB, fullmatch=True))
def test_a_proposal_is_code_and_number(name):
    code, digits = split_proposal(name)
    assert (code + digits, digits.isdigit(), code != "") == (name, True, True)
    body = {"uid": "u", "time_ns": 1, "proposal": name, "experiment": {"name": "e"}}
    assert read_announcement(body).proposal == name
    assert UnannouncedSection(proposal=name).announcement().proposal == name


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("ih-ls3456", ("ih-ls", "3456")),
        ("IH-MX123", ("IH-MX", "123")),
        ("blc14", ("blc", "14")),
        ("bm1611234", ("bm", "1611234")),
        ("mx_2", ("mx_", "2")),
        ("11", ("1", "1")),
    ],
)
def test_proposals_of_a_house_are_proposals(name, parts):
    assert split_proposal(name) == parts


@pytest.mark.parametrize("name", ["", "mx", "7", "mx 2345", "mx2345 ", "mx23a", "a/1"])
def test_other_proposals_are_refused(name):
    with pytest.raises(SinkError, match="no code and number"):
        split_proposal(name)
    body = {"uid": "u", "time_ns": 1, "proposal": name, "experiment": {"name": "e"}}
    with pytest.raises(ValidationError):
        read_announcement(body)


# -- times -----------------------------------------------------------------------------

ZONES = st.sampled_from(
    [
        "Europe/Paris",
        "America/New_York",
        "Australia/Lord_Howe",  # half an hour
        "Africa/Casablanca",
        "Antarctica/Troll",  # two hours
        "Pacific/Apia",  # a day was left out
        "UTC",
    ]
)
INSTANTS = st.integers(0, 4 * 10**9)


@given(ZONES, INSTANTS, st.integers(0, 3 * 86_400))
def test_a_run_ends_after_it_starts_in_every_zone(name, start, lasted):
    zone = ZoneInfo(name)
    begun = local_time(start * 10**9 + 999_999_999, zone)
    ended = local_end((start + lasted) * 10**9 + 10**9 - 1, start * 10**9, zone)
    assert begun is not None and ended.tzinfo is None
    shown = (ended - begun).total_seconds()
    assert shown >= lasted
    before, after = (
        datetime.fromtimestamp(moment, zone).utcoffset()
        for moment in (start, start + lasted)
    )
    assert before is not None and after is not None
    # clocks that were set forward show more, those that were set back no less
    assert shown == lasted + max(0.0, (after - before).total_seconds())


@pytest.mark.parametrize("name", ["Europe/Paris", "Europe/London"])
def test_across_the_end_of_summer_time(name):
    zone = ZoneInfo(name)
    hour = 3600 * 10**9
    start = int(datetime(2026, 10, 25, 0, 50, tzinfo=UTC).timestamp()) * 10**9
    begun, ended = local_time(start, zone), local_end(start + hour // 3, start, zone)
    assert begun is not None and (ended - begun).total_seconds() == 1200
    later = local_time(start + hour // 3, zone)
    assert later is not None and later < begun  # what was written before


def test_a_clock_that_was_corrected_backwards_does_not_end_a_run_before_its_start():
    zone = ZoneInfo("Europe/Paris")
    start = 1_790_000_000 * 10**9
    assert local_end(start - 5 * 10**9, start, zone) == local_time(start, zone)


# -- what is read ----------------------------------------------------------------------

ZEROS = ["0000-00-00 00:00:00", "0000-00-00", "2026-00-00", "", "never", None, b"\xff"]


@pytest.mark.parametrize("value", ZEROS)
def test_a_date_that_is_none(value):
    assert read_value(DateTime(), value) is None


@given(st.datetimes())
def test_a_date_is_read_however_the_driver_gives_it(moment):
    for value in (moment, str(moment), str(moment).encode(), moment.isoformat()):
        assert read_value(DateTime(), value) == moment
    assert read_value(DateTime(), moment.date()) == moment.replace(
        hour=0, minute=0, second=0, microsecond=0
    )


@given(st.none() | st.binary() | st.text() | st.integers() | st.floats() | st.dates())
def test_what_is_read_is_of_the_columns_type_or_none(value):
    for kind, type_ in (
        (DateTime(), datetime),
        (Integer(), int),
        (Float(), float),
        (Double(), float),
        (String(), str),
    ):
        found = read_value(kind, value)
        assert found is None or type(found) is type_
    assert read_value(Integer(), "12") == read_value(Integer(), b"12") == 12
    assert read_value(Integer(), "12a") is None
    assert read_value(Integer(), Decimal("9007199254740993")) == 9007199254740993
