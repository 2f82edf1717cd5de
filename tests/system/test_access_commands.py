"""``recorder access`` on every kind of tables: what it says, changes, and refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from recorder.cli import cli
from recorder.config import load_settings
from recorder.errors import RecorderError
from recorder.ispyb.access.change_log import NAME
from recorder.ispyb.people.asking import People
from recorder.ispyb.schema import people_tables as p
from recorder.ispyb.schema.database import connect, create_embedded
from recorder.records.access import Identity, Rights
from tests.people import (
    SiteOfPeople,
    UserOffice,
    documented_grants,
    populate,
    published,
    root_engine,
)
from tests.published_models import restrict
from tests.servers import Database

FLAVOURS = ("esrf", "diamond", "embedded")
"""MAX IV's tables of persons are those of the ESRF."""
CHANGED = (
    p.person,
    p.user_group,
    p.permission,
    p.group_person,
    p.group_permission,
    p.session_person,
    p.proposal_person,
)
ConfigFile = Callable[..., Path]


class Site:
    """A configuration, and commands with it."""

    def __init__(
        self,
        flavour: str,
        office: UserOffice,
        config: Path,
        database: Database | None = None,
    ) -> None:
        self.flavour = flavour
        self.database = database
        self.office = office
        self.config = config
        self.rows: SiteOfPeople = populate(office)

    def run(self, *arguments: object) -> str:
        """What a command prints.

        Raises:
            RecorderError: It refuses.
        """
        words = [*map(str, arguments), "-c", str(self.config)]
        done = CliRunner().invoke(cli, ["access", *words])
        if done.exception is not None:
            raise done.exception
        return done.stdout

    def refuses(self, *arguments: object) -> str:
        """What it says instead; nothing is changed."""
        before = self.everything()
        with pytest.raises(RecorderError) as raised:
            self.run(*arguments)
        assert self.everything() == before
        return str(raised.value)

    def everything(self) -> list[Any]:
        """All rows that commands change."""
        with self.office.engine.connect() as db:
            return [
                db.execute(select(*table.primary_key.columns)).all()
                for table in CHANGED
            ] + [db.execute(select(p.option.c.value)).all()]

    def groups(self) -> Any:
        return json.loads(self.run("groups", "--json"))

    def rights(self, login: str) -> Rights:
        people = People(load_settings(self.config))
        found = people.rights(Identity(login))
        people.close()
        return found

    @property
    def log(self) -> list[dict[str, Any]]:
        """Lines of the file."""
        path = load_settings(self.config).state_directory / NAME
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def make_site(request: Any, config_file: ConfigFile, flavour: str) -> Site:
    if flavour == "embedded":
        config = config_file()
        engine = connect(load_settings(config))
        create_embedded(engine, "mx2345", "demo")
        return Site(flavour, UserOffice(engine), config)
    database = published(request.getfixturevalue("mariadb"), flavour)
    types = {"mx": ["id29"]}
    section = database.section()
    config = config_file(
        ispyb={**section, "flavour": flavour},
        web={"ispyb": {**section, "beamline_types": types}},
    )
    return Site(flavour, UserOffice(root_engine(database)), config, database)


@pytest.fixture(params=FLAVOURS)
def site(request: pytest.FixtureRequest, config_file: ConfigFile) -> Iterator[Site]:
    found = make_site(request, config_file, request.param)
    yield found
    found.office.engine.dispose()


@pytest.fixture
def esrf(request: pytest.FixtureRequest, config_file: ConfigFile) -> Iterator[Site]:
    found = make_site(request, config_file, "esrf")
    yield found
    found.office.engine.dispose()


