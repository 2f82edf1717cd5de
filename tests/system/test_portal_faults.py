"""Missing rights, several at once, a server that dies: nothing half is there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recorder.config import Settings
from recorder.errors import ConfigError, SinkDeniedError, SinkUnavailableError
from recorder.portal.account import opened
from recorder.portal.check import check_account
from recorder.portal.lock import one_at_a_time
from recorder.portal.one_proposal import OneProposal
from recorder.portal.place import LINKS, NEEDED, OPTIONAL
from recorder.portal.report import State
from recorder.portal.sync import Wish
from tests.ispyb import announcement, record
from tests.portal import FLAVOURS, Site, body, embedded, emptied, person, published
from tests.published_models import ORACLES, Oracle
from tests.servers import HOST, Database, MariaDB

MakeSettings = Callable[..., Settings]
WORDS = {"S": "SELECT", "I": "INSERT", "U": "UPDATE", "D": "DELETE"}


@pytest.fixture(scope="module")
def esrf(_mariadb_server: MariaDB) -> Iterator[Database]:
    database = _mariadb_server.start().create_database()
    Oracle("esrf").create(database)
    yield database
    _mariadb_server.start()
    database.drop()


@pytest.fixture
def site(esrf: Database, settings: MakeSettings, mariadb: MariaDB) -> Site:
    return published(settings, emptied(esrf), "esrf")


@pytest.fixture
def account(site: Site) -> Iterator[Callable[..., Site]]:
    """The same with an account that may do little."""
    database = site.database
    assert database is not None
    user = f"sync_{database.name[-8:]}"

    def make(**without: str) -> Site:
        tables = {**NEEDED, **OPTIONAL}
        grants = [f"CREATE USER {user}@'{HOST}' IDENTIFIED BY 'secret'"]
        for table, letters in tables.items():
            left = letters + ("D" if table in LINKS else "")
            left = "".join(c for c in left if c not in without.get(table.name, ""))
            if left:
                words = ", ".join(WORDS[letter] for letter in left)
                grants += [f"GRANT {words} ON {table.name} TO {user}@'{HOST}'"]
        database.execute(*grants)
        url = database.url.replace(f"//{database.user}@", f"//{user}@")
        section = {"url": url, "password": "secret"}
        made = site.settings.model_copy(
            update={"sync": type(site.settings.sync)(**section)}
        )
        return replace(site, settings=made)

    yield make
    database.execute(f"DROP USER IF EXISTS {user}@'{HOST}'")


def test_the_documented_rights_are_enough(account: Callable[..., Site]) -> None:
    here = account()
    protein = {"acronym": "lyso"}
    assert here.sync(body(proteins=[protein])).good
    assert here.sync(body(sessions=[]), close_absent=True).good


@pytest.mark.parametrize(
    ("table", "letter"),
    [
        ("Person", "I"),
        ("BLSession", "U"),
        ("Session_has_Person", "D"),
        ("Proposal", "S"),
    ],
)
def test_a_right_that_is_missing_is_named(
    account: Callable[..., Site], table: str, letter: str
) -> None:
    """Before anything is written."""
    here = account(**{table: letter})
    with pytest.raises(SinkDeniedError) as said:
        here.sync(body(), close_absent=True)
    assert f"{WORDS[letter]} on {table} denied" in str(said.value)
    assert "secret" not in str(said.value)
    assert not here.rows("SELECT * FROM Person")


def test_a_table_that_is_denied_costs_its_objects_only(
    account: Callable[..., Site],
) -> None:
    report = account(Protein="IU").sync(body(proteins=[{"acronym": "lyso"}]))
    assert report.counts["protein"] == {"skipped": 1}
    assert report.counts["session"] == {"created": 1}


def test_a_dry_run_needs_to_read_only(account: Callable[..., Site]) -> None:
    nothing = {table.name: "IUD" for table in (*NEEDED, *OPTIONAL)}
    report = account(**nothing).sync(body(), apply=False)
    assert report.states == {"written": 1} and not report.applied


def test_without_an_account_nothing_is_written(settings: MakeSettings) -> None:
    made = settings(ispyb={"url": "mariadb+pymysql://recorder@127.0.0.1/ispyb"})
    with pytest.raises(ConfigError, match=r"sync\.url"):
        Site(made, list, "esrf").sync(body())


@pytest.mark.parametrize("kind", ["embedded", "esrf"])
def test_several_at_once_make_everything_once(
    kind: str, request: pytest.FixtureRequest, settings: MakeSettings
) -> None:
    """A new proposal, sent by four at the same time."""
    if kind == "embedded":
        here = embedded(settings)
        here.sync(body(9))
    else:
        here = request.getfixturevalue("site")
    said = [body(n) for n in range(1, 6)]
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: here.sync(*said), range(4)))
    assert all(report.good for report in reports)
    assert sum(r.states.get("written", 0) for r in reports) == len(said)
    for table in ("Person", "BLSession"):
        found = here.rows(f"SELECT * FROM {table} WHERE externalId IS NOT NULL")
        assert len({row["externalId"] for row in found}) == len(found)


@pytest.mark.parametrize("kind", ["embedded", "esrf"])
def test_whoever_waits_too_long_is_told(
    kind: str, request: pytest.FixtureRequest, settings: MakeSettings
) -> None:
    server = kind == "esrf"
    here = request.getfixturevalue("site") if server else embedded(settings)
    with opened(here.settings, Wish("x", "y")) as engine:
        with (
            one_at_a_time(engine),
            pytest.raises(SinkUnavailableError, match="going on"),
        ):
            with one_at_a_time(engine, 0):
                raise AssertionError
        with one_at_a_time(engine, 0):
            pass


def test_somebody_else_changes_a_row_meanwhile(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is seen, and what is written is decided anew: their word is not lost."""
    site.sync(body())
    database = site.database
    assert database is not None
    written = OneProposal.write
    changed: list[bool] = []

    def write(self: OneProposal) -> None:
        if not changed:
            changed.append(True)
            database.execute("UPDATE Person SET phoneNumber = 'theirs'")
        written(self)

    monkeypatch.setattr(OneProposal, "write", write)
    report = site.sync(body(proposal={"persons": [person(1, phoneNumber="ours")]}))
    assert report.good and changed
    (entry,) = [e for e in report.outcomes[0].entries if e.kind == "person"]
    assert entry.changes == {"phoneNumber": ("theirs", "ours")}


