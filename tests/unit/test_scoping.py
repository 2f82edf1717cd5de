"""Rights as conditions of queries say what the rules say, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, insert, select
from sqlalchemy.pool import StaticPool

from recorder.ispyb.people.scoping import (
    proposal_visible,
    session_visible,
    visible,
)
from recorder.ispyb.schema import people_tables as p
from recorder.records.access import NOTHING, Only, Rights, RunPlace, SessionRight

PROPOSALS = {1: "mx10", 2: "mx20", 3: "MX30", 4: None}
"""Names by number; the last one has none, and no session."""
SESSIONS = {
    1: (1, "id29"),
    2: (1, "ID29 "),
    3: (1, None),
    4: (2, "demo"),
    5: (2, "id29-1"),
    6: (3, ""),
}
"""Proposal and beamline by number."""
JOINED = p.proposal.outerjoin(
    p.session, p.session.c.proposalId == p.proposal.c.proposalId
)


@pytest.fixture(scope="module")
def db() -> Iterator[Connection]:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    p.people.create_all(engine)
    with engine.begin() as db:
        for number, name in PROPOSALS.items():
            code, digits = (name[:2], name[2:]) if name else (None, None)
            values = {"proposalCode": code, "proposalNumber": digits}
            db.execute(insert(p.proposal).values(proposalId=number, **values))
        for number, (proposal, beamline) in SESSIONS.items():
            values = {"sessionId": number, "beamLineName": beamline}
            db.execute(insert(p.session).values(proposalId=proposal, **values))
    with engine.connect() as db:
        yield db
    engine.dispose()


numbers = st.frozensets(st.integers(1, 4))
rights = st.builds(
    lambda everything, beamlines, sessions, proposals, only: Rights(
        "ada",
        everything=everything,
        beamlines=beamlines,
        sessions=tuple(SessionRight(n, "") for n in sorted(sessions)),
        proposals=frozenset(filter(None, map(PROPOSALS.get, proposals))),
        proposal_ids=proposals,
        only=only,
    ),
    st.sampled_from([False, False, False, True]),
    st.frozensets(st.sampled_from(["id29", "Demo", "", "id2%", "id_9", "ID29-1"])),
    st.frozensets(st.integers(1, 7)),
    numbers,
    st.one_of(
        st.none(),
        st.builds(Only, beamline=st.sampled_from(["ID29", "demo", ""])),
        st.builds(Only, proposal=st.sampled_from(["MX10", "mx3_", "mx30"])),
        st.builds(Only, session=st.integers(1, 7)),
    ),
)


def place_of(number: int) -> RunPlace:
    proposal, beamline = SESSIONS[number]
    return RunPlace(beamline or "", PROPOSALS[proposal] or "", session_id=number)


def seen_by(who: Rights) -> list[int]:
    return [number for number in SESSIONS if who.sees(place_of(number))]


@given(rights)
def test_a_query_gives_the_sessions_that_the_rules_allow_each_once(db, who):
    number = p.session.c.sessionId
    query = select(number).select_from(JOINED).where(visible(who), number.is_not(None))
    assert sorted(db.execute(query).scalars()) == seen_by(who)
    again = select(number).where(session_visible(who, number))
    assert sorted(db.execute(again).scalars()) == seen_by(who)


@given(rights)
def test_a_proposal_is_seen_by_itself_or_by_a_session_of_it(db, who):
    number = p.proposal.c.proposalId
    found = db.execute(select(number).where(proposal_visible(who, number)))
    by_session = {SESSIONS[n][0] for n in seen_by(who)}
    own = {n for n in who.proposal_ids if _within(who.only, n)}
    everything = set(PROPOSALS) if who.everything and who.only is None else set()
    allowed = by_session | own | everything
    if who.everything and who.only is not None:
        allowed |= {n for n in PROPOSALS if _within(who.only, n)}
    assert sorted(found.scalars()) == sorted(allowed)


def _within(only: Only | None, proposal: int) -> bool:
    """Whether a limit holds a proposal by its name, or by a session of it."""
    if only is None:
        return True
    if not (only.beamline or only.proposal):
        return any(
            number == only.session and of == proposal
            for number, (of, _) in SESSIONS.items()
        )
    names = [(PROPOSALS[proposal] or "", b or "") for b in _beamlines(proposal)]
    return any(only.holds(RunPlace(beamline, name)) for name, beamline in names)


def _beamlines(proposal: int) -> list[str | None]:
    return [b for of, b in SESSIONS.values() if of == proposal] or [None]


def test_of_nobody_is_nothing_even_where_all_is_null(db):
    query = select(p.proposal.c.proposalId).select_from(JOINED).where(visible(NOTHING))
    assert db.execute(query).all() == []
    blank = replace(NOTHING, beamlines=frozenset({"", " "}))
    query = select(p.proposal.c.proposalId).select_from(JOINED).where(visible(blank))
    assert db.execute(query).all() == []


def test_aliases_are_taken(db):
    proposal, session = p.proposal.alias("a"), p.session.alias("b")
    who = Rights("ada", proposal_ids=frozenset({1}))
    tables = proposal.outerjoin(session, session.c.proposalId == proposal.c.proposalId)
    query = select(session.c.sessionId).select_from(tables)
    found = db.execute(query.where(visible(who, proposal, session))).scalars().all()
    assert sorted(found) == [1, 2, 3]
