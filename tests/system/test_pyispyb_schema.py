"""Every address of py-ISPyB's API, asked in allowed and forbidden ways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recorder.config import Settings
from recorder.web.app import make_app
from recorder.web.place import place_of
from recorder.web.pyispyb.calls import CALLS
from recorder.web.pyispyb.frame import ROOT
from tests.asgi import Asgi
from tests.documented import HOST, Documented, documented
from tests.pyispyb_rest import PERMISSIONS
from tests.reading import embedded
from tests.sign_in import PASSWORD, local, write_passwords

EXAMPLES = 2
"""Random requests of each kind and address; beside them are those of each boundary."""
ASKED = [
    (call.method, f"{ROOT}{call.path}")
    for call in CALLS
    # the synchronisation is off here (501), and has tests of its own, as signing in has
    if not call.path.startswith(("/auth", "/user", "/webservices"))
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ASGIApp, str]]:
    """The application over a small database, and a token that may do everything."""
    folder = tmp_path_factory.mktemp("site")
    embedded(folder / "ispyb.sqlite").dispose()
    anna = {"all_proposals": True, "permissions": sorted(PERMISSIONS)}
    web = local(write_passwords(folder / "passwords", "anna"), anna=anna)
    web |= {"allowed_hosts": [HOST]}
    made = make_app(
        place_of(Settings(state_directory=folder, beamline="id29", web=web))
    )
    body = {"login": "anna", "password": PASSWORD}
    asked = Asgi(made.asgi, None).post(f"{ROOT}/auth/login", body)
    yield made.asgi, asked.json["token"]
    made.pyispyb.close()


def read(app: Any, token: str) -> Documented:
    header = {"Authorization": f"Bearer {token}"}
    return documented(app, f"{ROOT}/openapi.json", header, EXAMPLES)


@pytest.fixture(scope="module")
def document(site: tuple[ASGIApp, str]) -> Documented:
    return read(*site)


@pytest.mark.parametrize(("method", "path"), ASKED, ids=lambda text: text)
def test_answers_are_as_the_document_says(document, method, path):
    asked = document.ask(method, path)
    assert asked.wrong == ()
    assert asked.requests >= EXAMPLES


@pytest.mark.parametrize("wrong", ["status", "body", "crash"])
def test_an_answer_that_is_not_so_is_seen(site, wrong):
    app, token = site
    path = f"{ROOT}/proteins"

    async def other(scope: Scope, receive: Receive, send: Send) -> None:
        async def changed(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                message["status"] = {"status": 207, "crash": 500}.get(wrong, 200)
                message["headers"] = [
                    one for one in message["headers"] if one[0] != b"content-length"
                ]
            elif wrong == "body":
                message["body"] = b'{"total": "many"}'
            await send(message)

        await app(scope, receive, changed if scope["path"] == path else send)

    assert read(other, token).ask("GET", path).wrong
