"""py-ISPyB's API, walked through by people with few rights, over small databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from recorder.config import Settings
from recorder.records.access import Only
from recorder.web.app import make_app
from recorder.web.place import place_of
from recorder.web.pyispyb.frame import ROOT
from tests.asgi import Asgi
from tests.pyispyb_rest import PERMISSIONS, READING, caller, expected, walk
from tests.reading import ALL, CONTACT, MEMBER, NAMES, STAFF, STRANGER, embedded

ALL_MANAGER = frozenset({*PERMISSIONS, "manage_persons"})


@pytest.fixture(scope="module", params=[False, True], ids=["bare", "whole"])
def app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("site")
    settings = Settings(state_directory=folder, beamline="id29")
    embedded(folder / "ispyb.sqlite", whole=request.param).dispose()
    found = make_app(place_of(settings))
    yield found.asgi
    found.pyispyb.close()


@pytest.mark.parametrize(
    "rights", [ALL, MEMBER, CONTACT, STAFF, STRANGER], ids=lambda r: r.login
)
def test_whoever_walks_through_all_ids_finds_what_is_theirs(app, rights):
    assert walk(app, rights, frozenset()) == expected(rights, frozenset())


LIMITED = {
    "session": (Only(session=11), CONTACT.login),
    "proposal": (Only(proposal="MX2345"), MEMBER.login),
    "beamline": (Only(beamline="ID29"), STAFF.login),
    "nothing": (Only(), STRANGER.login),
    "no such": (Only(session=99), STRANGER.login),
}
"""Limits of a token, and who sees as much as it shows of everything."""


@pytest.mark.parametrize(
    ("rights", "limit"),
    [*((ALL, limit) for limit in LIMITED), (MEMBER, "beamline"), (STAFF, "proposal")],
    ids=lambda one: getattr(one, "login", one),
)
def test_a_limited_token_finds_what_is_within_its_limit(app, rights, limit):
    only, like = LIMITED[limit]
    found = walk(app, replace(rights, only=only), frozenset())
    assert found <= expected(rights, frozenset()) & NAMES[like]
    if rights is ALL:
        assert found == NAMES[like]


def test_who_manages_persons_sees_them_and_nothing_else(app):
    found = walk(app, STRANGER, ALL_MANAGER)
    assert found == {"Mia", "Carl", "Otto"}


@pytest.mark.parametrize("rights", [ALL, CONTACT], ids=lambda r: r.login)
def test_an_account_that_sees_people_only_answers_without_the_rest(tmp_path, rights):
    """As docs/how-to/rights.md grants them: it is enough to know who may see what."""
    settings = Settings(state_directory=tmp_path, beamline="id29")
    embedded(tmp_path / "ispyb.sqlite", whole=None).dispose()
    found = make_app(place_of(settings))
    calls = [c for c in READING if not c.path.startswith(("/event", "/ssx"))]
    names = walk(found.asgi, rights, frozenset(), calls)
    assert names <= expected(rights, frozenset()) and "mx2345" in names
    found.pyispyb.close()


@pytest.mark.parametrize("path", ["times", "breakdown", "errors", "hourlies"])
def test_each_of_the_statistics_has_all(app, path):
    asgi = Asgi(app, caller(CONTACT))
    found = asgi.get(f"{ROOT}/stats/{path}?sessionId=11")
    assert {"average", "overview", "totals", "datacollections"} <= set(found.json)
    assert found.json["overview"]["counts"]["datacollections"] == 5
    assert asgi.get(f"{ROOT}/stats/{path}?sessionId=12").status == 404
    unsaid = asgi.get(f"{ROOT}/stats/{path}?beamLineName=id29")
    assert unsaid.status == 422 and "runId" in unsaid.json["detail"][0]["msg"]


def test_show_all_needs_a_permission(app):
    asgi = Asgi(app, caller(ALL))
    found = asgi.get(f"{ROOT}/persons?showAll=true")
    assert found.status == 403 and "manage_persons" in found.json["detail"]


def test_groups_are_not_changed_here(app):
    manager = Asgi(app, caller(STRANGER, ALL_MANAGER))
    found = manager.post(f"{ROOT}/admin/groups", {"name": "mine"})
    assert found.status == 403 and "recorder access" in found.json["detail"]
    found = Asgi(app, caller(ALL)).post(f"{ROOT}/admin/groups", {"name": "mine"})
    assert found.status == 403 and "manage_groups" in found.json["detail"]


def test_nothing_changed_is_not_sent_again(app):
    asgi = Asgi(app, caller(MEMBER))
    first = asgi.get(f"{ROOT}/samples")
    again = asgi.get(f"{ROOT}/samples", if_none_match=first.headers["etag"])
    assert again.status == 304 and not again.body
    other = Asgi(app, caller(CONTACT)).get(f"{ROOT}/samples")
    assert other.headers["etag"] != first.headers["etag"]
