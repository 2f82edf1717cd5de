"""py-ISPyB's API over the published tables of each flavour, on a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from recorder.config import Settings
from recorder.web.app import make_app
from recorder.web.place import place_of
from recorder.web.pyispyb.frame import ROOT
from tests.asgi import Asgi
from tests.published_sites import KINDS, LOGINS, PublishedSite, published_site
from tests.pyispyb_rest import PERMISSIONS, READING, caller, walk
from tests.reading import ALL, STRANGER
from tests.servers import Database

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


@pytest.fixture(params=KINDS)
def site(
    request: pytest.FixtureRequest, settings: MakeSettings, mariadb_database: Database
) -> PublishedSite:
    """With an account that may only SELECT."""
    return published_site(str(request.param), mariadb_database, settings)


@pytest.fixture
def app(site: PublishedSite) -> Iterator[Any]:
    found = make_app(place_of(site.settings))
    yield found.asgi
    found.pyispyb.close()


def test_people_find_what_is_theirs_and_nothing_does_harm(site, app):
    """By rights that are read from the site's own tables."""
    for login in LOGINS:
        found = walk(app, site.rights(login), frozenset())
        assert found == site.names(login), login
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
