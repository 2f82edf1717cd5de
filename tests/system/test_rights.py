"""Rights from the published tables of each flavour, with an account that only reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from recorder.config import Settings
from recorder.ispyb.people.asking import People
from recorder.ispyb.people.check import check_people
from recorder.ispyb.people.reading import reader
from recorder.ispyb.people.scoping import (
    proposal_visible,
    session_visible,
    visible,
)
from recorder.ispyb.schema import people_tables as p
from recorder.ispyb.schema.database import connect, create_embedded
from recorder.records.access import Identity, Rights, RunPlace
from tests.people import (
    SiteOfPeople,
    UserOffice,
    documented_grants,
    populate,
    published,
    reading_account,
    root_engine,
)
from tests.servers import Database

MakeSettings = Callable[..., Settings]
FLAVOURS = ("esrf", "diamond", "embedded")
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

    def __init__(
        self,
        flavour: str,
        office: UserOffice,
        settings: Settings,
        database: Database | None = None,
    ) -> None:
        self.flavour = flavour
        self.database = database
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
    database = published(request.getfixturevalue("mariadb"), flavour)
    section = {**reading_account(database), "beamline_types": {"mx": ["id29"]}}
    found = settings(web={"ispyb": section})
    return Site(flavour, UserOffice(root_engine(database)), found, database)


@pytest.mark.parametrize("site", ("maxiv", *FLAVOURS), indirect=True)
def test_who_sees_which_session(site):
    """In the order of the rows, each once."""
    for login in WHO:
        rights = site.rights(login)
        number, proposal = p.session.c.sessionId, p.proposal.c.proposalId
        joined = p.proposal.outerjoin(p.session, p.session.c.proposalId == proposal)
        queries = (
            select(number).select_from(joined).where(visible(rights)),
            select(number).where(session_visible(rights, number)),
            select(proposal).where(proposal_visible(rights, proposal)),
        )
        with site.people.reader.reading() as (db, _):
            one, again, proposals = (db.execute(q).scalars().all() for q in queries)
        sessions = [site.rows.sessions[name] for name in site.expected(login)]
        more = login == "boss"  # there is the demo's session, too
        assert sorted(set(one) & set(site.rows.sessions.values())) == sessions
        assert sorted(one) == sorted(again)
        assert more or sorted(one) == sessions
        theirs = [site.rows.proposals[name] for name in PROPOSALS[login]]
        assert sorted(set(proposals) & set(site.rows.proposals.values())) == theirs
        assert len(proposals) == len(set(proposals))


# -- runs ------------------------------------------------------------------------------


def test_who_sees_which_run(site):
    """The same by what is known of a run, announced, written, or neither."""
    sessions = site.rows.sessions
    when = datetime.fromisoformat("2026-11-28T12:00")
    places = {
        "written": RunPlace("demo", "mx10", 2, sessions["mx10-2"], when),
        "announced": RunPlace("demo", "MX10", 2, None, when),
        "by time": RunPlace("demo", "mx10", None, None, when),
        "another visit": RunPlace("demo", "mx10", 1, None, when),
        "another day": RunPlace("demo", "mx10", None, None, when.replace(day=20)),
        "another proposal": RunPlace("demo", "mx20", 1, sessions["mx20-1"], when),
        "unannounced": RunPlace("demo"),
        "unannounced on id29": RunPlace("id29"),
    }
    everyone = {login: site.rights(login) for login in WHO}
    seen = {
        what: [login for login in WHO if everyone[login].sees(place)]
        for what, place in places.items()
    }
    whole = [] if site.flavour == "diamond" else ["member"]
    assert seen == {
        "written": ["local", *whole, "boss"],
        "announced": ["local", *whole, "boss"],
        "by time": ["local", *whole, "boss"],
        "another visit": [*whole, "boss"],
        "another day": [*whole, "boss"],
        "another proposal": ["boss"],
        "unannounced": ["boss"],
        "unannounced on id29": ["staff", "boss"],
    }


def test_two_proposals_of_one_name_are_not_one(site):
    """mx1 + 23 and mx12 + 3: a run is of mx123, whose?"""
    ada = site.office.person("ada")
    one = site.office.proposal("mx1", "23", ada)
    other = site.office.proposal("mx12", "3")
    mine = site.office.session(one, ada, visit_number=1, beamLineName="demo")
    theirs = site.office.session(other, visit_number=1, beamLineName="demo")
    rights = site.rights("ada")
    assert not rights.sees(RunPlace("demo", "mx123", 1))
    assert not rights.sees(RunPlace("demo", "mx123", 1, theirs))
    assert rights.sees(RunPlace("demo", "mx123", 1, mine))
    assert rights.proposals == frozenset()
    assert one in rights.proposal_ids or site.flavour == "diamond"
    assert other not in rights.proposal_ids


LOGINS = [
    ("alice", "alice", True),
    ("carol", "caro", False),
    ("david", "david%", False),
    ("emily", "e_ily", False),
    ("\u00e5da", "ada", False),
    ("blank ", "blank", True),
    ("", "", False),
    (None, "", False),
    (None, "None", False),
    ("a" * 45, "a" * 46, False),
    ("x' or '1'='1", "x' or '1'='1", False),
]
"""What stands in ``Person``, who asks, and whether that is one."""


def test_logins_are_never_widened(site):
    for visit, (there, asked, known) in enumerate(LOGINS, 10):
        person = site.office.person(there)
        proposal = site.rows.proposals["mx20"]
        office, days = site.office, {"visit_number": visit, "beamLineName": "demo"}
        office.session(proposal, person, **days)
        found = site.rights(asked)
        if (site.flavour, there) == ("embedded", "blank "):
            known = False  # SQLite compares blanks at the end
        assert (found.person_id is not None) is known, there
        assert bool(found.sessions) is known, there


def test_several_persons_of_one_login_count_together(site):
    """At Diamond the login is unique; elsewhere a portal may have made two."""
    try:
        twin = site.office.person("member")
    except SQLAlchemyError:
        assert site.flavour != "embedded"
        return
    site.office.session(
        site.rows.proposals["mx20"], twin, visit_number=9, beamLineName="demo"
    )
    rights = site.rights("member")
    assert any(right.visit == 9 for right in rights.sessions)
    assert rights.person_id == site.rows.persons["member"]
    assert f"{site.rows.persons['member']}, {twin}" in "; ".join(rights.reasons)


def test_what_is_null_opens_nothing(site):
    ada = site.office.person("ada")
    nameless = site.office.proposal(None, None, ada)
    session = site.office.session(nameless, ada, visit_number=None, beamLineName=None)
    rights = site.rights("ada")
    assert rights.proposals == frozenset()
    when = datetime.fromisoformat("2026-11-28T12:00")
    for name in ("mx10", "None", ""):
        assert not rights.sees(RunPlace("demo", name, None, None, when))
    assert rights.sees(RunPlace("demo", "", None, session, when))


# -- beamline groups -------------------------------------------------------------------


DEMO = '"beamLines": [{"beamLineName": "demo"}]'
GROUPS = [
    ('[{"groupName": "MX", "permission": "mx_admin", "beamLines": [{"be', "no JSON"),
    ('{"permission": "mx_admin"}', "no list"),
    (f'[{{"groupName": "MX", {DEMO}}}]', "no permission"),
    (f'[{{"permission": "", {DEMO}}}]', "no permission"),
    (f'[{{"permission": null, {DEMO}}}]', "no permission"),
    (f'[{{"permission": ["mx_admin"], {DEMO}}}]', "no permission"),
    ('["demo"]', "no object"),
    ('[{"permission": "mx_admin", "beamLines": "demo"}]', "no list"),
    ("[" * 900, "no JSON"),
]
"""Values of ``beamLineGroups`` that open nothing, and what is said of them."""


@pytest.fixture
def esrf(request: pytest.FixtureRequest, settings: MakeSettings) -> Iterator[Site]:
    found = make_site(request, settings, "esrf")
    yield found
    found.people.close()
    found.office.engine.dispose()


def test_groups_that_cannot_be_read_open_nothing(esrf, settings):
    """What can be read beside them counts; the configuration's stand beside both."""
    site = esrf
    for value, problem in GROUPS:
        site.office.remove(p.option, name="beamLineGroups")
        site.office.beamline_groups(value)
        rights = site.rights("staff")
        assert rights.beamlines == frozenset(), value
        assert problem in " ".join(rights.reasons)
    site.office.remove(p.option, name="beamLineGroups")
    mixed = (
        '["x", {"permission": "mx_admin", "beamLines": [{"beamLineName": "demo"}, 7]}]'
    )
    site.office.beamline_groups(mixed)
    assert site.rights("staff").beamlines == {"demo"}
    more = {"name": "more", "permission": "mx_admin", "beamlines": ["id30b"]}
    section = site.settings.web.ispyb.model_dump(exclude_none=True)
    section = {**section, "beamline_group": [more]}
    people = People(settings(web={"ispyb": section}))
    assert people.rights(Identity("staff")).beamlines == {"demo", "id30b"}
    assert people.rights(Identity("local")).beamlines == frozenset()
    people.close()


