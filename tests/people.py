"""People of a made-up site, entered into the tables as a user office does."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Table, create_engine, delete, insert, select

from recorder.ispyb.schema import people_tables as p
from recorder.ispyb.schema.live_schema import read_live
from tests.published_models import ORACLES, Oracle
from tests.servers import HOST, Database, MariaDB

TABLES_READ = (
    "Person",
    "Proposal",
    "ProposalHasPerson",
    "BLSession",
    "Session_has_Person",
    "UserGroup",
    "UserGroup_has_Person",
    "UserGroup_has_Permission",
    "Permission",
    "AdminVar",
)
"""What the account of the web process may SELECT; as docs/how-to/rights.md."""


@dataclass(frozen=True)
class UserOffice:
    """Enters rows; what the tables of a flavour do not have is left out.

    Args:
        engine: With every right.
    """

    engine: Engine

    def enter(self, table: Table, **values: Any) -> int:
        """A row; its key."""
        live = read_live(self.engine)
        there = {k: v for k, v in values.items() if live.column(table.name, k)}
        with self.engine.begin() as db:
            made = db.execute(insert(table).values(**there))
            return int((made.inserted_primary_key or (0,))[0])

    def person(self, login: str | None, **values: Any) -> int:
        """A row of ``Person``."""
        return self.enter(p.person, login=login, **values)

    def proposal(self, code: str | None, number: str | None, *persons: int) -> int:
        """A proposal, and who is a person of it."""
        name = {"proposalCode": code, "proposalNumber": number}
        key = self.enter(p.proposal, **name, personId=self._anybody())
        for person in persons:
            self.enter(p.proposal_person, proposalId=key, personId=person)
        return key

    def _anybody(self) -> int:
        """Who stands as the leader of a proposal; it opens nothing."""
        with self.engine.connect() as db:
            found = db.execute(select(p.person.c.personId).limit(1)).scalar()
        return found if found is not None else self.person("leader")

    def session(self, proposal: int, *persons: int, **values: Any) -> int:
        """A session, and who is a person of it."""
        key = self.enter(p.session, proposalId=proposal, **values)
        for person in persons:
            self.enter(p.session_person, sessionId=key, personId=person)
        return key

    def group(self, name: str, permissions: Sequence[str], *persons: int) -> int:
        """A group with permissions and members."""
        key = self.enter(p.user_group, name=name)
        for kind in permissions:
            number = self.enter(p.permission, type=kind, description=kind)
            self.enter(p.group_permission, userGroupId=key, permissionId=number)
        for person in persons:
            self.enter(p.group_person, userGroupId=key, personId=person)
        return key

    def beamline_groups(self, groups: Any) -> None:
        """The row of ``AdminVar``; a text is written as it is."""
        text = groups if isinstance(groups, str) else json.dumps(groups)
        self.enter(p.option, name="beamLineGroups", value=text)

    def remove(self, table: Table, **where: Any) -> None:
        """Delete rows."""
        with self.engine.begin() as db:
            db.execute(delete(table).filter_by(**where))


@dataclass(frozen=True)
class SiteOfPeople:
    """Numbers of the rows that :func:`populate` made."""

    proposals: dict[str, int]
    sessions: dict[str, int]
    persons: dict[str, int]


def populate(office: UserOffice) -> SiteOfPeople:
    """Six people of the issue's matrix, three proposals, sessions on two beamlines.

    ``none`` is in no table; ``stranger`` in Person only; ``local`` is a person of one
    session of mx10; ``member`` of proposal mx10 and of its first session; ``staff`` has
    the permission of beamline id29; ``boss`` has all_proposals.
    """
    logins = ("stranger", "local", "member", "staff", "boss")
    persons = {name: office.person(name, givenName=name) for name in logins}
    member, local = persons["member"], persons["local"]
    one = office.proposal("mx", "10", member)
    other = office.proposal("mx", "20")
    day = {**dates("2026-11-28T08:00", "2026-11-29T08:00"), "beamLineName": "demo"}
    old = {**dates("2026-11-01T08:00", "2026-11-02T08:00"), "beamLineName": "id29"}
    sessions = {
        "mx10-1": office.session(one, member, visit_number=1, **old),
        "mx10-2": office.session(one, local, visit_number=2, **day),
        "mx20-1": office.session(other, visit_number=1, **day),
        "mx20-2": office.session(other, visit_number=2, **old),
    }
    office.group("id29 staff", ["mx_admin"], persons["staff"])
    office.group("Office", ["all_proposals", "manage_groups"], persons["boss"])
    office.beamline_groups(
        [
            {
                "groupName": "MX",
                "permission": "mx_admin",
                "beamLines": [{"beamLineName": "ID29", "archived": False}],
            }
        ]
    )
    return SiteOfPeople({"mx10": one, "mx20": other}, sessions, persons)


def dates(starts: str, ends: str) -> dict[str, datetime]:
    """Of a session."""
    moments = map(datetime.fromisoformat, (starts, ends))
    return dict(zip(("startDate", "endDate"), moments, strict=True))


PAGE = Path(__file__).parent.parent / "docs" / "how-to" / "rights.md"


def documented_grants(account: str) -> dict[str, str]:
    """Rights by table, as the how-to has them granted to an account."""
    pattern = rf"GRANT ([A-Z, ]+) ON ispyb\.(\w+) TO '{account}'"
    found = re.findall(pattern, PAGE.read_text(encoding="utf-8"))
    return {table: rights for rights, table in found}


_PUBLISHED: dict[tuple[int, str], Database] = {}
"""Databases with the tables of a flavour, by server: they take seconds to make."""


def published(server: MariaDB, flavour: str) -> Database:
    """A database of a flavour without people, and a user who may do everything."""
    key = (id(server), ORACLES[flavour])
    if key not in _PUBLISHED:
        _PUBLISHED[key] = server.create_database()
        Oracle(ORACLES[flavour]).create(_PUBLISHED[key])
    found = _PUBLISHED[key]
    user = f"{found.user}@'{HOST}'"
    found.execute(
        "SET FOREIGN_KEY_CHECKS = 0",
        *(f"DELETE FROM {table}" for table in TABLES_READ),
        f"ALTER USER {user} IDENTIFIED BY '{found.password}'",
        f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {user}",
        f"GRANT ALL ON {found.name}.* TO {user}",
    )
    return found


def root_engine(database: Database) -> Engine:
    """An engine that may do everything."""
    return create_engine(database.server.root_url(database.name))


def reading_account(database: Database, tables: Sequence[str] = TABLES_READ) -> Any:
    """Leave the database's user SELECT on these tables; the section ``web.ispyb``."""
    user = f"{database.user}@'{HOST}'"
    database.execute(
        f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {user}",
        *(f"GRANT SELECT ON {database.name}.{table} TO {user}" for table in tables),
    )
    return database.section()
