"""Which session a run belongs to, on SQLite and on a lax MariaDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from recorder.config import Settings
from recorder.errors import SinkError
from recorder.ispyb.check import check_ispyb
from recorder.ispyb.schema.database import connect, create_embedded, transaction
from recorder.ispyb.schema.live_schema import read_live
from recorder.ispyb.schema.rows import Rows
from recorder.ispyb.sessions import find_session
from recorder.records import Announcement
from recorder.runs.read_announcement import read_announcement
from tests.ispyb import announcement, esrf_site, record

MakeSettings = Callable[..., Settings]
NOW = datetime.fromisoformat("2026-11-28 12:00:00")
ZERO = "0000-00-00 00:00:00"


class Office:
    """The user office: enters proposals and sessions, and asks for one."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.engine = connect(settings)

    def execute(self, *statements: str) -> None:
        with transaction(self.engine) as db:
            if self.engine.dialect.name != "sqlite":
                db.execute(text("SET SESSION sql_mode = ''"))  # as the office's own is
            for statement in statements:
                db.execute(text(statement))

    def proposal(self, number: int, code: str, digits: str) -> None:
        self.execute(
            "INSERT INTO Proposal (proposalId, personId, proposalCode, proposalNumber) "
            f"VALUES ({number}, {1 if 'maria' in str(self.engine.url) else 0}, "
            f"'{code}', '{digits}')"
        )

    def session(self, number: int, proposal: int = 1, **columns: Any) -> None:
        row = {"sessionId": number, "proposalId": proposal, "beamLineName": "demo"}
        row |= columns
        values = ", ".join("NULL" if v is None else repr(v) for v in row.values())
        self.execute(f"INSERT INTO BLSession ({', '.join(row)}) VALUES ({values})")

    @contextmanager
    def rows(self) -> Iterator[Rows]:
        with transaction(self.engine) as db:
            yield Rows(db, read_live(self.engine))

    def find(self, announced: Announcement | None = None, **keys: Any) -> int:
        body = {"uid": "u", "time_ns": 1, "proposal": "mx2345"}
        body |= {"experiment": {"name": "e"}, **keys}
        with self.rows() as rows:
            wanted = announced or read_announcement(body)
            return find_session(rows, wanted, "demo", NOW).session_id


@pytest.fixture(params=["sqlite", "mariadb"])
def office(
    request: pytest.FixtureRequest, settings: MakeSettings, tmp_path: Path
) -> Iterator[Office]:
    """Proposal mx2345 (id 1), without any session."""
    if request.param == "sqlite":
        section = {"url": f"sqlite:///{tmp_path / 'ispyb.sqlite'}"}
        made = Office(settings(ispyb=section))
        create_embedded(made.engine, "mx2345", "demo")
    else:
        database = request.getfixturevalue("mariadb_database")
        made = Office(settings(ispyb=esrf_site(database).section))
    made.execute("DELETE FROM BLSession")
    yield made
    made.engine.dispose()


@pytest.mark.parametrize("end", [ZERO, None, "2026-11-29 08:00:00"])
@pytest.mark.parametrize("start", [ZERO, None, "2026-11-27 08:00:00"])
def test_dates_that_are_not_there_speak_for_nothing(office, start, end):
    office.session(11, visit_number=1, startDate=start, endDate=end)
    assert office.find(visit=1) == office.find() == office.find(session_id=11) == 11


def test_what_is_known_to_be_on_wins_over_what_may_be(office):
    office.session(11, visit_number=1, startDate=ZERO, endDate=ZERO)
    on = {"startDate": "2026-11-27 08:00:00", "endDate": "2026-11-29 08:00:00"}
    office.session(12, visit_number=2, **on)
    office.session(13, visit_number=3, startDate="2026-11-27 08:00:00")
    office.session(14, visit_number=4, startDate="2020-01-01", endDate="2020-01-02")
    office.session(15, visit_number=5, startDate="2030-01-01")
    assert office.find() == 12


def test_of_those_that_are_over_the_last_that_began(office, log_events):
    for number, year in ((11, 2024), (12, 2025), (13, 2023)):
        dates = {"startDate": f"{year}-01-01", "endDate": f"{year}-01-09"}
        office.session(number, visit_number=number, **dates)
    assert office.find() == 12
    (said,) = [e for e in log_events if e["event"] == "session_not_on"]
    assert said["session"] == 12


def test_values_of_another_type_than_the_column(office):
    """A lax server, or another program's SQLite, holds what it was given."""
    if office.engine.dialect.name == "sqlite":
        office.session(11, visit_number="1", startDate="soon")
        office.session(12, visit_number="none", endDate="later")
    else:
        office.execute("ALTER TABLE BLSession MODIFY beamLineName varbinary(45)")
        office.session(11, visit_number=1, startDate="soon")
        office.session(12, visit_number=None, endDate="later")
    assert office.find(visit=1) == 11
    assert office.find(visit=0) == 12