# -- what is denied --------------------------------------------------------------------


LOSES = {
    "Person": "none",
    "AdminVar": "staff",
    "UserGroup": "boss",
    "Permission": "boss",
    "UserGroup_has_Person": "boss",
    "UserGroup_has_Permission": "boss",
    "Session_has_Person": "local",
    "BLSession": "local",
    "ProposalHasPerson": "member",
    "Proposal": "local",
}
"""Who loses what they see, without a table."""


def test_a_table_that_is_denied_gives_nothing(esrf):
    """Nobody ever sees more, and the table is named."""
    site, database = esrf, esrf.database
    before = {login: site.rights(login) for login in WHO}
    site.people.close()
    for table, loser in LOSES.items():
        reading_account(database, [name for name in LOSES if name != table])
        people = People(site.settings)
        for login in WHO:
            found = people.rights(Identity(login))
            assert sees_no_more(found, before[login]), (table, login)
            told = [r for r in found.reasons if "not read" in r]
            assert told or found.person_id is None
            assert all(table in reason for reason in told)
        assert people.rights(Identity(loser)) != before[loser] or loser == "none"
        people.close()


def sees_no_more(less: Rights, more: Rights) -> bool:
    return (
        less.everything <= more.everything
        and less.beamlines <= more.beamlines
        and set(less.sessions) <= set(more.sessions)
        and less.proposals <= more.proposals
        and less.proposal_ids <= more.proposal_ids
        and less.permissions <= more.permissions
    )


