"""Signing in as py-ISPyB's page and clients do it, and links that work once."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from recorder.config import Settings
from recorder.ispyb.schema.database import connect, create_embedded
from recorder.web.app import WebApp, make_app
from recorder.web.callers import ANYBODY
from recorder.web.place import place_of
from recorder.web.pyispyb.auth_calls import PAGE_S
from recorder.web.pyispyb.one_time import LAST_S, MOST, OneTime, target_of
from recorder.web.pyispyb.root import ROOT
from recorder.web.sign_in.ways import ACCESS_S
from tests.asgi import EVERYTHING, Asgi, somebody
from tests.people import UserOffice, populate

ORIGIN = "http://localhost:3000"
BOSS = {"plugin": "demo", "login": "boss", "password": "x"}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded database with the people of the matrix."""
    settings = Settings(state_directory=tmp_path_factory.mktemp("state"))
    engine = connect(settings)
    create_embedded(engine, "mx2345", "id29")
    populate(UserOffice(engine))
    engine.dispose()
    return Path(settings.ispyb_url.removeprefix("sqlite:///"))


@pytest.fixture
async def app(
    settings: Callable[..., Settings], database: Path
) -> AsyncIterator[WebApp]:
    """With the people of the matrix, and an authenticator that believes everybody."""
    found = settings(
        beamline="id29",
        web={
            "authenticator": [{"kind": "dummy", "name": "demo"}],
            "insecure_dummy": True,
            "pyispyb": {"origins": [ORIGIN]},
        },
    )
    found.state_directory.mkdir(parents=True)
    shutil.copy(database, found.state_directory / database.name)
    made = make_app(place_of(found))
    yield made
    made.pyispyb.close()
    if made.sign_in is not None:
        await made.sign_in.close()


@pytest.fixture
def asgi(app: WebApp) -> Asgi:
    return Asgi(app.asgi, None)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def test_the_ways_to_sign_in_are_listed_for_everybody(asgi: Asgi) -> None:
    found = await asgi.aget(f"{ROOT}/auth/config", origin=ORIGIN)
    assert found.json == {"plugins": [{"name": "demo", "config": {}}]}
    assert found.headers["access-control-allow-origin"] == ORIGIN


async def test_a_login_gives_a_token_that_opens_what_is_theirs(asgi: Asgi) -> None:
    found = await asgi.apost(f"{ROOT}/auth/login", BOSS)
    assert found.status == 201
    told = found.json
    assert (told["login"], told["expiresIn"]) == ("boss", ACCESS_S)
    assert told["permissions"] == ["all_proposals", "manage_groups"]
    user = (await asgi.aget(f"{ROOT}/user/current", **bearer(told["token"]))).json
    assert (user["login"], user["Permissions"]) == ("boss", told["permissions"])
    assert user["personId"] is not None
    seen = (await asgi.aget(f"{ROOT}/proposals", **bearer(told["token"]))).json
    assert seen["total"] == 3


async def test_each_sees_theirs(asgi: Asgi) -> None:
    for login, total in (("stranger", 0), ("local", 1), ("member", 2), ("staff", 3)):
        body = {"login": login, "password": "x"}
        token = (await asgi.apost(f"{ROOT}/auth/login", body)).json["token"]
        found = (await asgi.aget(f"{ROOT}/sessions", **bearer(token))).json
        assert (login, found["total"]) == (login, total)


@pytest.mark.parametrize(
    "changes",
    [
        {"plugin": "none"},
        {"password": ""},
        {"password": None},
        {"login": None},
        {"login": "*)(uid=*"},
        {"token": "eyJhbGciOiJub25lIn0.e30."},
    ],
)
async def test_who_is_wrong_is_told_so_where_the_page_can_read_it(
    asgi: Asgi, changes: dict[str, Any]
) -> None:
    body = {**BOSS, **changes}
    found = await asgi.apost(f"{ROOT}/auth/login", body, origin=ORIGIN)
    assert (found.status, list(found.json)) == (401, ["detail"])
    assert found.headers["access-control-allow-origin"] == ORIGIN


@pytest.mark.parametrize("body", [[], {"login": 5}, {"login": "x" * 1000}, "text"])
async def test_what_is_no_login_is_named(asgi: Asgi, body: Any) -> None:
    found = await asgi.apost(f"{ROOT}/auth/login", body)
    assert found.status == 422
    assert all(item["loc"][0] == "body" for item in found.json["detail"])


async def test_a_page_is_given_a_token_for_as_long_as_py_ispybs(asgi: Asgi) -> None:
    found = await asgi.apost(f"{ROOT}/auth/login", BOSS, origin=ORIGIN)
    assert found.json["expiresIn"] == PAGE_S


async def test_another_page_cannot_sign_anybody_in(asgi: Asgi) -> None:
    found = await asgi.apost(f"{ROOT}/auth/login", BOSS, origin="http://evil.example")
    assert found.status == 403


