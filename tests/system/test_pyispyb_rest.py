"""py-ISPyB's API over the published tables of each flavour, on a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import create_engine, text

from recorder.config import Settings
from recorder.web.app import make_app
from recorder.web.place import place_of
from recorder.web.pyispyb.frame import ROOT
from tests.asgi import Asgi
from tests.published_models import ORACLES, Oracle
from tests.pyispyb_rest import PERMISSIONS, READING, caller, expected, walk
from tests.reading import ALL, CONTACT, ROWS, STAFF, STRANGER, fill
from tests.servers import HOST, Database

MakeSettings = Callable[..., Settings]
WICKED = (
    "' OR 1=1 -- ",
    '" OR ""="',
    "1; DROP TABLE Proposal",
    "%' UNION SELECT login, 1, 1 FROM Person -- ",
    "\\",
    "/%",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "\U0001f600",
    "\u4e2d",
    "\u0081",
    "\u017f\u212a",
    "caf\u00e9",
    "cafe\u0301",
)


@pytest.fixture(params=["esrf", "maxiv", "diamond"])
def app(
    request: pytest.FixtureRequest, settings: MakeSettings, mariadb_database: Database
) -> Iterator[Any]:
    """With an account that may only SELECT."""
    Oracle(ORACLES[request.param]).create(mariadb_database)
    url = mariadb_database.server.root_url(mariadb_database.name)
    lax = "SET SESSION FOREIGN_KEY_CHECKS=0, sql_mode=''"
    engine = create_engine(url, connect_args={"init_command": lax})
    with engine.begin() as db:
        for table, _ in reversed(ROWS):
            db.execute(text(f"DELETE FROM {table.name}"))
    fill(engine)
    engine.dispose()
    user, name = f"{mariadb_database.user}@'{HOST}'", mariadb_database.name
    mariadb_database.execute(
        f"REVOKE ALL ON {name}.* FROM {user}", f"GRANT SELECT ON {name}.* TO {user}"
    )
    section = mariadb_database.section()
    web = {"ispyb": {key: section[key] for key in ("url", "password")}}
    found = make_app(place_of(settings(beamline="id29", web=web)))
    yield found.asgi
    found.pyispyb.close()


def test_people_find_what_is_theirs_and_nothing_does_harm(app):
    for rights in (ALL, CONTACT, STAFF):
        assert walk(app, rights, frozenset()) == expected(rights, frozenset())
    asgi = Asgi(app, caller(STRANGER, PERMISSIONS))
    assert walk(app, STRANGER, PERMISSIONS) == set()
    for call in READING:
        for one in call.parameters:
            if one.place == "query" and one.schema["type"] == "string":
                for wicked in WICKED:
                    address = f"{ROOT}{call.path}?{one.name}={quote(wicked, safe='')}"
                    found = asgi.get(address.replace("{", "").replace("}", ""))
                    assert found.status in (200, 404, 422), (address, found.body)
    everybody = Asgi(app, caller(ALL))
    assert everybody.get(f"{ROOT}/samples").json["total"] == 5