def test_what_a_permission_and_a_person_change(site, log_events):
    assert not site.rights("local").everything
    site.run("grant", "office", "--person", "local")
    assert site.rights("local").everything
    assert site.run("grant", "Office", "--person", "local") == "nothing to change\n"
    site.run("revoke", "Office", "--permission", "all_proposals")
    assert not site.rights("boss").everything
    again = site.run("revoke", "Office", "--permission", "all_proposals")
    assert again == "nothing to change\n"
    site.run("grant", "Office", "--permission", "all_proposals")
    site.run("revoke", "Office", "--person", "local")
    assert not site.rights("local").everything
    assert site.rights("boss").everything
    told = [e for e in log_events if e["event"] == "access_changed"]
    assert [e["action"] for e in told] == [line["action"] for line in site.log]
    assert [line["action"] for line in site.log] == [
        "person_added",
        "permission_revoked",
        "permission_granted",
        "person_removed",
    ]
    assert all(line["by"] and line["origin"] and line["at"] for line in site.log)
    assert "local (Person" in site.log[0]["what"]


def test_a_new_person_a_new_group_a_permission_that_the_seed_lacks(site):
    role = [] if site.flavour == "embedded" else ["--role", "Local Contact"]
    session = site.rows.sessions["mx20-1"]
    new = ["person", "ada", "--given-name", "Ada", "--family-name", "Lovelace"]
    site.run(*new, "--session", session, *role, "--create")
    assert site.run(*new, "--session", session) == "nothing to change\n"
    rights = site.rights("ada")
    assert rights.name == "Ada Lovelace"
    assert [s.session_id for s in rights.sessions] == [session]
    site.run("person", "ada", "--proposal", "MX10")
    assert ("mx10" in site.rights("ada").proposals) is (site.flavour != "diamond")
    site.run("person", "ada", "--proposal", "mx10", "--session", session, "--remove")
    assert site.rights("ada").sessions == ()
    assert site.rights("ada").proposals == frozenset()
    assert site.rights("member").sessions
    site.run("grant", "Sync", "--permission", "ssx_sync", "--person", "ada", "--create")
    assert site.rights("ada").permissions == {"ssx_sync"}
    (group,) = [g for g in site.groups() if g["name"] == "Sync"]
    assert group["permissions"] == ["ssx_sync"]
    assert group["persons"] == ["ada"]


def test_who_says_it_in_words(site):
    boss, local = site.run("who", "boss"), site.run("who", "local")
    assert "sees all proposals: permission all_proposals (Permission" in boss
    assert "of group Office (UserGroup" in boss
    session = site.rows.sessions["mx10-2"]
    assert f"sees session {session} of mx10 on demo visit 2 from 2026-11-28" in local
    assert "Session_has_Person" in local
    assert "ID29" in site.run("who", "staff") or site.flavour == "diamond"
    assert "id29 staff (UserGroup" in site.run("who", "staff")
    member = site.run("who", "member")
    assert ("proposal mx10 (proposalId" in member) is (site.flavour != "diamond")
    assert "sees nothing" in site.run("who", "stranger")
    nobody = site.run("who", "loca")
    assert "sees nothing; did you mean local?" in nobody
    assert "nobody with this login" in nobody
    assert "can be nobody's login" in site.run("who", "*)(uid=*")


def test_who_says_it_to_programs(esrf):
    found = json.loads(esrf.run("who", "local", "--json"))
    assert found["sessions"][0]["session_id"] == esrf.rows.sessions["mx10-2"]
    assert found["rules"] == "pyispyb"
    assert json.loads(esrf.run("who", "nobody", "--json"))["person_ids"] == []


def test_slips_are_refused_with_what_is_near(esrf):
    grant = ("grant", "Office", "--create")
    assert "did you mean Office?" in esrf.refuses("grant", "Ofice", "--person", "boss")
    assert "did you mean local?" in esrf.refuses(*grant, "--person", "lokal")
    slip = esrf.refuses(*grant, "--permission", "all_proposal")
    assert "write all_proposals" in slip
    near = esrf.refuses("grant", "Office", "--permission", "manage_group")
    assert "did you mean manage_groups" in near
    assert "mx_admin" in esrf.refuses("revoke", "Office", "--permission", "mx_admn")
    assert "did you mean boss" in esrf.refuses("revoke", "Office", "--person", "bos")
    assert "mx10" in esrf.refuses("person", "local", "--proposal", "mx100")
    assert "sessionId" in esrf.refuses("person", "local", "--session", "99999")
    assert "did you mean local" in esrf.refuses("person", "lokal")
    assert "no login" in esrf.refuses("person", "a b", "--create")


