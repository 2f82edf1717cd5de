"""What a person's own page says of their rights: each of them, and none that is not."""

from __future__ import annotations

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from recorder.records.access import Only, Rights, SessionRight
from recorder.web.rights_in_words import MAX_TOLD, in_words

PROPOSALS = st.frozensets(st.from_regex(r"mx[0-9]{4}", fullmatch=True), max_size=30)
SESSIONS = st.frozensets(st.integers(1, 10**6), max_size=30)


@given(PROPOSALS, SESSIONS)
def test_whoever_sees_something_is_told_so_and_a_long_list_says_how_long(names, ids):
    sessions = tuple(SessionRight(one, "mx1") for one in ids)
    told = in_words(Rights("ada", proposals=names, sessions=sessions))
    assert bool(told) == bool(names or ids)
    for lines, what in ((names, "proposals"), (ids, "sessions")):
        left = len(lines) - MAX_TOLD
        assert (f"and {left} more {what}" in told) == (left > 0)
    if len(names) <= MAX_TOLD:
        assert all(any(f"proposal {name}:" in line for line in told) for name in names)


def test_a_right_that_has_its_reason_is_told_once():
    reason = "proposal mx2345: web.people.ada"
    rights = Rights("ada", proposals=frozenset({"mx2345"}), reasons=(reason,))
    assert in_words(rights) == (reason,)


def test_a_session_is_told_with_its_place_time_and_role():
    day = datetime(2026, 11, 28, 9)  # noqa: DTZ001 (as ISPyB has it)
    session = SessionRight(7, "mx2345", "id29", 0, day, day, "Local Contact")
    (told,) = in_words(Rights("lena", sessions=(session,)))
    assert told == (
        "session 7 of mx2345 on id29 from 2026-11-28 to 2026-11-28: as Local Contact"
    )


def test_who_has_nothing_is_told_nothing():
    assert in_words(Rights("zoe")) == ()


def test_a_limited_token_names_nothing_else_of_its_owner():
    sessions = (SessionRight(7, "mx7777"),)
    reasons = ("all sessions on id29: permission mx_staff",)
    rights = Rights(
        "ada",
        proposals=frozenset({"mx2345", "mx9999"}),
        sessions=sessions,
        reasons=reasons,
        only=Only(proposal="mx2345"),
    )
    assert in_words(rights) == ("what its owner may see of mx2345",)