async def test_a_refresh_token_is_spent_once(asgi: Asgi) -> None:
    first = (await asgi.apost(f"{ROOT}/auth/login", BOSS)).json
    sent = {"refreshToken": first["refreshToken"]}
    second = await asgi.apost(f"{ROOT}/auth/refresh", sent)
    assert second.status == 200
    assert set(second.json) == {"token", "refreshToken", "expiresIn"}
    path = f"{ROOT}/user/current"
    assert (await asgi.aget(path, **bearer(second.json["token"]))).status == 200
    assert (await asgi.apost(f"{ROOT}/auth/refresh", sent)).status == 401
    assert (await asgi.aget(path, **bearer(second.json["token"]))).status == 401


async def test_nobody_and_forged_tokens_are_refused_readably(asgi: Asgi) -> None:
    path = f"{ROOT}/proposals"
    for headers in ({}, bearer("rca_forged"), bearer("eyJhbGciOiJub25lIn0.e30.")):
        found = await asgi.aget(path, origin=ORIGIN, **headers)
        assert (found.status, "detail" in found.json) == (401, True)
        assert found.headers["access-control-allow-origin"] == ORIGIN


async def test_where_nobody_signs_in_the_page_can_all_the_same(
    settings: Callable[..., Settings],
) -> None:
    app = make_app(place_of(settings()))
    asgi = Asgi(app.asgi, ANYBODY)
    (plugin,) = (await asgi.aget(f"{ROOT}/auth/config")).json["plugins"]
    body = {"plugin": plugin["name"], "login": "ada", "password": "x"}
    found = await asgi.apost(f"{ROOT}/auth/login", body)
    assert (found.status, found.json["login"]) == (201, "ada")
    app.pyispyb.close()


# -- links that work once --------------------------------------------------------------


async def sign(asgi: Asgi, url: str) -> str:
    token = (await asgi.apost(f"{ROOT}/auth/login", BOSS)).json["token"]
    sent = {"validity": url}
    found = await asgi.apost(f"{ROOT}/user/sign", sent, **bearer(token))
    assert (found.status, found.json["validity"]) == (200, url)
    return str(found.json["token"])


@pytest.mark.parametrize(
    "url",
    [
        "/sessions?limit=5&skip=1",
        f"http://localhost:8000{ROOT}/sessions?skip=1&limit=5",
    ],
)
async def test_a_link_opens_its_address_once(asgi: Asgi, url: str) -> None:
    token = await sign(asgi, url)
    path = f"{ROOT}/sessions?limit=5&skip=1&onetime={token}"
    found = await asgi.aget(path)
    assert (found.status, found.json["skip"]) == (200, 1)
    assert (await asgi.aget(path)).status == 401


@pytest.mark.parametrize(
    "path",
    ["/sessions", "/sessions?limit=6", "/proposals?limit=5", "/sessions?limit=5&a"],
)
async def test_a_link_opens_no_other_address(asgi: Asgi, path: str) -> None:
    token = await sign(asgi, "/sessions?limit=5")
    mark = "&" if "?" in path else "?"
    assert (await asgi.aget(f"{ROOT}{path}{mark}onetime={token}")).status == 401


async def test_a_link_changes_nothing_and_opens_nothing_else(asgi: Asgi) -> None:
    token = await sign(asgi, "/user/sign")
    sent = {"validity": "/proposals"}
    found = await asgi.apost(f"{ROOT}/user/sign?onetime={token}", sent)
    assert found.status == 401
    assert (await asgi.aget(f"/api/v1/runs?onetime={token}")).status == 401


async def test_what_is_no_address_is_not_signed(asgi: Asgi) -> None:
    token = (await asgi.apost(f"{ROOT}/auth/login", BOSS)).json["token"]
    for url in ("http://[", "", "x" * 3000, None):
        found = await asgi.apost(
            f"{ROOT}/user/sign", {"validity": url}, **bearer(token)
        )
        assert found.status == 422, url


def test_a_link_lasts_seconds_and_there_are_never_too_many() -> None:
    now = [0.0]
    links = OneTime(lambda: now[0])
    first = links.make(EVERYTHING, "/a")
    target = target_of("/a")
    second = links.make(EVERYTHING, "/a")
    now[0] = LAST_S - 0.1
    assert links.spent(first, target) is EVERYTHING
    now[0] = LAST_S
    assert links.spent(second, target) is None
    tokens = [links.make(EVERYTHING, "/a") for _ in range(MOST + 5)]
    assert [links.spent(token, target) for token in tokens[:5]] == [None] * 5
    assert links.spent(tokens[5], target) is EVERYTHING


def test_who_makes_many_links_ends_their_own_alone():
    links = OneTime(lambda: 0.0)
    first = links.make(EVERYTHING, "/a")
    other = somebody(login="mallory")
    tokens = [links.make(other, "/b") for _ in range(MOST + 5)]
    assert links.spent(tokens[0], target_of("/b")) is None
    assert links.spent(tokens[-1], target_of("/b")) == other
    assert links.spent(first, target_of("/a")) == EVERYTHING


def test_a_target_is_the_same_however_it_is_written() -> None:
    wanted = target_of(f"{ROOT}/a?x=1&y=%20")
    for url in ("/a?y=+&x=1", f"https://h:1{ROOT}/a?x=1&y={quote(' ')}&onetime=z"):
        assert target_of(url) == wanted
