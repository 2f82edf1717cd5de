"""What a synchronisation does to the tables: on SQLite and the published schemas."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import datetime
from typing import Any

import pytest

from recorder.config import Settings
from recorder.portal.report import State
from recorder.records import Json
from tests.portal import FLAVOURS, Site, body, embedded, emptied, person, published
from tests.published_models import ORACLES, Oracle
from tests.servers import Database, MariaDB

MakeSettings = Callable[..., Settings]


@pytest.fixture(scope="module")
def databases(_mariadb_server: MariaDB) -> Iterator[dict[str, Database]]:
    """One for each flavour: the published tables are many."""
    made = {name: _mariadb_server.start().create_database() for name in FLAVOURS}
    for name, database in made.items():
        Oracle(ORACLES[name]).create(database)
    yield made
    for database in made.values():
        database.drop()


@pytest.fixture(params=["embedded", "esrf", "diamond"])
def site(request: pytest.FixtureRequest, settings: MakeSettings) -> Site:
    """Empty; MAX IV's tables of people are ESRF's."""
    if request.param == "embedded":
        return embedded(settings)
    databases = request.getfixturevalue("databases")
    return published(settings, emptied(databases[request.param]), request.param)


def session(number: int = 501, **keys: Any) -> Json:
    return {"externalId": number, **keys}


def test_a_new_proposal_with_all_that_hangs_on_it(site: Site) -> None:
    report = site.sync(everything())
    assert report.good, report.as_json()
    assert report.counts["person"] == {"created": 3}
    row = site.one("SELECT * FROM Proposal WHERE proposalNumber = '2601'")
    assert row["title"] == "Proposal 1" and row["state"] == "Open"
    assert int.from_bytes(row["externalId"], "big") == 101
    (one,) = site.rows("SELECT * FROM BLSession WHERE beamLineName = 'id29'")
    starts = datetime.fromisoformat(str(one["startDate"]).removesuffix(".000000"))
    assert starts == datetime.fromisoformat("2026-11-28 09:00:00")  # Paris
    again = site.sync(everything())
    assert again.states == {"unchanged": 1}
    assert set(again.counts["person"]) == {"unchanged"}


def everything() -> Json:
    """Every key of the format that one flavour or another has."""
    ada = person(
        1,
        givenName="Ada",
        familyName="Łukasz",
        title="Dr",
        emailAddress="ada@example.org",
        phoneNumber="+33 1",
        faxNumber="+33 2",
        siteId=7,
        personUUID="u-1",
        passwd="secret",
        cache="{}",
        laboratory={
            "name": "Institut",
            "address": "1 rue\nGrenoble",
            "city": "Grenoble",
            "country": "France",
            "url": "https://example.org",
            "laboratoryExtPk": 12,
        },
    )
    return {
        "proposal": {
            "proposalCode": "mx",
            "proposalNumber": "2601",
            "title": "Proposal 1",
            "proposalType": "MX",
            "externalId": 101,
            "state": "Open",
            "persons": [ada, {"externalId": 2000, "givenName": "No login"}],
            "labcontacts": [
                {
                    "cardName": "home",
                    "person": person(1),
                    "defaultCourrierCompany": "DHL",
                    "courierAccount": "7",
                    "billingReference": "b",
                    "dewarAvgCustomsValue": 3,
                    "dewarAvgTransportValue": 4,
                }
            ],
        },
        "sessions": [
            {
                "externalId": 501,
                "expSessionPk": 77,
                "startDate": "2026-11-28T08:00:00Z",
                "endDate": "2026-11-30T08:00:00+01:00",
                "lastUpdate": "2026-11-01T08:00:00+01:00",
                "beamLineName": "id29",
                "projectCode": "p",
                "scheduled": 1,
                "nbShifts": 3,
                "beamLineOperator": "Op",
                "visit_number": 2,
                "usedFlag": 0,
                "sessionTitle": "t",
                "structureDeterminations": 1.5,
                "dewarTransport": 0.123456789,
                "databackupFrance": 2,
                "databackupEurope": 3.25,
                "operatorSiteNumber": "12",
                "protectedData": "no",
                "nbReimbDewars": 1,
                "comments": "not ours",
                "persons": [
                    person(1, session_options={"role": "Team Leader", "remote": 1}),
                    {"externalId": 2001, "session_options": {"role": "Staff"}},
                ],
            }
        ],
        "proteins": [
            {
                "acronym": "lyso",
                "name": "Lysozyme",
                "externalId": 901,
                "hazardGroup": 2,
                "containmentLevel": 1,
                "description": "from hen",
                "safetyLevel": "GREEN",
                "molecularMass": 14305.123,
                "proteinType": "ORF",
                "sequence": "MKV",
                "isCreatedBySampleSheet": 0,
                "modId": "m",
                "person": person(1),
            }
        ],
    }


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_published_models_read_it_back(
    flavour: str, settings: MakeSettings, databases: dict[str, Database]
) -> None:
    database = emptied(databases[flavour])
    site = published(settings, database, flavour)
    said = everything()
    assert site.sync(said).good
    found = Oracle(ORACLES[flavour]).people(database)
    (proposal,) = [p for p in found if p["proposalNumber"] == "2601"]
    given = said["proposal"]
    absent = {"laboratoryExtPk"} if flavour == "diamond" else set()
    for key in ("title", "proposalType", "externalId", "state", "proposalCode"):
        assert proposal[key] == given[key]
    ada = {k: v for k, v in given["persons"][0].items() if k != "passwd"}
    place = ada.pop("laboratory")
    assert {k: proposal["pi"][k] for k in ada} == ada
    assert "passwd" not in proposal["pi"]
    for key in place.keys() - absent:
        assert proposal["pi"]["laboratory"][key] == place[key]
    assert {p["externalId"] for p in proposal["persons"]} == {1001, 2000}
    (one,) = proposal["sessions"]
    _session(one, said["sessions"][0], flavour)
    (protein,) = proposal["proteins"]
    wanted = dict(said["proteins"][0])
    wanted.pop("person")
    mass = wanted.pop("molecularMass")
    if flavour == "diamond":
        wanted.pop("modId")
    assert {k: protein[k] for k in wanted} == wanted
    assert protein["molecularMass"] == pytest.approx(mass, rel=1e-5)
    assert protein["person"]["login"] == "user1"
    (card,) = proposal["labcontacts"]
    wanted = dict(given["labcontacts"][0])
    assert card["person"]["login"] == wanted.pop("person")["login"]
    assert {k: card[k] for k in wanted} == wanted


_NOT_AT_DIAMOND = {
    "expSessionPk",
    "projectCode",
    "sessionTitle",
    "structureDeterminations",
    "dewarTransport",
    "databackupFrance",
    "databackupEurope",
    "operatorSiteNumber",
    "protectedData",
    "nbReimbDewars",
}


def _session(found: Json, said: Json, flavour: str) -> None:
    given = {k: v for k, v in said.items() if k not in ("persons", "comments")}
    if flavour == "diamond":
        assert not _NOT_AT_DIAMOND & found.keys()
        given = {k: v for k, v in given.items() if k not in _NOT_AT_DIAMOND}
    dates = {
        "startDate": "2026-11-28 09:00:00",
        "endDate": "2026-11-30 08:00:00",
        "lastUpdate": "2026-11-01 08:00:00",
    }
    for key, value in {**given, **dates}.items():
        if isinstance(value, float):
            assert found[key] == pytest.approx(value, rel=1e-5)
        else:
            assert found[key] == value, key
    assert "comments" not in found
    roles = {p["externalId"]: (p["role"], p["remote"]) for p in found["persons"]}
    assert roles == {1001: ("Team Leader", 1), 2001: ("Staff", 0)}


def test_what_a_flavour_lacks_is_named(site: Site) -> None:
    notes = site.sync(everything()).notes
    named = {note.split(" ")[0] for note in notes if "is not in this database" in note}
    wanted = {f"BLSession.{name}" for name in _NOT_AT_DIAMOND}
    wanted |= {"Laboratory.laboratoryExtPk", "Protein.modId"}
    assert named == (wanted if site.flavour == "diamond" else set())


def test_an_absent_key_leaves_alone_and_null_clears(site: Site) -> None:
    site.sync(everything())
    before = site.everything()
    bare = {
        "proposal": {"proposalCode": "mx", "proposalNumber": "2601"},
        "sessions": [session()],
    }
    assert site.sync(bare).states == {"unchanged": 1}
    assert site.everything() == before
    bare["sessions"] = [session(endDate=None, beamLineName=None)]
    bare["proposal"]["persons"] = [person(1, phoneNumber=None)]
    report = site.sync(bare)
    assert report.counts["person"] == {"changed": 1}
    row = site.one("SELECT * FROM BLSession WHERE nbShifts = 3")
    assert (row["endDate"], row["beamLineName"], row["visit_number"]) == (None, None, 2)
    ada = site.one("SELECT * FROM Person WHERE login = 'user1'")
    assert (ada["phoneNumber"], ada["emailAddress"]) == (None, "ada@example.org")


def test_a_session_without_persons_key(site: Site) -> None:
    said = body()
    del said["sessions"][0]["persons"]
    assert site.sync(said).good
    assert not site.rows("SELECT * FROM Session_has_Person")


def test_persons_without_login_are_kept_apart(site: Site) -> None:
    nobody = [{"externalId": n, "familyName": "Doe"} for n in (21, 22, 23)]
    site.sync(body(proposal={"persons": nobody}))
    assert len(site.rows("SELECT * FROM Person WHERE familyName = 'Doe'")) == 3
    assert len(site.rows("SELECT * FROM ProposalHasPerson")) == 3


def test_whoever_is_absent_stays_until_it_is_asked_for(site: Site) -> None:
    both = [person(1), person(2)]
    site.sync(
        body(
            proposal={"persons": both},
            sessions=[session(persons=both), session(502, visit_number=2)],
        )
    )
    fewer = body(proposal={"persons": [person(1)]}, sessions=[session(persons=[])])
    assert site.sync(fewer).states == {"unchanged": 1}
    report = site.sync(fewer, close_absent=True)
    assert report.counts["session person"] == {"closed": 2}
    assert report.counts["proposal person"] == {"closed": 1, "unchanged": 1}
    assert not site.rows("SELECT * FROM Session_has_Person")
    assert len(site.rows("SELECT * FROM BLSession WHERE externalId IS NOT NULL")) == 2


def test_nobody_is_closed_while_somebody_cannot_be_told(site: Site) -> None:
    """The one who is skipped may be the one whose link is there."""
    site.sync(body(proposal={"persons": [person(1), person(2)]}))
    wrong = {"login": "user2", "externalId": 9}
    report = site.sync(
        body(proposal={"persons": [person(1), wrong]}), close_absent=True
    )
    assert report.counts["proposal person"] == {"skipped": 1, "unchanged": 1}
    assert len(site.rows("SELECT * FROM ProposalHasPerson")) == 2


def test_a_proposal_that_is_found_gets_what_is_given(site: Site) -> None:
    site.sync(body())
    report = site.sync(
        body(
            proposal={
                "title": "New title",
                "state": "Closed",
                "proposalType": "MB",
                "persons": [person(2), person(1)],
            }
        )
    )
    assert report.states == {"written": 1}
    row = site.one("SELECT * FROM Proposal WHERE proposalNumber = '2601'")
    assert (row["title"], row["state"]) == ("New title", "Closed")
    pi = site.one(f"SELECT * FROM Person WHERE personId = {row['personId']}")
    assert pi["login"] == "user2"


def test_two_persons_are_never_merged(site: Site) -> None:
    site.sync(body(1), body(2))
    before = site.everything()
    several = [
        {"login": "user1", "externalId": 1002},  # two rows
        {"login": "user1", "externalId": 9},  # the row has another number
    ]
    for wrong in several:
        report = site.sync(body(1, proposal={"persons": [person(1), wrong]}))
        (entry,) = [e for e in report.outcomes[0].entries if e.reason]
        assert entry.kind == "person" and entry.action == "skipped", wrong
    assert site.everything() == before


def test_nobody_gets_the_groups_of_another_by_a_login(site: Site) -> None:
    """The rights of a row's groups are not the portal's to give to another login."""
    site.sync(body())
    before = site.everything()
    renamed = {"login": "mallory", "externalId": 1001}
    for _ in range(2):
        report = site.sync(body(proposal={"persons": [renamed]}, sessions=[]))
        (entry,) = [e for e in report.outcomes[0].entries if e.kind == "person"]
        assert entry.action == "unchanged" and "user1 here, mallory" in entry.reason
    assert site.everything() == before
    more = {**renamed, "givenName": "Augusta"}
    report = site.sync(body(proposal={"persons": [more]}, sessions=[]))
    assert report.counts["person"] == {"changed": 1}
    (row,) = site.rows("SELECT * FROM Person")
    assert (row["login"], row["givenName"]) == ("user1", "Augusta")


def test_somebody_known_by_number_gets_their_login(site: Site) -> None:
    site.sync(body(proposal={"persons": [{"externalId": 1001}]}, sessions=[]))
    site.sync(body(), body())
    (row,) = site.rows("SELECT * FROM Person")
    assert row["login"] == "user1"


def test_somebody_known_by_login_gets_their_number(site: Site) -> None:
    site.sync(body(proposal={"persons": [{"login": "user1"}]}, sessions=[]))
    site.sync(body())
    (row,) = site.rows("SELECT * FROM Person WHERE login = 'user1'")
    assert int.from_bytes(row["externalId"], "big") == 1001


def test_a_protein_whose_person_is_new_is_created(site: Site) -> None:
    protein = {"acronym": "lyso", "person": {"externalId": 31}}
    site.sync(body(proteins=[protein]))
    row = site.one("SELECT * FROM Protein")
    who = site.one(f"SELECT * FROM Person WHERE personId = {row['personId']}")
    assert int.from_bytes(who["externalId"], "big") == 31


def test_a_bad_proposal_does_not_stop_the_others(site: Site) -> None:
    bad: list[Any] = [
        {"proposal": {"proposalCode": "mx"}},
        {"sessions": []},
        7,
        body(5, proposal={"persons": [{"givenName": "nobody"}]}),
        body(6, proposal={"title": "x" * 3000}),
    ]
    report = site.sync(body(1), *bad, body(2))
    states = [outcome.state for outcome in report.outcomes]
    assert states == ["written", *["refused"] * len(bad), "written"]
    assert all(outcome.reason for outcome in report.outcomes[1:-1])
    names = {r["proposalNumber"] for r in site.rows("SELECT * FROM Proposal")}
    assert names - {"2345"} == {"2601", "2602"}


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("familyName", "x" * 300),
        ("emailAddress", "e" * 61),
        ("familyName", "nul\0"),
        ("familyName", "\ud800"),
        ("siteId", 2**40),
        ("givenName", {"a": 1}),
        ("siteId", True),
    ],
)
def test_what_does_not_fit_costs_its_object_only(
    site: Site, where: str, value: Any
) -> None:
    two = [person(1), person(2, **{where: value})]
    report = site.sync(body(proposal={"persons": two}))
    assert report.good
    (entry,) = [e for e in report.outcomes[0].entries if e.reason]
    assert entry.action == "skipped" and where in entry.reason
    assert not site.rows("SELECT * FROM Person WHERE login = 'user2'")
    assert site.rows("SELECT * FROM Person WHERE login = 'user1'")


def test_roles_and_states_that_no_database_has(site: Site) -> None:
    options = {"session_options": {"role": "Boss"}}
    report = site.sync(body(sessions=[session(persons=[person(1, **options)])]))
    (entry,) = [e for e in report.outcomes[0].entries if e.reason]
    assert "none of Local Contact" in entry.reason
    report = site.sync(body(2, proposal={"state": "Lost"}))
    assert report.states == {"refused": 1}


def test_a_set_up_that_is_not_there(site: Site) -> None:
    report = site.sync(body(sessions=[session(beamLineSetupId=999)]))
    (entry,) = [e for e in report.outcomes[0].entries if e.reason]
    assert "BeamLineSetup has no row 999" in entry.reason
    assert report.outcomes[0].state is State.WRITTEN


def test_visits_that_a_database_has_once(site: Site) -> None:
    """At Diamond a visit is there once; elsewhere often 0 for all."""
    zeros = [session(n, visit_number=0) for n in (501, 502)]
    report = site.sync(body(sessions=zeros))
    wanted = "skipped" if site.flavour == "diamond" else "created"
    assert report.counts["session"] == {wanted: 2}
    unnumbered = [session(n) for n in (503, 504)]
    assert site.sync(body(sessions=unnumbered)).counts["session"] == {"created": 2}


def test_a_dry_run_writes_nothing_and_tells_all(site: Site) -> None:
    site.sync(body())
    before = site.everything()
    wanted = [body(1, proposal={"title": "other"}), body(2)]
    dry = site.sync(*wanted, apply=False)
    assert site.everything() == before and not dry.applied
    real = site.sync(*wanted)
    assert real.counts == dry.counts


def test_a_changed_database_is_noticed_and_mended(site: Site) -> None:
    site.sync(body())
    other = deepcopy(body())
    other["proposal"]["title"] = "by hand"
    other["proposal"].pop("persons")
    site.settings.state_directory.joinpath("portal.json").rename(
        site.settings.state_directory / "kept.json"
    )
    site.sync(other)
    site.settings.state_directory.joinpath("kept.json").rename(
        site.settings.state_directory / "portal.json"
    )
    report = site.sync(body())
    assert report.states == {"written": 1}
    assert "was changed since" in report.outcomes[0].reason
    row = site.one("SELECT * FROM Proposal WHERE proposalNumber = '2601'")
    assert row["title"] == "Proposal 1"