def test_a_server_that_dies_leaves_nothing_half(
    site: Site, mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed within the third proposal: two are whole, the rest is not there."""
    written = OneProposal._sessions
    begun: list[str] = []

    def write(self: OneProposal, proposal: int) -> None:
        begun.append(self.body.name)
        if len(begun) == 3:
            mariadb.kill()
        written(self, proposal)

    monkeypatch.setattr(OneProposal, "_sessions", write)
    said = [body(n) for n in range(1, 6)]
    report = site.sync(*said)
    states = [outcome.state for outcome in report.outcomes]
    assert states == [State.WRITTEN] * 2 + [State.NOT_TRIED] * 3
    assert not report.good
    mariadb.start()
    monkeypatch.undo()
    assert len(site.rows("SELECT * FROM Proposal")) == 2
    assert len(site.rows("SELECT * FROM Person")) == 2
    log = site.settings.state_directory / "portal.log"
    undone = [json.loads(x) for x in log.read_text().splitlines()]
    assert all(x["action"] != "undone" for x in undone)
    assert site.sync(*said).states == {"unchanged": 2, "written": 3}


def test_each_change_is_logged_with_who_and_when(
    site: Site, log_events: list[dict[str, Any]]
) -> None:
    site.sync(body())
    (event,) = [e for e in log_events if e["event"] == "portal_changed"]
    assert (event["by"], event["origin"], event["proposal"]) == (
        "tester",
        "test",
        "mx2601",
    )
    log = site.settings.state_directory / "portal.log"
    assert log.stat().st_mode & 0o007 == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(lines) == event["created"]
    assert all(line["by"] == "tester" and line["at"] for line in lines)
    site.sync(body())
    assert len(log.read_text().splitlines()) == len(lines)


@pytest.mark.parametrize("flavour", ["embedded", *FLAVOURS])
async def test_a_run_lands_in_what_was_synchronised(
    flavour: str, settings: MakeSettings, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Proposal and session of the beamline are what the sink looks for."""
    if flavour == "embedded":
        here = embedded(settings)
    else:
        database = request.getfixturevalue("mariadb_database")
        Oracle(ORACLES[flavour]).create(database)
        here = published(settings, database, flavour)
    report = await asyncio.to_thread(here.sync, body())
    assert report.good
    run = announcement(proposal="mx2601", visit=1)
    await record(here.settings, tmp_path, run)
    row = here.one(
        "SELECT s.externalId FROM DataCollectionGroup g "
        "JOIN BLSession s ON s.sessionId = g.sessionId"
    )
    assert int.from_bytes(row["externalId"], "big") == 501


@pytest.mark.parametrize(
    ("table", "good"), [("Protein", True), ("Person", False), ("none", True)]
)
def test_recorder_check_tries_the_account(
    account: Callable[..., Site], table: str, good: bool
) -> None:
    here = account(**{table: "U"})
    line = check_account(here.settings)
    assert line.ok == good
    assert (f"UPDATE on {table} denied" in line.text) == (table != "none")
    assert not here.rows("SELECT * FROM Person")
