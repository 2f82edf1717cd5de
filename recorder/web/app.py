"""The application: addresses and what answers them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as State

from recorder.errors import RecorderError
from recorder.records.access import Scope
from recorder.web import problems
from recorder.web.access import Gate
from recorder.web.answers import JSON, content
from recorder.web.feed import Feed
from recorder.web.guard import Guard
from recorder.web.health import Watch
from recorder.web.me import Myself
from recorder.web.metrics import Metrics
from recorder.web.moments import Moments
from recorder.web.openapi import openapi
from recorder.web.pictures import Pictures
from recorder.web.place import WebPlace
from recorder.web.places import Places
from recorder.web.proxies import Proxies
from recorder.web.pyispyb import problems as pyispyb_problems
from recorder.web.pyispyb.calls import PyIspyb, allowed
from recorder.web.pyispyb.cors import Cors
from recorder.web.pyispyb.one_time import OneTimeDoor
from recorder.web.pyispyb.root import ROOT as PYISPYB
from recorder.web.pyispyb.sync_calls import LARGE
from recorder.web.reading import Reading
from recorder.web.routes import PUBLIC, Table, checked, routes
from recorder.web.runs import Runs
from recorder.web.said import Sayings
from recorder.web.sign_in.account import account_routes
from recorder.web.sign_in.door import Door
from recorder.web.sign_in.routes import sign_in_routes
from recorder.web.sign_in.service import SignIn, make_sign_in
from recorder.web.static_folder import STATIC
from recorder.web.stream import Streams
from recorder.web.views import Views

API = "/api/v1"


@dataclass(frozen=True, slots=True)
class WebApp:
    """The application and what must be started and stopped with it."""

    asgi: ASGIApp
    inside: ASGIApp
    """The same behind the door: whoever calls it says who asks."""
    feed: Feed
    reading: Reading
    streams: Streams
    views: Views
    gate: Gate
    pyispyb: PyIspyb
    routes: tuple[BaseRoute, ...]
    """All addresses; :func:`recorder.web.routes.need_of` says what each takes."""
    sign_in: SignIn | None
    """None where nobody signs in."""


def make_app(place: WebPlace) -> WebApp:
    """The application for a journal and a live state.

    Args:
        place: Where they are, and how it is served.

    Raises:
        ConfigError: Nobody could sign in as it is configured.
    """
    web = place.settings.web
    feed, reading = Feed(place), Reading(place)
    metrics, views = Metrics(feed), Views(feed, place)
    feed.on_tick = metrics.note
    streams = Streams(feed, views, web.max_clients)
    gate = Gate(Places(place.settings))
    sign_in = make_sign_in(place.settings)
    pyispyb = PyIspyb(place, feed, sign_in)
    found = [
        *sign_in_routes(gate, sign_in, place.settings),
        *account_routes(gate, sign_in),
        *_own(gate, feed, views, reading, streams, metrics, sign_in),
        *pyispyb.routes(gate),
        Mount("/static", _Static(directory=STATIC)),
    ]
    app = Starlette(
        routes=checked(found),
        exception_handlers={
            HTTPException: _of_http,
            RecorderError: _of_ours,
            Exception: _defect,
        },
    )
    counted = _Counted(app, metrics)
    origins = web.pyispyb.origins
    hosts = (web.host.lower(), *web.allowed_hosts)
    door = OneTimeDoor(Door(counted, sign_in), counted, pyispyb.links)
    known = Proxies(door, web.proxies, tls=web.cert_file is not None)
    outside = Cors(Guard(known, hosts, origins, LARGE), origins)
    return WebApp(
        outside,
        counted,
        feed,
        reading,
        streams,
        views,
        gate,
        pyispyb,
        tuple(found),
        sign_in,
    )


def _own(
    gate: Gate,
    feed: Feed,
    views: Views,
    reading: Reading,
    streams: Streams,
    metrics: Metrics,
    sign_in: SignIn | None,
) -> list[Route]:
    """Page, read API and metrics."""
    runs, moments = Runs(reading, views), Moments(reading, feed, views)
    pictures, said = Pictures(reading), Sayings(reading, feed, moments)
    watch = Watch(feed, metrics)
    myself = Myself(reading.place.settings, sign_in)
    get: Table = {
        "/": (_page, Scope.READ_LIVE),
        "/healthz": (watch.healthz, PUBLIC),
        "/readyz": (watch.readyz, PUBLIC),
        "/metrics": (watch.metrics, Scope.METRICS),
        f"{API}/openapi.json": (_document, PUBLIC),
        f"{API}/me": (myself.me, Scope.READ_LIVE),
        f"{API}/live": (streams.live, Scope.READ_LIVE),
        f"{API}/now": (moments.now, Scope.READ_LIVE),
        f"{API}/slow": (moments.slow, Scope.READ_LIVE),
        f"{API}/alarms": (moments.alarms, Scope.READ_LIVE),
        f"{API}/status": (moments.status, Scope.SPOOL),
        f"{API}/spool": (moments.spool, Scope.SPOOL),
        f"{API}/preview/{{which}}.png": (pictures.picture, Scope.READ_IMAGES),
        f"{API}/preview/{{which}}.json": (pictures.about, Scope.READ_IMAGES),
        f"{API}/peakogram": (pictures.peakogram, Scope.READ_IMAGES),
        f"{API}/experiments": (runs.experiments, Scope.READ_RUNS),
        f"{API}/runs": (runs.list, Scope.READ_RUNS),
        f"{API}/runs/{{uid}}": (runs.report, Scope.READ_RUNS),
        f"{API}/runs/{{uid}}/images": (runs.images, Scope.READ_IMAGES),
        f"{API}/runs/{{uid}}/images/{{image_id}}": (runs.image, Scope.READ_IMAGES),
        f"{API}/runs/{{uid}}/chip": (runs.chip, Scope.READ_RUNS),
    }
    post: Table = {
        f"{API}/alarms/{{alarm:path}}/seen": (said.seen, Scope.WRITE_ALARMS),
        f"{API}/alarms/{{alarm:path}}/normal": (said.normal, Scope.WRITE_ALARMS),
        f"{API}/runs/{{uid}}/targets": (said.targets, Scope.WRITE_TARGETS),
    }
    return [*routes(gate, "GET", get), *routes(gate, "POST", post)]


async def _page(request: Request) -> Response:
    """`GET /`: the page."""
    return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})


async def _of_ours(request: Request, error: Exception) -> Response:
    """What an error of ours is to those who asked."""
    if not isinstance(error, RecorderError):
        raise error
    if _is_pyispyb(request):
        return pyispyb_problems.of(error)
    return problems.of(error)


async def _of_http(request: Request, error: Exception) -> Response:
    """What the router refuses: no such path, no such method."""
    if _is_pyispyb(request) and isinstance(error, HTTPException):
        return pyispyb_problems.of_http(error, allowed(request.url.path))
    return problems.of_http(request, error)


def _is_pyispyb(request: Request) -> bool:
    return request.url.path.startswith(f"{PYISPYB}/")


async def _document(request: Request) -> Response:
    """`GET /api/v1/openapi.json`: what all addresses take and answer."""
    return content(request, _openapi(), JSON)


@cache
def _openapi() -> bytes:
    return json.dumps(openapi()).encode()


async def _defect(request: Request, error: Exception) -> Response:
    """What nobody foresaw; the guard logs it."""
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return problems.answer(status, "defect", problems.DEFECT)


class _Static(StaticFiles):
    """The page's files; browsers ask each time whether theirs is still the same."""

    def file_response(self, *args: object, **options: object) -> Response:
        """As the base class, never from a cache alone."""
        response = super().file_response(*args, **options)  # type: ignore[arg-type]
        response.headers["cache-control"] = "no-cache"
        return response


class _Counted:
    """Counts answers."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: State, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.answered(message["status"])
            await send(message)

        await self._app(scope, receive, counted)