def test_names_are_never_cut(esrf):
    """A lax server would make another name of them."""
    long = ("grant", "g" * 32, "--create", "--person", "boss")
    assert "holds 31" in esrf.refuses(*long)
    permission = ("grant", "Office", "--create", "--permission", "p" * 16)
    assert "holds 15" in esrf.refuses(*permission)
    assert "holds 45" in esrf.refuses("person", "l" * 46, "--create")


def test_one_name_that_two_proposals_have(esrf):
    esrf.office.proposal("mx1", "23")
    esrf.office.proposal("mx12", "3")
    refused = esrf.refuses("person", "local", "--proposal", "mx123")
    assert "several proposals" in refused


def test_beamlines_of_a_permission(site):
    if site.flavour == "diamond":
        refused = site.refuses("beamlines", "mx_admin", "demo")
        assert "beamline_types" in refused
        return
    assert site.rights("staff").beamlines == {"ID29"}
    site.run("beamlines", "mx_admin", "id29", "demo")
    assert site.rights("staff").beamlines == {"ID29", "demo"}
    assert "nothing" in site.run("beamlines", "mx_admin", "demo", "ID29")
    assert "did you mean demo" in site.refuses("beamlines", "mx_admin", "dmo")
    site.run("beamlines", "mx_admin", "demo")
    assert site.rights("staff").beamlines == {"demo"}
    site.run("beamlines", "saxs_staff", "bm29", "--create", "--group-name", "BioSAXS")
    site.run("grant", "Saxs", "--create", "--permission", "saxs_staff")
    site.run("grant", "Saxs", "--person", "local")
    assert site.rights("local").beamlines == {"bm29"}
    site.run("beamlines", "mx_admin", "--none")
    assert site.rights("staff").beamlines == frozenset()
    assert site.rights("local").beamlines == {"bm29"}
    many = [f"beamline-number-{n}" for n in range(40)]
    refused = site.refuses("beamlines", "mx_admin", *many, "--create")
    assert "web.ispyb.beamline_group" in refused


def test_what_else_the_option_says_stays(esrf):
    """Of groups and beamlines: sample changers, groups that nobody can read."""
    esrf.office.remove(p.option, name="beamLineGroups")
    changer = {"beamLineName": "id29", "sampleChangerType": "ISARA", "archived": True}
    groups = [
        {"groupName": "MX", "uiGroup": "mx", "permission": "p", "beamLines": [changer]},
        {"groupName": "old", "permission": "p", "beamLines": [{"beamLineName": "id1"}]},
        "not ours",
    ]
    esrf.office.beamline_groups(groups)
    esrf.run("beamlines", "p", "ID29", "demo")
    with esrf.office.engine.connect() as db:
        (text,) = db.execute(
            select(p.option.c.value).where(p.option.c.name == "beamLineGroups")
        ).scalars()
    new = {"beamLineName": "demo", "archived": False}
    assert json.loads(text) == [{**groups[0], "beamLines": [changer, new]}, "not ours"]


def test_an_option_that_cannot_be_read_is_left_alone(esrf):
    esrf.office.remove(p.option, name="beamLineGroups")
    esrf.office.beamline_groups('[{"groupName": "MX", "perm')
    assert "mend it first" in esrf.refuses("beamlines", "mx_admin", "demo")


RIGHTS = {
    "Person": "SI",
    "Proposal": "S",
    "BLSession": "S",
    "UserGroup": "S",
    "Permission": "SI",
    "UserGroup_has_Person": "SI",
    "UserGroup_has_Permission": "SI",
    "AdminVar": "S",
}


