"""py-ISPyB's API: its frame. What comes in is checked, what goes out has its shape."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.config import Settings
from recorder.errors import ConfigError
from recorder.ispyb.schema.database import connect, create_embedded
from recorder.web.app import WebApp, make_app
from recorder.web.callers import Kind
from recorder.web.place import place_of
from recorder.web.pyispyb.call import Call
from recorder.web.pyispyb.calls import CALLS, openapi
from recorder.web.pyispyb.cors import Cors
from recorder.web.pyispyb.parameters import MAX_LIMIT
from recorder.web.pyispyb.root import ROOT
from tests.asgi import Asgi, somebody

ORIGIN = "http://localhost:3000"
COMMITTED = Path(__file__).parents[2] / "config" / "openapi-pyispyb.json"
READING = [call for call in CALLS if call.method == "GET"]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebApp]:
    """With an empty embedded database."""
    folder = tmp_path_factory.mktemp("state")
    web = {"pyispyb": {"origins": [ORIGIN]}}
    settings = Settings(state_directory=folder, beamline="id29", web=web)
    engine = connect(settings)
    create_embedded(engine, "mx2345", "id29")
    engine.dispose()
    found = make_app(place_of(settings))
    yield found
    found.pyispyb.close()


@pytest.fixture(scope="module")
def asgi(app: WebApp) -> Asgi:
    """As somebody who may everything."""
    needed = frozenset(call.permission for call in CALLS if call.permission)
    return Asgi(app.asgi, somebody(everything=True, permissions=needed))


def address(call: Call, **given: Any) -> str:
    """An address of a call with values that it takes, but for those given."""
    values: dict[str, Any] = {
        "proposal": "mx2345",
        "sessionId": 1,
        "dataCollectionId": 1,
        "dataCollectionIds": "1,2",
    }
    path, query = call.path, []
    for one in call.parameters:
        value = given.get(one.name, values.get(one.name, 1))
        text = quote(str(value), safe="")
        if one.place == "path":
            path = path.replace("{" + one.name + "}", text)
        elif one.required or one.name in given:
            query.append(f"{one.name}={text}")
    return f"{ROOT}{path}?{'&'.join(query)}"


def test_a_list_is_in_its_envelope(asgi: Asgi) -> None:
    found = asgi.get(f"{ROOT}/proposals").json
    assert list(found) == ["total", "results", "skip", "limit"]
    assert (found["total"], found["skip"], found["limit"]) == (1, 0, 25)
    assert found["results"][0]["proposal"] == "mx2345"
    past = asgi.get(f"{ROOT}/proposals?skip=5").json
    assert (past["total"], past["results"]) == (1, [])


def test_a_limit_beyond_the_bound_is_taken_and_bounded(asgi: Asgi) -> None:
    assert asgi.get(f"{ROOT}/sessions?limit=9999").json["limit"] == MAX_LIMIT


def test_what_cannot_be_read_is_named_part_by_part(asgi: Asgi) -> None:
    found = asgi.get(f"{ROOT}/sessions?limit=0&skip=a&month=13")
    assert found.status == 422
    places = [item["loc"] for item in found.json["detail"]]
    assert places == [["query", "month"], ["query", "skip"], ["query", "limit"]]
    assert all(set(item) == {"loc", "msg", "type"} for item in found.json["detail"])


def test_a_parameter_that_must_be_there_is_asked_for(asgi: Asgi) -> None:
    found = asgi.get(f"{ROOT}/eventchain")
    assert found.status == 422
    assert found.json["detail"][0]["loc"] == ["query", "dataCollectionId"]


@pytest.mark.parametrize("name", ["IH-LS3456", "BM1611234", "mx_a7"])
def test_names_of_proposals_are_taken_as_py_ispyb_takes_them(
    asgi: Asgi, name: str
) -> None:
    assert asgi.get(f"{ROOT}/sessions?proposal={name}").status == 200
    assert asgi.get(f"{ROOT}/proposals/{name}").json == {"detail": "Proposal not found"}


WICKED = [
    "' OR 1=1 --",
    "1; DROP TABLE Proposal",
    "%",
    "_",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "\0",
    "\U0001f600",
    "\u017f\u212a",
    "9" * 30,
    "-1",
    "1e9",
    "\u0663",
    "[1,2",
    "[" * 5000,
    "null",
]


@pytest.mark.parametrize("call", READING, ids=lambda call: call.path)
async def test_nothing_in_a_parameter_does_harm(asgi: Asgi, call: Call) -> None:
    for parameter in call.parameters:
        for text in WICKED:
            path = address(call, **{parameter.name: text})
            found = await asgi.aget(path)
            assert found.status in (200, 404, 422), (path, found.body)
            if found.status != 200:
                assert set(found.json) == {"detail"}, path
            assert found.headers["content-type"] == "application/json"
            assert found.headers["x-content-type-options"] == "nosniff"


@given(st.text(max_size=60))
def test_any_search_is_answered_and_finds_only_what_it_says(text: str) -> None:
    found = _SHARED.get(f"{ROOT}/proposals?search={quote(text, safe='')}")
    assert found.status in (200, 422)
    if found.status == 200 and text:
        names = [one["proposal"] + one["title"] for one in found.json["results"]]
        assert all(text.lower() in name.lower() for name in names if text.isascii())


@pytest.fixture(autouse=True, scope="module")
def _shared(asgi: Asgi) -> None:
    global _SHARED
    _SHARED = asgi


_SHARED: Any = None


# -- who may ask -----------------------------------------------------------------------


@pytest.mark.parametrize("call", [c for c in CALLS if c.scope], ids=lambda c: c.path)
def test_nobody_is_told_anything(app: WebApp, call: Call) -> None:
    found = Asgi(app.inside, None).ask(call.method, address(call), b"", {})
    assert (found.status, found.json) == (401, {"detail": "sign in first"})
    assert found.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("call", [c for c in CALLS if c.scope], ids=lambda c: c.path)
def test_a_kiosk_is_told_no_names(app: WebApp, call: Call) -> None:
    kiosk = somebody(Kind.KIOSK, everything=True)
    assert (
        Asgi(app.inside, kiosk).ask(call.method, address(call), b"", {}).status == 403
    )


def test_a_missing_permission_is_named(app: WebApp) -> None:
    found = Asgi(app.inside, somebody(everything=True)).get(f"{ROOT}/options")
    assert (found.status, "manage_options" in found.json["detail"]) == (403, True)
    manager = somebody(permissions=frozenset({"manage_options"}))
    assert Asgi(app.inside, manager).get(f"{ROOT}/options").status == 200


# -- pages of other servers ------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/proposals", "/proposals/mx1", "/sessions?skip=x", "/no/such", "/options"]
)
def test_a_configured_page_reads_answers_and_errors(asgi: Asgi, path: str) -> None:
    found = asgi.get(ROOT + path, origin=ORIGIN)
    assert found.headers["access-control-allow-origin"] == ORIGIN
    assert "Origin" in found.headers["vary"]
    assert "access-control-allow-credentials" not in found.headers


def test_what_the_door_refuses_is_readable_too(app: WebApp) -> None:
    found = Asgi(Cors(app.inside, (ORIGIN,)), None).get(
        f"{ROOT}/proposals", origin=ORIGIN
    )
    assert found.status == 401
    assert found.headers["access-control-allow-origin"] == ORIGIN
    found = Asgi(app.asgi).get(f"{ROOT}/proposals", origin=ORIGIN, host="evil.example")
    assert (found.status, "detail" in found.json) == (421, True)
    assert found.headers["access-control-allow-origin"] == ORIGIN


def test_no_other_page_reads_anything(asgi: Asgi) -> None:
    for origin in ("http://evil.example", "null", f"{ORIGIN}.evil.example"):
        found = asgi.get(f"{ROOT}/proposals", origin=origin)
        assert "access-control-allow-origin" not in found.headers


def test_a_page_may_ask_what_it_will_send(asgi: Asgi) -> None:
    asked = {
        "origin": ORIGIN,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    found = asgi.ask("OPTIONS", f"{ROOT}/auth/login", b"", asked)
    assert found.status == 200
    assert "POST" in found.headers["access-control-allow-methods"]
    assert "authorization" in found.headers["access-control-allow-headers"].lower()
    asked["origin"] = "http://evil.example"
    refused = asgi.ask("OPTIONS", f"{ROOT}/auth/login", b"", asked)
    assert "access-control-allow-origin" not in refused.headers


def test_other_addresses_are_shared_with_nobody(asgi: Asgi) -> None:
    found = asgi.get("/healthz", origin=ORIGIN)
    assert "access-control-allow-origin" not in found.headers


@pytest.mark.parametrize(
    "origin", ["*", "null", "localhost:3000", "http://h/path", "ftp://h", "http://u@h"]
)
def test_what_is_no_origin_is_refused(
    settings: Callable[..., Settings], origin: str
) -> None:
    with pytest.raises((ConfigError, ValueError), match=r"origin|host"):
        settings(web={"pyispyb": {"origins": [origin]}})


def test_an_origin_is_kept_as_browsers_send_it(
    settings: Callable[..., Settings],
) -> None:
    given = ["HTTP://Localhost:3000/", "https://ispyb.example.org:443"]
    found = settings(web={"pyispyb": {"origins": given}}).web.pyispyb.origins
    assert found == (ORIGIN, "https://ispyb.example.org")


# -- tags, databases, documents --------------------------------------------------------


def test_who_has_it_already_is_told_so(asgi: Asgi) -> None:
    first = asgi.get(f"{ROOT}/proposals")
    again = asgi.get(f"{ROOT}/proposals", if_none_match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")


def test_without_a_database_it_says_what_to_do(
    settings: Callable[..., Settings],
) -> None:
    away = settings(ispyb={"url": "mariadb+pymysql://u@127.0.0.1:1/ispyb"})
    app = make_app(place_of(away))
    found = Asgi(app.asgi).get(f"{ROOT}/proposals")
    assert (found.status, "web.ispyb.url" in found.json["detail"]) == (503, True)
    app.pyispyb.close()


def test_a_database_that_is_away_is_said_and_not_described(
    settings: Callable[..., Settings],
) -> None:
    url = "mariadb+pymysql://secretuser@127.0.0.1:1/ispyb"
    app = make_app(place_of(settings(web={"ispyb": {"url": url}})))
    found = Asgi(app.asgi).get(f"{ROOT}/proposals")
    assert found.status == 503
    assert "retry-after" in found.headers
    assert "secretuser" not in found.body.decode()
    app.pyispyb.close()


def test_the_committed_document_is_the_served_one(asgi: Asgi) -> None:
    assert json.loads(COMMITTED.read_text()) == openapi(), "run `make schemas`"
    assert asgi.get(f"{ROOT}/openapi.json").json == openapi()


def test_the_schemas_of_the_document_hold_together() -> None:
    document = openapi()
    schemas = document["components"]["schemas"]
    for name in _references(document):
        assert name.rpartition("/")[2] in schemas
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def _references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if "$ref" in value else set()
        return own.union(*map(_references, value.values()))
    return set().union(*map(_references, value)) if isinstance(value, list) else set()
