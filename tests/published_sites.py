"""The people of the issue's matrix in the published tables of each kind of site.

Rights come from the tables: nothing here says what somebody may see.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import create_engine, text

from recorder.config import Settings
from recorder.ispyb.people.asking import People
from recorder.records.access import Identity, Rights
from tests.people import UserOffice, root_engine
from tests.published_models import ORACLES, Oracle
from tests.reading import ALL, CONTACT, MEMBER, NAMES, ROWS, STAFF, STRANGER, fill
from tests.servers import HOST, Database

KINDS = ("esrf", "maxiv", "diamond")
"""Of sites: whose published models made the tables."""
NOBODY = "nobody"
"""Signs in, and is in no table."""
LOGINS = (NOBODY, *(one.login for one in (STRANGER, CONTACT, MEMBER, STAFF, ALL)))
LAX = "SET SESSION FOREIGN_KEY_CHECKS=0, sql_mode=''"


@dataclass(frozen=True)
class PublishedSite:
    """A database of a kind of site, and how the web process reads it."""

    kind: str
    settings: Settings

    def rights(self, login: str) -> Rights:
        """As the tables have them, read by the account of the web process."""
        people = People(self.settings)
        try:
            return people.rights(Identity(login))
        finally:
            people.close()

    def names(self, login: str) -> set[str]:
        """What somebody may find by name; Diamond knows no persons of proposals."""
        nothing = login == NOBODY or (self.kind == "diamond" and login == MEMBER.login)
        return set() if nothing else NAMES[login]


def published_site(
    kind: str, database: Database, settings: Callable[..., Settings], **web: Any
) -> PublishedSite:
    """A site with the rows of :mod:`tests.reading`, staff, and somebody for everything.

    Its account may only SELECT.

    Args:
        kind: One of :data:`KINDS`.
        database: Empty.
        settings: Makes settings.
        web: More of the section ``web``.
    """
    Oracle(ORACLES[kind]).create(database)
    url = database.server.root_url(database.name)
    engine = create_engine(url, connect_args={"init_command": LAX})
    with engine.begin() as db:
        for table, _ in reversed(ROWS):
            db.execute(text(f"DELETE FROM {table.name}"))
    fill(engine)
    engine.dispose()
    _enter_people(UserOffice(root_engine(database)))
    user, name = f"{database.user}@'{HOST}'", database.name
    database.execute(
        f"REVOKE ALL ON {name}.* FROM {user}", f"GRANT SELECT ON {name}.* TO {user}"
    )
    section = database.section()
    ispyb = {key: section[key] for key in ("url", "password")}
    types = {"beamline_types": {"mx": ["ID29"]}}
    made = settings(beamline="id29", web={"ispyb": {**ispyb, **types}, **web})
    return PublishedSite(kind, made)


def _enter_people(office: UserOffice) -> None:
    office.person(STRANGER.login, givenName=STRANGER.login)
    staff, root = office.person(STAFF.login), office.person(ALL.login)
    office.group("id29 staff", ["mx_admin"], staff)
    office.group("Office", ["all_proposals"], root)
    beamlines = [{"beamLineName": "ID29", "archived": False}]
    office.beamline_groups(
        [{"groupName": "MX", "permission": "mx_admin", "beamLines": beamlines}]
    )
    office.session(1, visit_number=2, beamLineName="id29")
    office.engine.dispose()
