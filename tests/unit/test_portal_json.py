"""What comes as JSON, whatever comes: read, or refused with its place and a reason."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.portal.bodies import BodyError, body_of, content_of
from recorder.portal.json_text import Document, documents
from recorder.portal.texts import Reading
from recorder.portal.wanted import Body
from tests.portal import body, person

PARIS = ZoneInfo("Europe/Paris")


def read(data: Any, **reading: Any) -> Body:
    return body_of(Document("x", data), Reading(PARIS, **reading))


def errors(text: bytes) -> list[str]:
    return [document.error for document in documents(text, "x")]


@pytest.mark.parametrize("several", ["list", "lines", "one"])
def test_one_a_list_or_lines(several: str) -> None:
    bodies = [body(n) for n in range(1 if several == "one" else 3)]
    text = json.dumps(bodies if several == "list" else bodies[0])
    if several == "lines":
        text = "\ufeff" + "\r\n\n".join(map(json.dumps, bodies)) + "\n"
    found = documents(text.encode(), "x")
    assert [d.data for d in found] == bodies and not any(d.error for d in found)
    assert len({d.where for d in found}) == len(bodies)


def test_a_bad_line_costs_itself_only() -> None:
    lines = [json.dumps(body(1)), '{"proposal": ', json.dumps(body(2)), "7", "\udcff"]
    text = "\n".join(lines).encode("utf-8", "surrogateescape")
    found = documents(text, "x")
    assert [bool(d.error) for d in found] == [False, True, False, True, True]
    assert "x:2" == found[1].where


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"{", "no JSON"),
        (b"[" * 1_000_000, "within each other"),
        (b'{"a":' * 1_000_000, "within each other"),
        (b"[" * 30 + b"]" * 30, "no object"),
        (b'{"proposal":' + b"[" * 30 + b"]" * 30 + b"}", "within each other"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "too large"),
        (b'{"proposal": {"a": 1, "a": 2}}', "'a' twice"),
        (b"7", "no object"),
        (b'"text"', "no object"),
        (b"\xff\xfe", "no JSON"),
    ],
)
def test_hostile_text_is_refused(text: bytes, said: str) -> None:
    (error,) = errors(text)
    assert said in error and len(error) < 300


@given(st.binary(max_size=200))
def test_no_bytes_are_too_strange(text: bytes) -> None:
    for document in documents(text, "x"):
        if not document.error:
            try:
                body_of(document, Reading())
            except BodyError as error:
                assert str(error)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["", "\0", "\ud800", "2026-11-28", "ada", "x" * 300]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = st.sampled_from(
    "proposalCode proposalNumber externalId persons login laboratory name city country "
    "sessions startDate person acronym cardName labcontacts session_options".split()
)


@given(st.dictionaries(KEYS, values), st.lists(values), st.lists(values))
def test_no_value_is_too_strange(
    proposal: dict[str, Any], sessions: list[Any], proteins: list[Any]
) -> None:
    """It is a body, or a reason; and nothing that is refused disappears."""
    data = {"proposal": proposal, "sessions": sessions, "proteins": proteins}
    try:
        found = read(data)
    except BodyError as error:
        assert str(error)
        return
    kinds = [refused.kind for refused in found.refused]
    assert len(found.sessions) + kinds.count("session") == len(sessions)
    assert len(found.proteins) + kinds.count("protein") == len(proteins)


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("2026-11-28T08:00:00Z", "2026-11-28 09:00:00"),
        ("2026-07-28T08:00:00z", "2026-07-28 10:00:00"),
        ("2026-11-28T08:00:00.999+05:30", "2026-11-28 03:30:00"),
        ("2026-11-28 08:00", "2026-11-28 08:00:00"),
        ("2026-11-28", "2026-11-28 00:00:00"),
        ("2026-10-25T00:30:00Z", "2026-10-25 02:30:00"),  # twice that night
        ("2026-10-25T01:30:00Z", "2026-10-25 02:30:00"),
    ],
)
def test_dates_become_local_time(text: str, local: str) -> None:
    found = read(body(sessions=[{"externalId": 1, "startDate": text}]))
    assert found.sessions[0].values["startDate"] == datetime.fromisoformat(local)


def test_dates_as_they_are_written() -> None:
    said = body(sessions=[{"externalId": 1, "startDate": "2026-11-28T08:00:00Z"}])
    found = read(said, convert=False).sessions[0]
    assert found.values["startDate"] == datetime.fromisoformat("2026-11-28 08:00:00")


@pytest.mark.parametrize(
    "wrong",
    [
        *(20261128, 1.5, True, "", [], "20261128", "28.11.2026", "2026-W48-6"),
        *("2026-02-30", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-10:00"),
        "0999-01-01",
    ],
)
def test_what_is_no_date_is_refused(wrong: Any) -> None:
    found = read(body(sessions=[{"externalId": 1, "startDate": wrong}]))
    (refused,) = found.refused
    assert "startDate" in refused.reason and not found.sessions


def test_what_is_not_written_is_named() -> None:
    reading = Reading(PARIS)
    said = body(proposal={"persons": [person(1, passwd="x", shoe=42)]})
    body_of(Document("x", said), reading)
    assert reading.ignored == {"person.passwd", "person.shoe"}


def test_no_order_of_keys_makes_another_content() -> None:
    said = body()
    turned = dict(reversed(said.items()))
    assert content_of(said) == content_of(turned) != content_of(body(2))


def test_null_in_a_key_says_nothing() -> None:
    found = read(body(proposal={"persons": [{"login": None, "externalId": 3}]}))
    assert found.persons is not None
    assert "login" not in found.persons[0].values
