"""What a user portal says, and the databases that it goes to."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recorder.config import Settings
from recorder.portal.json_text import documents
from recorder.portal.report import Report
from recorder.portal.sync import Wish, synchronise
from recorder.records import Json
from tests.ispyb import embedded_site
from tests.servers import Database

FLAVOURS = ("esrf", "maxiv", "diamond")
TABLES = (
    "Laboratory",
    "Person",
    "Proposal",
    "BLSession",
    "Protein",
    "LabContact",
    "ProposalHasPerson",
    "Session_has_Person",
)
"""What the synchronisation writes."""
STAMPS = ("recordTimeStamp", "bltimeStamp")
"""Columns that a server fills by itself."""


@dataclass
class Site:
    """A database, and the recorder that is configured for it."""

    settings: Settings
    rows: Callable[[str], list[dict[str, Any]]]
    flavour: str
    database: Database | None = None

    def sync(self, *bodies: Any, **wish: Any) -> Report:
        """Synchronise bodies, as JSON."""
        return self.sync_text(json.dumps(list(bodies)).encode(), **wish)

    def sync_text(self, text: bytes, **wish: Any) -> Report:
        """Synchronise what came as bytes."""
        asked = Wish(**{"by": "tester", "origin": "test", **wish})
        return synchronise(self.settings, documents(text, "test"), asked)

    def one(self, query: str) -> dict[str, Any]:
        """The only row."""
        (row,) = self.rows(query)
        return row

    def everything(self) -> dict[str, list[dict[str, Any]]]:
        """All rows of all tables."""
        return {
            table: sorted(
                (
                    {k: v for k, v in row.items() if k not in STAMPS}
                    for row in self.rows(f"SELECT * FROM {table}")
                ),
                key=repr,
            )
            for table in TABLES
        }


def embedded(settings: Callable[..., Settings]) -> Site:
    """The recorder's own SQLite file."""
    made = settings(timezone="Europe/Paris")
    path = made.state_directory / "ispyb.sqlite"
    return Site(made, embedded_site(path).rows, "embedded")


def emptied(database: Database) -> Database:
    """Without people, proposals and sessions."""
    wipe = [f"DELETE FROM {table}" for table in TABLES]
    database.execute("SET foreign_key_checks = 0", *wipe)
    return database


def published(
    settings: Callable[..., Settings], database: Database, flavour: str
) -> Site:
    """A server with the published tables of a flavour, made before."""
    section = database.section(flavour=flavour)
    sync = {"url": database.url, "password": database.password}
    made = settings(timezone="Europe/Paris", ispyb=section, sync=sync)
    return Site(made, database.rows, flavour, database)


def person(number: int, **keys: Any) -> Json:
    """A person with login and number."""
    return {"login": f"user{number}", "externalId": 1000 + number, **keys}


def body(number: int = 1, **keys: Any) -> Json:
    """A proposal with one person and one session of the beamline."""
    proposal = {
        "proposalCode": "mx",
        "proposalNumber": str(2600 + number),
        "title": f"Proposal {number}",
        "externalId": 100 + number,
        "persons": [person(number, givenName="Ada", familyName="Lovelace")],
        **keys.pop("proposal", {}),
    }
    session = {
        "externalId": 500 + number,
        "startDate": "2026-11-28T08:00:00+01:00",
        "endDate": "2026-11-30T08:00:00+01:00",
        "beamLineName": "demo",
        "visit_number": 1,
        "persons": [person(number)],
    }
    return {"proposal": proposal, "sessions": [session], **keys}


def write_json(path: Path, data: Any) -> Path:
    """A file as a portal would write it."""
    path.write_text(json.dumps(data), encoding="utf-8")
    return path
