"""Control messages: the contract's own examples, and everything that is none."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.records import (
    Announcement,
    BadMessage,
    CollectionEnd,
    Evidence,
    RunStatus,
    TimedEvent,
)
from recorder.records.times import parse_time
from recorder.sources.control.messages import parse_message
from tests.builders import EXAMPLE_CHAINS, announcement, dumps

EVENT = {
    "schema": "recorder.event/1",
    "uid": "a1",
    "collection": "3f0c",
    "type": "LaserExcitation",
    "name": "pump",
    "time_ns": 1795541400123456789,
    "duration": 1e-8,
    "trigger": 1234,
    "clock": "panda-1",
    "evidence": "measured",
    "value": 0.93,
}


def one(topic: str, body, **more):
    (record,) = parse_message(topic, dumps(body), **more)
    return record


def test_announcement_keeps_unknown_keys():
    body = announcement(
        event_chains=EXAMPLE_CHAINS,
        colour="blue",
        beam={"wavelength": 1.0, "mood": "calm"},
    )
    record = one("collection/start", body)
    assert isinstance(record, Announcement)
    assert record.message["colour"] == "blue"
    assert record.message["beam"]["mood"] == "calm"
    assert record.message["event_chains"][1]["events"][0]["offset"] == -50


def test_event():
    record = one("event", EVENT)
    assert isinstance(record, TimedEvent)
    assert (record.trigger, record.evidence) == (1234, Evidence.MEASURED)
    assert record.time_ns == 1795541400123456789
    assert one("event", {**EVENT, "evidence": None} | {}).__class__ is BadMessage
    plain = {key: EVENT[key] for key in ("uid", "type", "time_ns")}
    assert one("event", plain).evidence is Evidence.COMMANDED


def test_end():
    body = {
        "schema": "recorder.collection/1",
        "uid": "u",
        "time": "2026-11-23T18:30:00Z",
        "status": "aborted",
        "reason": "beam lost",
    }
    record = one("collection/end", body)
    assert isinstance(record, CollectionEnd)
    assert (record.status, record.reason) == (RunStatus.ABORTED, "beam lost")


def test_array_gives_a_record_for_each_object():
    records = parse_message("event", dumps([EVENT, 3, {**EVENT, "uid": "a2"}]))
    assert [type(r).__name__ for r in records] == [
        "TimedEvent",
        "BadMessage",
        "TimedEvent",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T18:30:00.123456789+01:00", 1795455000123456789),
        ("2026-11-23T17:30:00.1234567891234Z", 1795455000123456789),
        ("2026-11-23T17:30:00Z", 1795455000000000000),
        ("2026-11-23 17:30:00.5+00:00", 1795455000500000000),
        ("2026-11-23T18:30:00,5+0100", 1795455000500000000),
        ("2026-11-23T18:30:00+01", 1795455000000000000),
        ("2026-11-23t16:00:00-0130", 1795455000000000000),
        ("2016-12-31T23:59:60Z", 1483228800000000000),
        ("2017-01-01T00:59:60.25+0100", 1483228800250000000),
    ],
)
def test_times(text, expected):
    assert parse_time(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T18:30:00",
        "yesterday",
        "",
        "2026-13-01T00:00:00Z",
        "2026-11-23T18:30:60Z",
        "2026-11-23T23:59:61Z",
        "2026-11-23T18:30:00+01000",
        "2026-11-23T18:30:00+2500",
        "2026-11-23T18:30:00Z\n",
    ],
)
def test_times_without_zone_are_refused(text):
    with pytest.raises(ValueError):
        parse_time(text)


@pytest.mark.parametrize(
    ("topic", "body", "kind"),
    [
        ("collection/start", {"uid": "x"}, "invalid"),
        (
            "collection/start",
            announcement(schema="recorder.collection/2"),
            "unknown_schema",
        ),
        ("collection/start", announcement(proposal="../../etc"), "invalid"),
        ("collection/start", announcement(unit_cell=[1, 2, 3]), "invalid"),
        ("collection/start", announcement(unit_cell=[0, 2, 3, 90, 90, 90]), "invalid"),
        ("collection/start", announcement(images=-1), "invalid"),
        ("collection/start", announcement(time="2026-11-23T18:30:00"), "invalid"),
        ("collection/start", announcement(event_chains="Detections"), "invalid"),
        ("collection/end", {"uid": "u", "time_ns": 1, "status": "fine"}, "invalid"),
        ("event", {**EVENT, "trigger": -1}, "invalid"),
        ("event", {**EVENT, "evidence": "image_id"}, "invalid"),
        ("event", {**EVENT, "schema": "recorder.event/9"}, "unknown_schema"),
        ("event", "text", "json"),
        ("news", EVENT, "unknown_topic"),
    ],
)
def test_bad_messages_say_what_is_wrong(topic, body, kind):
    record = one(topic, body)
    assert isinstance(record, BadMessage)
    assert record.kind == kind
    assert len(record.detail) > 15


@pytest.mark.parametrize("payload", [b" ", b"{", b"\xff\xfe", b'{"uid": NaN}'])
def test_not_json(payload):
    (record,) = parse_message("event", payload)
    assert record.kind == "json"


@pytest.mark.parametrize("topic", ["collection/start", "collection/end", "event"])
@pytest.mark.parametrize("retained", [False, True])
def test_a_message_that_clears_a_retained_one_says_nothing(topic, retained):
    assert parse_message(topic, b"", retained=retained) == []


@given(
    st.integers(-8 * 10**9, 7 * 10**9),
    st.integers(-14 * 60, 14 * 60),
    st.integers(0, 10**9 - 1),
)
def test_all_ways_to_write_a_moment_are_the_same_moment(seconds, zone, ns):
    """The zone it is written in, and how the zone is written, change nothing."""
    whole = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    here = whole.astimezone(timezone(timedelta(minutes=zone)))
    hours, minutes = divmod(abs(zone), 60)
    sign = "-" if zone < 0 else "+"
    text = here.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    written = {f"{sign}{hours:02}:{minutes:02}", f"{sign}{hours:02}{minutes:02}"}
    if not minutes:
        written.add(f"{sign}{hours:02}")
    expected = seconds * 10**9 + ns
    assert {parse_time(f"{text}.{ns:09}{each}") for each in written} == {expected}


def test_retained_messages_are_state_not_events():
    assert one("event", EVENT, retained=True).kind == "retained"
    assert isinstance(
        one("collection/start", announcement(), retained=True), Announcement
    )


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(sorted(EVENT) + sorted(announcement())), inner
            )
        ),
    )
)
def test_any_json_gives_records(body):
    payload = json.dumps(body).encode()
    for topic in ("collection/start", "collection/end", "event"):
        assert isinstance(parse_message(topic, payload), list)
