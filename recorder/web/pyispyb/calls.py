"""All addresses of the API."""

from __future__ import annotations

import json
import re
from functools import cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, compile_path

from recorder.ispyb.reading.named_files import FileRoots
from recorder.records import Json
from recorder.web.access import Gate
from recorder.web.answers import JSON, content
from recorder.web.feed import Feed
from recorder.web.place import WebPlace
from recorder.web.pyispyb.admin_calls import ADMIN_CALLS
from recorder.web.pyispyb.auth_calls import AUTH_CALLS
from recorder.web.pyispyb.call import Call, Services
from recorder.web.pyispyb.data_calls import DATA_CALLS
from recorder.web.pyispyb.database import Database
from recorder.web.pyispyb.event_calls import EVENT_CALLS
from recorder.web.pyispyb.file_calls import FILE_CALLS
from recorder.web.pyispyb.frame import Frame
from recorder.web.pyispyb.one_time import OneTime
from recorder.web.pyispyb.openapi import document
from recorder.web.pyispyb.own_runs import OwnRuns
from recorder.web.pyispyb.people_calls import PEOPLE_CALLS
from recorder.web.pyispyb.root import ROOT
from recorder.web.pyispyb.sample_calls import SAMPLE_CALLS
from recorder.web.pyispyb.site_calls import SITE_CALLS
from recorder.web.pyispyb.ssx_calls import SSX_CALLS
from recorder.web.pyispyb.stat_calls import STAT_CALLS
from recorder.web.pyispyb.sync_calls import SYNC_CALLS
from recorder.web.routes import PUBLIC, routes
from recorder.web.sign_in.service import SignIn

CALLS: tuple[Call, ...] = (
    *AUTH_CALLS,
    *SITE_CALLS,
    *EVENT_CALLS,
    *SSX_CALLS,
    *SAMPLE_CALLS,
    *PEOPLE_CALLS,
    *DATA_CALLS,
    *FILE_CALLS,
    *STAT_CALLS,
    *ADMIN_CALLS,
    *SYNC_CALLS,
)
"""What is below ``/ispyb/api/v1``; a path that is matched first stands first."""


class PyIspyb:
    """The API, with its connections.

    Args:
        place: Whose settings and journal.
        feed: Has the live state.
        sign_in: Signs people in; None where nobody does.
    """

    def __init__(self, place: WebPlace, feed: Feed, sign_in: SignIn | None) -> None:
        self._database = Database(place.settings)
        self.links = OneTime()
        own = OwnRuns(feed)
        roots = FileRoots(place.settings)
        services = Services(place.settings, own, self.links, sign_in, roots)
        self._frame = Frame(self._database, services)

    def routes(self, gate: Gate) -> list[Route]:
        """All of them."""
        document = {f"{ROOT}/openapi.json": (_document, PUBLIC)}
        return [*routes(gate, "GET", document), *self._frame.routes(gate, CALLS)]

    def close(self) -> None:
        """Let go of connections."""
        self._database.close()


def allowed(path: str) -> str:
    """Ways in which an address can be asked; several routes may share it."""
    ways = {call.method for pattern, call in _patterns() if pattern.match(path)}
    return ", ".join(sorted({*ways, "HEAD"} if "GET" in ways else ways))


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], Call], ...]:
    return tuple((compile_path(f"{ROOT}{call.path}")[0], call) for call in CALLS)


async def _document(request: Request) -> Response:
    """`GET /ispyb/api/v1/openapi.json`."""
    return content(request, _encoded(), JSON)


@cache
def _encoded() -> bytes:
    return json.dumps(openapi()).encode()


def openapi() -> Json:
    """The OpenAPI document of all calls."""
    return document(CALLS)