@pytest.mark.parametrize(
    ("code", "digits"),
    [
        ("ih-ls", "3456"),
        ("IH-MX", "123"),
        ("bm161", "1234"),
        ("blc", "14"),
        ("mx", "02"),
        ("fx_2-", "1"),
    ],
)
def test_a_proposal_is_compared_as_a_whole(office, code, digits):
    office.proposal(7, code, digits)
    office.session(71, 7)
    name = code + digits
    assert office.find(proposal=name) == office.find(proposal=name.upper()) == 71
    with pytest.raises(SinkError, match="is not in ISPyB"):
        office.find(proposal=f"{name}0")


def test_a_name_of_two_proposals_is_said(office):
    office.proposal(7, "bm161", "1234")
    office.proposal(8, "bm", "1611234")
    office.session(71, 7)
    assert office.find(proposal="bm1611234") == 71  # the other one has no session
    office.session(81, 8)
    with pytest.raises(SinkError, match=r"any of several .*71, 81.*session_id"):
        office.find(proposal="bm1611234")
    assert office.find(proposal="bm1611234", session_id=81) == 81


def test_a_proposal_that_was_entered_twice_is_one(office, log_events):
    office.proposal(7, "mx", "2345")
    office.session(11)
    office.session(71, 7)
    assert office.find() == 71
    (said,) = [e for e in log_events if e["event"] == "session_ambiguous"]
    assert (said["sessions"], said["taken"]) == ("11, 71", 71)


# -- sessions without visit numbers ----------------------------------------------------


@pytest.mark.parametrize("number", [0, None])
def test_a_session_without_number_by_its_id(office, number):
    for session in (11, 12, 13):
        office.session(session, visit_number=number)
    assert office.find(session_id=12) == 12
    assert office.find(session_id=12, visit=7) == 12
    assert office.find(session_id="13", visit=0) == 13


def test_a_session_id_must_be_what_the_rest_says(office):
    office.proposal(7, "ih-mx", "1")
    office.session(11, visit_number=3)
    office.session(12, beamLineName="ID30")
    office.session(71, 7)
    for said, keys in (
        ("session_id 99 is not in ISPyB", {"session_id": 99}),
        ("of proposal ih-mx1, not mx2345", {"session_id": 71}),
        ("of beamline ID30, not demo", {"session_id": 12}),
        ("of visit 3, not 4", {"session_id": 11, "visit": 4}),
    ):
        with pytest.raises(SinkError, match=said):
            office.find(**keys)


def unannounced(**section: Any) -> Announcement:
    return Settings(unannounced=section).unannounced.announcement()


@pytest.mark.parametrize("visit", ["current", None])
def test_an_unannounced_run_takes_the_one_session_that_is_on(office, visit):
    on = {"startDate": "2026-11-27 08:00:00", "endDate": "2026-11-29 08:00:00"}
    stands_in = unannounced(visit=visit)
    office.session(11, startDate="2020-01-01", endDate="2020-01-02")
    office.session(12, beamLineName="ID30", **on)
    with pytest.raises(SinkError, match=r"no session is on of proposal mx2345.*visit"):
        office.find(stands_in)
    office.session(13, **on)
    assert office.find(stands_in) == 13
    office.session(14, **on)
    with pytest.raises(SinkError, match=r"several sessions are on \(13, 14\)"):
        office.find(stands_in)


def test_check_says_what_would_be_parked(office):
    office.session(11, visit_number=1, beamLineName="ID30")
    with pytest.raises(SinkError, match=r"every run .* beamline demo .*\(ID30\); set"):
        check_ispyb(office.settings)
    office.session(12, visit_number=2)
    with pytest.raises(SinkError, match="nobody announces will be parked now: visit 1"):
        check_ispyb(office.settings)
    office.execute("UPDATE BLSession SET visit_number = 1 WHERE sessionId = 12")
    office.execute("DELETE FROM BLSession WHERE sessionId = 11")
    assert "writes runs" in check_ispyb(office.settings)


async def test_a_run_of_an_announced_session(settings, mariadb_database, tmp_path):
    site = esrf_site(mariadb_database)
    mariadb_database.execute(
        "UPDATE BLSession SET visit_number = NULL",
        "INSERT INTO BLSession (sessionId, proposalId, beamLineName) "
        "VALUES (77, 1, 'demo')",
    )
    body = announcement(visit=None, session_id=77)
    await record(settings(ispyb=site.section), tmp_path, body)
    assert site.one("SELECT sessionId FROM DataCollectionGroup") == {"sessionId": 77}
