"""``time_ns`` in another unit than nanoseconds: refused, with the right one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.records import Announcement, BadMessage, TimedEvent
from recorder.sources.control.messages import parse_message
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
