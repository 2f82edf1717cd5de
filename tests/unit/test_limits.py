"""Control messages and JSON that are too much: refused, and told in short."""

from __future__ import annotations

import json

import pytest

from recorder.errors import BadMessageError, shown
from recorder.records import BadMessage, limits
from recorder.records.limits import load_json
from recorder.sources.control.messages import parse_message
from recorder.ssx.chains.declared import MAX_PROBLEMS, MAX_SETUPS, read_chains
from tests.builders import announcement, dumps

HUGE = 10**400


def nested(levels: int, opening: str = "[", closing: str = "]") -> str:
    return opening * levels + closing * levels


def refused(data: bytes, topic: str = "event") -> BadMessage:
    (record,) = parse_message(topic, data)
    assert isinstance(record, BadMessage)
    assert len(record.detail) <= 500
    return record


# -- JSON ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (nested(33), "too_deep"),
        (nested(100_000), "too_deep"),
        (nested(33, '{"a":[', "]}").replace("[]", "[1]"), "too_deep"),
        ("[" * 100_000, "too_deep"),
        ("[" + "[]," * limits.MAX_ITEMS + "1]", "too_big"),
        (json.dumps("x" * 2000), "too_big"),
        ("[1,]", "json"),
        ("9" * 5000, "too_big"),
    ],
    ids=lambda value: shown(value)[:30],
)
def test_json_is_bounded(text, kind):
    size = 1000 if kind == "too_big" and len(text) < 10_000 else 1 << 24
    with pytest.raises(BadMessageError) as caught:
        load_json(text, "this", size)
    assert caught.value.kind == kind
    with pytest.raises(BadMessageError):
        load_json(text.encode(), "this", size)


def test_json_up_to_the_limits_is_read():
    assert load_json(nested(32), "this", 100)
    assert load_json("[" + "1," * 99_999 + "1]", "this", 1 << 20)[-1] == 1
    assert load_json(json.dumps("[" * 5000), "this", 1 << 20) == "[" * 5000


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        1,
        HUGE,
        0.5,
        "x" * 10**6,
        b"x" * 10**6,
        [1] * 10**5,
        {"a": "x" * 999},
        [["x" * 999]],
        [HUGE, "y" * 10**6],
        (1, 2, 3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_are_shown_in_short(value):
    assert 0 < len(shown(value)) < 200


# -- control messages ------------------------------------------------------------------


@pytest.mark.parametrize("topic", ["collection/start", "collection/end", "event"])
@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"[" + b"{}," * limits.MAX_OBJECTS + b"{}]", "too_big"),
        (b'"' + b"x" * (16 << 20) + b'"', "too_big"),
        (f'{{"x": {nested(300)}}}'.encode(), "too_deep"),
        (b'{"x": NaN}', "json"),
        (b'{"x": [1e999]}', "json"),
        (b'{"x": ' + b"9" * 400 + b"}", "json"),
    ],
    ids=lambda value: shown(value)[:30],
)
def test_control_messages_are_bounded(topic, data, kind):
    assert refused(data, topic).kind == kind


def test_as_many_objects_as_allowed_are_read():
    records = parse_message("event", b"[" + b"{}," * (limits.MAX_OBJECTS - 1) + b"{}]")
    assert len(records) == limits.MAX_OBJECTS


@pytest.mark.parametrize(
    "changes",
    [
        {"uid": "u" * 256},
        {"proposal": "mx" + "1" * 300},
        {"time": "0001-01-01T00:00:00Z"},
        {"time": "9999-12-31T00:00:00Z"},
        {"time": "x" * 10**6},
        {"schema": "x" * 10**6},
        {"experiment": {"name": "n", "comments": "x" * 10_001}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_long_texts_and_impossible_times_are_refused(changes):
    assert refused(dumps(announcement(**changes)), "collection/start")


def test_a_long_reason_is_cut():
    end = {"uid": "u", "time_ns": 1, "status": "failed", "reason": "r" * 10**6}
    (record,) = parse_message("collection/end", dumps(end))
    assert record.reason == "r" * 500


def test_long_names_of_chains_do_not_fill_the_log():
    events = [{"type": "x" * 1000}] * 1000
    chains = [{"name": "n" * 10**5, "events": events}] * 200
    found = read_chains({"event_chains": chains})
    assert len(found.problems) == MAX_PROBLEMS + 1
    assert max(map(len, found.problems)) <= 300
    assert found.problems[-1] == "and 99951 more problems of the chains"
    assert "only the first 100 event_chains are used" in found.problems[0]
    assert {len(chain.name) for chain in found.chains} == {255}


def test_set_ups_of_timing_hardware_are_few():
    problems = read_chains({"timing_hardware": [3] * 100}).problems
    assert len(problems) == MAX_SETUPS + 1