def test_a_right_that_the_account_lacks_is_named(esrf):
    """All or nothing: what came before is not changed either."""
    restrict(esrf.database, RIGHTS)
    denied = {
        "INSERT on UserGroup": ("grant", "New", "--create"),
        "DELETE on UserGroup_has_Person": ("revoke", "Office", "--person", "boss"),
        "SELECT on Session_has_Person": (
            "person",
            "local",
            "--session",
            esrf.rows.sessions["mx20-1"],
        ),
        "UPDATE on AdminVar": ("beamlines", "mx_admin", "demo"),
    }
    for right, command in denied.items():
        assert right in esrf.refuses(*command)
    both = ("person", "ada", "--create", "--proposal", "mx10")
    assert "ProposalHasPerson" in esrf.refuses(*both)
    assert esrf.rights("ada").person_id is None
    assert esrf.log == []


def test_the_documented_account_may_do_all_of_it(esrf):
    """No right is missing in the how-to."""
    database = esrf.database
    user = f"{database.user}@'127.0.0.1'"
    grants = documented_grants("recorder_admin")
    for table, rights in (("*", "ALL PRIVILEGES"), *grants.items()):
        word = "REVOKE" if table == "*" else "GRANT"
        to = "FROM" if table == "*" else "TO"
        database.execute(f"{word} {rights} ON {database.name}.{table} {to} {user}")
    assert grants.keys() >= RIGHTS.keys()
    session = str(esrf.rows.sessions["mx20-1"])
    links = ("--proposal", "mx10", "--session", session)
    esrf.run("person", "ada", "--given-name", "Ada", "--create", *links)
    esrf.run("person", "ada", *links, "--remove")
    new = ("--permission", "manage_perms", "--person", "ada")
    esrf.run("grant", "New", "--create", *new)
    esrf.run("revoke", "New", *new)
    esrf.run("beamlines", "mx_admin", "demo")
    assert len(esrf.groups()) == 3
    done = [line["action"] for line in esrf.log]
    assert done == [
        *("person_created", "person_added", "person_added"),
        *("person_removed", "person_removed"),
        *("group_created", "permission_created", "permission_granted", "person_added"),
        *("permission_revoked", "person_removed"),
        "beamlines_set",
    ]


def test_a_database_that_is_away_is_said_so(esrf, mariadb):
    mariadb.stop()
    with pytest.raises(RecorderError, match=r"127\.0\.0\.1"):
        esrf.run("grant", "Office", "--person", "local")
    with pytest.raises(RecorderError, match=r"127\.0\.0\.1"):
        esrf.run("who", "local")


def test_without_a_place_for_the_log_nothing_is_changed(esrf, tmp_path):
    state = load_settings(esrf.config).state_directory
    state.mkdir(exist_ok=True)
    (state / NAME).mkdir()
    assert "none is made" in esrf.refuses("grant", "Office", "--person", "local")


def test_a_database_that_is_not_there_yet_is_made(config_file):
    """The embedded one: people before the first run."""
    config = config_file()
    runner = CliRunner()
    words = ["access", "person", "ada", "--create", "-c", str(config)]
    assert "ada" in runner.invoke(cli, words).stdout
    again = runner.invoke(cli, ["access", "who", "ada", "-c", str(config)])
    assert "Person 1" in again.stdout


def test_an_sqlite_file_that_is_none_of_ispyb_is_said_so(config_file, tmp_path):
    """It has no accounts, so nothing can be granted."""
    config = config_file(ispyb={"url": f"sqlite:///{tmp_path / 'other.sqlite'}"})
    words = ["access", "grant", "Office", "--create", "-c", str(config)]
    refused = CliRunner().invoke(cli, words).exception
    assert isinstance(refused, RecorderError)
    assert "leave ispyb.url out" in str(refused)
