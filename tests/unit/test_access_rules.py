"""The rules of who may see what, tried as somebody would who wants to see more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recorder.records.access import (
    ALL_PROPOSALS,
    NOTHING,
    Only,
    Rights,
    RunPlace,
    SessionRight,
    fold,
    joined,
    same,
)

BEGIN = datetime.fromisoformat("2026-11-28T08:00:00")
NAMES = ["mx1", "MX1", "mx-1", "mx10", "mx123", "mx1 ", "", "mx\u0131", "mX1"]
BEAMLINES = ["id29", "ID29", "id29-1", "id2", "idK", "id\u212a", ""]
names = st.sampled_from(NAMES)
beamlines = st.sampled_from(BEAMLINES)
moments = st.integers(-3, 3).map(lambda hours: BEGIN + timedelta(hours=hours))
visits = st.one_of(st.none(), st.integers(0, 3))
sessions = st.builds(
    SessionRight,
    session_id=st.integers(0, 4),
    proposal=names,
    beamline=st.one_of(st.none(), beamlines),
    visit=visits,
    starts=st.one_of(st.none(), moments),
    ends=st.one_of(st.none(), moments),
)
places = st.builds(
    RunPlace,
    beamline=beamlines.filter(bool),
    proposal=names,
    visit=visits,
    session_id=st.one_of(st.none(), st.integers(0, 4)),
    when=st.one_of(st.none(), moments),
)
rights = st.builds(
    Rights,
    login=st.just("ada"),
    permissions=st.frozensets(st.sampled_from(["", ALL_PROPOSALS, "manage_groups"])),
    everything=st.booleans(),
    beamlines=st.frozensets(beamlines),
    sessions=st.lists(sessions, max_size=4).map(tuple),
    proposals=st.frozensets(names),
)
limits = st.one_of(
    st.none(),
    st.builds(Only, beamline=beamlines),
    st.builds(Only, proposal=names),
    st.builds(Only, session=st.integers(0, 4)),
)
modest = rights.map(lambda found: replace(found, everything=False))


def as_compared(name: str) -> str:
    """What a database without regard to case makes of plain names."""
    return "".join(c.lower() if "A" <= c <= "Z" else c for c in name).rstrip(" ")


def naive(who: Rights, place: RunPlace) -> bool:
    """The rules once more, word by word as docs/reference/access.md has them."""
    beamline, proposal = as_compared(place.beamline), as_compared(place.proposal)
    if who.everything or beamline in map(as_compared, filter(None, who.beamlines)):
        return True
    if proposal and proposal in map(as_compared, who.proposals):
        return True
    return any(naive_session(session, place) for session in who.sessions)


def naive_session(session: SessionRight, place: RunPlace) -> bool:
    theirs = as_compared(session.proposal)
    named = as_compared(place.proposal)
    if place.session_id is not None:
        agree = not (theirs and named) or theirs == named
        return session.session_id == place.session_id and agree
    if not theirs or theirs != named:
        return False
    there = None if session.beamline is None else as_compared(session.beamline)
    if there is not None and there != as_compared(place.beamline):
        return False
    if place.visit:
        return session.visit == place.visit
    if there is None or None in (session.starts, session.ends, place.when):
        return False
    return session.starts <= place.when < session.ends


@given(places)
def test_nobody_sees_nothing(place):
    assert not NOTHING.sees(place)
    assert NOTHING.why(place) == ""


@given(places, st.frozensets(st.sampled_from([ALL_PROPOSALS, "manage_groups", ""])))
def test_a_permission_opens_nothing_by_itself(place, permissions):
    """What a permission opens is said when rights are read; py-ISPyB's `all([])`."""
    assert not Rights("eve", permissions=permissions).sees(place)


@given(st.sampled_from(["", "manage_groups", ALL_PROPOSALS]))
def test_nobody_has_a_permission_that_was_not_given(permission):
    assert not NOTHING.may(permission)


@given(rights, places)
def test_the_rules_are_those_of_the_page(who, place):
    assert who.sees(place) == naive(who, place)


@given(rights, rights, places)
def test_two_sources_give_what_each_gives_and_no_more(one, other, place):
    both = joined(one, other)
    assert both.sees(place) == (one.sees(place) or other.sees(place))
    assert joined(one, NOTHING).sees(place) == one.sees(place)


@given(rights, rights, limits, limits, places)
def test_a_limit_only_ever_takes_away(one, other, first, second, place):
    limited, also = replace(one, only=first), replace(other, only=second)
    assert limited.sees(place) <= one.sees(place)
    assert limited.sees(place) <= (first is None or first.holds(place))
    both = joined(limited, also)
    assert both.sees(place) <= (one.sees(place) or other.sees(place))
    for limit in (first, second):
        assert both.sees(place) <= (limit is None or limit.holds(place))


@given(places)
def test_a_limit_that_says_nothing_holds_nothing(place):
    assert not Only().holds(place)
    assert not Rights("ada", everything=True, only=Only()).sees(place)


