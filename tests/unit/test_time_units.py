"""``time_ns`` in another unit than nanoseconds: refused, with the right one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.records import Announcement, BadMessage, TimedEvent
from recorder.sources.control.messages import parse_message
from recorder.sources.dectris.stream1 import _zoned_ns
from recorder.sources.dectris.stream2_values import _date_ns
from tests.builders import announcement, dumps

YEARS = st.integers(946_684_800, 4_102_444_799)
SIZES = {"seconds": 10**9, "milliseconds": 10**6, "microseconds": 10**3}


def start(time_ns: int) -> bytes:
    body = announcement()
    del body["time"]
    return dumps({**body, "time_ns": time_ns})


@given(YEARS, st.sampled_from(list(SIZES)))
def test_a_unit_that_is_evident_is_named_with_the_right_number(seconds, unit):
    sent = seconds * 10**9 // SIZES[unit]
    (record,) = parse_message("collection/start", start(sent))
    assert isinstance(record, BadMessage)
    assert record.kind == "time_unit"
    assert unit in record.detail
    assert f"send {seconds * 10**9}" in record.detail


@given(YEARS)
def test_nanoseconds_are_taken_as_they_are(seconds):
    (record,) = parse_message("collection/start", start(seconds * 10**9))
    assert isinstance(record, Announcement)
    assert record.time_ns == seconds * 10**9


EVENT = {"uid": "a", "type": "LaserExcitation", "time_ns": 1_795_810_077_599}


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("event", EVENT),
        ("collection/end", {"uid": "u", "time_ns": 1_795_810_077, "status": "failed"}),
    ],
)
def test_events_and_ends_as_well(topic, body):
    (record,) = parse_message(topic, dumps(body))
    assert isinstance(record, BadMessage)
    assert record.kind == "time_unit"


def test_a_clock_of_its_own_may_count_from_any_moment():
    (record,) = parse_message("event", dumps({**EVENT, "clock": "panda-1"}))
    assert isinstance(record, TimedEvent)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_date_that_no_clock_shows_is_not_known(moment: datetime):
    """A detector whose clock was never set: its images are as good as any."""
    for found in (_date_ns(moment), _zoned_ns(moment.isoformat())):
        assert found is None or -(2**63) <= found < 2**63
        assert found is not None or not 1679 < moment.year < 2261
