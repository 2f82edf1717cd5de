"""Rights from the published tables of each flavour, with an account that only reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import select

from recorder.config import Settings
from recorder.ispyb.people.asking import People
from recorder.ispyb.people.scoping import (
    proposal_visible,
    session_visible,
    visible,
)
from recorder.ispyb.schema import people_tables as p
from recorder.ispyb.schema.database import connect, create_embedded
from recorder.records.access import Identity, Rights
from tests.people import (
    SiteOfPeople,
    UserOffice,
    populate,
    reading_account,
    root_engine,
)
from tests.published_models import ORACLES, Oracle
from tests.servers import Database

MakeSettings = Callable[..., Settings]
FLAVOURS = ("esrf", "maxiv", "diamond", "embedded")
WHO = ("none", "stranger", "local", "member", "staff", "boss")
SESSIONS = {
    "none": [],
    "stranger": [],
    "local": ["mx10-2"],
    "member": ["mx10-1", "mx10-2"],
    "staff": ["mx10-1", "mx20-2"],
    "boss": ["mx10-1", "mx10-2", "mx20-1", "mx20-2"],
}
"""Which sessions each one sees."""
PROPOSALS = {
    "none": [],
    "stranger": [],
    "local": ["mx10"],
    "member": ["mx10"],
    "staff": ["mx10", "mx20"],
    "boss": ["mx10", "mx20"],
}


class Site:
    """A site with people, and how the web process reads it."""

    def __init__(self, flavour: str, office: UserOffice, settings: Settings) -> None:
        self.flavour = flavour
        self.office = office
        self.settings = settings
        self.rows: SiteOfPeople = populate(office)
        self.people = People(settings)

    def rights(self, login: str) -> Rights:
        return self.people.rights(Identity(login))

    def expected(self, login: str) -> list[str]:
        """At Diamond nobody is a person of a proposal."""
        if self.flavour == "diamond" and login == "member":
            return ["mx10-1"]
        return SESSIONS[login]


def fill(database: Database, flavour: str) -> UserOffice:
    Oracle(ORACLES[flavour]).create(database)
    return UserOffice(root_engine(database))


@pytest.fixture(params=FLAVOURS)
def site(request: pytest.FixtureRequest, settings: MakeSettings) -> Iterator[Site]:
    found = make_site(request, settings, request.param)
    yield found
    found.people.close()
    found.office.engine.dispose()


def make_site(request: Any, settings: MakeSettings, flavour: str) -> Site:
    if flavour == "embedded":
        plain = settings()
        engine = connect(plain)
        create_embedded(engine, "mx2345", "demo")
        return Site(flavour, UserOffice(engine), plain)
    database = request.getfixturevalue("mariadb_database")
    office = fill(database, flavour)
    section = {**reading_account(database), "beamline_types": {"mx": ["id29"]}}
    return Site(flavour, office, settings(web={"ispyb": section}))


@pytest.mark.parametrize("login", WHO)
def test_who_sees_which_session(site, login):
    rights = site.rights(login)
    with site.people.reader.reading() as (db, _):
        joined = p.proposal.outerjoin(
            p.session, p.session.c.proposalId == p.proposal.c.proposalId
        )
        scoped = select(p.session.c.sessionId).select_from(joined)
        seen = db.execute(scoped.where(visible(rights))).scalars().all()
        by_session = select(p.session.c.sessionId)
        again = by_session.where(session_visible(rights, p.session.c.sessionId))
        seen_again = db.execute(again).scalars().all()
        number = p.proposal.c.proposalId
        theirs = select(number).where(proposal_visible(rights, number))
        proposals = db.execute(theirs).scalars().all()
    names = {number: name for name, number in site.rows.sessions.items()}
    known = [names[n] for n in seen if n in names]
    assert sorted(known) == site.expected(login)
    assert sorted(seen) == sorted(seen_again)
    of_proposals = {number: name for name, number in site.rows.proposals.items()}
    assert (
        sorted(of_proposals[n] for n in proposals if n in of_proposals)
        == (PROPOSALS[login])
    )
    assert login == "boss" or len(known) == len(seen)