@given(modest, places)
def test_who_sees_a_run_no_longer_does_without_the_right(who, place):
    """Rights are the sum of their parts: take all away, and nothing is left."""
    assume(who.sees(place))
    less = replace(who, beamlines=frozenset(), proposals=frozenset(), sessions=())
    assert not less.sees(place)


@st.composite
def held(draw):
    """A session, and a run of it by one of the three ways."""
    session = replace(
        draw(sessions), proposal="mx1", starts=BEGIN, ends=BEGIN + timedelta(hours=3)
    )
    way = draw(st.sampled_from(["id", "visit", "time"]))
    visit = draw(st.integers(1, 3)) if way == "visit" else draw(visits)
    session = replace(session, visit=visit)
    if way == "time" or session.beamline == "":
        session = replace(session, beamline="id29")
    place = RunPlace(
        session.beamline or "id29",
        "MX1",
        visit if way == "visit" else None,
        session.session_id if way == "id" else None,
        BEGIN + timedelta(hours=draw(st.integers(0, 2))),
    )
    return session, place


@given(held())
def test_a_session_is_not_another_one(both):
    """Of a run that a session holds: another visit, beamline, time or id is not."""
    session, place = both
    assert session.holds(place)
    if place.session_id is not None:
        other = replace(place, session_id=place.session_id + 1)
        assert not session.holds(other)
        return
    assert not session.holds(replace(place, proposal="mx99"))
    if session.beamline is not None:
        assert not session.holds(replace(place, beamline="id1"))
    if place.visit:
        assert not session.holds(replace(place, visit=place.visit + 1))
    else:
        for when in (BEGIN - timedelta(hours=4), BEGIN + timedelta(hours=4), None):
            assert not session.holds(replace(place, when=when))


@given(sessions, places)
def test_a_run_is_in_one_of_two_sessions_that_follow(session, place):
    assume(None not in (session.starts, session.ends))
    following = replace(session, starts=session.ends, ends=BEGIN + timedelta(days=9))
    unknown = replace(place, session_id=None, visit=None)
    assert not (session.holds(unknown) and following.holds(unknown))


@given(sessions, places)
def test_a_date_that_is_not_known_proves_nothing(session, place):
    by_time = replace(place, session_id=None, visit=None)
    for gone in ({"starts": None}, {"ends": None}, {"beamline": None}):
        assert not replace(session, **gone).holds(by_time)


@pytest.mark.parametrize("visit", [None, 0])
def test_a_run_without_visit_is_in_no_session_by_visit(visit):
    """At the ESRF all sessions have visit 0: it must not make them one."""
    session = SessionRight(1, "mx1", "id29", 0)
    assert not session.holds(RunPlace("id29", "mx1", visit, None, BEGIN))


def test_a_time_with_a_zone_is_no_local_time():
    session = SessionRight(1, "mx1", "id29", 0, BEGIN, BEGIN + timedelta(hours=8))
    assert session.holds(RunPlace("id29", "mx1", None, None, BEGIN))
    aware = BEGIN.replace(tzinfo=UTC)
    assert not session.holds(RunPlace("id29", "mx1", None, None, aware))


def test_an_announcement_that_contradicts_its_session_is_no_proof():
    """Somebody announced mx1 with the session of another proposal."""
    session = SessionRight(7, "mx20", "id29", 1)
    assert not session.holds(RunPlace("id29", "mx1", 1, 7, BEGIN))
    assert session.holds(RunPlace("id29", "MX20", 1, 7, BEGIN))
    assert session.holds(RunPlace("id29", "", None, 7, BEGIN))


def test_a_session_without_a_name_of_its_own_is_known_by_its_id():
    session = SessionRight(7, "", "id29", 1, BEGIN, BEGIN + timedelta(hours=8))
    assert session.holds(RunPlace("id29", "mx1", 1, 7, BEGIN))
    assert not session.holds(RunPlace("id29", "mx1", 1, None, BEGIN))
    assert not session.holds(RunPlace("id29", "", 1, None, BEGIN))


@pytest.mark.parametrize(
    ("one", "other", "are"),
    [
        ("mx1", "MX1", True),
        ("mx1", "mx1  ", True),
        ("mx-1", "mx1", False),
        ("mx_1", "mx-1", False),
        ("mx1", " mx1", False),
        ("mx1", "mx1\n", False),
        ("mx1", "mx01", False),
        ("idK", "id\u212a", False),  # Kelvin
        ("straße1", "strasse1", False),
        ("mxé1", "mxe1", False),
        ("mxé1", "mxÉ1", False),
        ("mx\uff11", "mx1", False),  # full width
    ],
)
def test_names_that_are_one(one, other, are):
    assert same(one, other) is are
    assert (fold(one) == fold(other)) is are


def test_a_name_that_is_empty_is_nobodys():
    who = Rights("ada", beamlines=frozenset({"", " "}), proposals=frozenset({"", " "}))
    assert not who.sees(RunPlace("id29"))
    assert not who.sees(RunPlace(" ", " "))