def test_a_table_that_may_only_be_written_gives_nothing(esrf):
    """An account that may insert sees columns that it may not read."""
    site, database = esrf, esrf.database
    user = f"{database.user}@'127.0.0.1'"
    database.execute(
        f"REVOKE SELECT ON {database.name}.Session_has_Person FROM {user}",
        f"GRANT INSERT ON {database.name}.Session_has_Person TO {user}",
    )
    site.people.close()
    site.people = People(site.settings)
    rights = site.rights("member")
    assert rights.sessions == ()
    assert "mx10" in rights.proposals
    assert any("Session_has_Person" in r and "denied" in r for r in rights.reasons)


def test_check_names_what_is_not_read(esrf, settings):
    """Also an account that could do more than read, and a group that opens nothing."""
    line = check_people(esrf.settings)
    assert (line.ok, line.warning) == (True, False)
    assert "rules of pyispyb" in line.text
    without = [name for name in LOSES if name != "ProposalHasPerson"]
    reading_account(esrf.database, without)
    user = f"{esrf.database.user}@'127.0.0.1'"
    esrf.database.execute(
        f"GRANT INSERT (type), DELETE ON {esrf.database.name}.Permission TO {user}"
    )
    esrf.office.beamline_groups("[7]")
    line = check_people(esrf.settings)
    assert (line.ok, line.warning) == (True, True)
    for told in ("ProposalHasPerson", "DELETE, INSERT", "no object"):
        assert told in line.text
    reading_account(esrf.database, [name for name in LOSES if name != "Person"])
    line = check_people(esrf.settings)
    assert not line.ok
    assert "Person" in line.text


def test_the_documented_account_reads_what_rights_need(esrf):
    """No table is missing in the how-to, and none is too much."""
    grants = documented_grants("recorder_web")
    assert set(grants.values()) == {"SELECT"}
    assert grants.keys() == LOSES.keys()
    reading_account(esrf.database, list(grants))
    assert not check_people(esrf.settings).warning


def test_check_says_where_rights_come_from(settings, tmp_path):
    made_later = check_people(settings())
    assert made_later.ok
    assert "made at the first start" in made_later.text
    url = "mariadb+pymysql://recorder@127.0.0.1:1/ispyb"
    alone = check_people(settings(ispyb={"url": url}))
    assert alone.ok
    assert "the configuration's alone" in alone.text
    away = check_people(settings(web={"ispyb": {"url": url}}))
    assert not away.ok
    assert "127.0.0.1:1" in away.text


def test_nothing_can_be_written(site):
    """Not even by an account that could."""
    engine = reader(site.settings)
    with engine.connect() as db, pytest.raises(SQLAlchemyError):
        db.execute(text("INSERT INTO Permission (type) VALUES ('all_proposals')"))
    engine.dispose()


def test_an_account_that_could_write_may_not(settings, mariadb):
    database = published(mariadb, "esrf")
    engine = reader(settings(web={"ispyb": database.section()}))
    with engine.connect() as db, pytest.raises(SQLAlchemyError, match="READ ONLY"):
        db.execute(text("INSERT INTO Permission (type) VALUES ('all_proposals')"))
    engine.dispose()
