"""The application: addresses and what answers them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recorder.errors import RecorderError
from recorder.web import problems
from recorder.web.answers import JSON, content
from recorder.web.feed import Feed
from recorder.web.guard import Guard
from recorder.web.health import Watch
from recorder.web.metrics import Metrics
from recorder.web.moments import Moments
from recorder.web.openapi import openapi
from recorder.web.place import WebPlace
from recorder.web.reading import Reading
from recorder.web.runs import Runs
from recorder.web.said import Sayings
from recorder.web.stream import Streams

STATIC = Path(__file__).parent / "static"
API = "/api/v1"


@dataclass(frozen=True, slots=True)
class WebApp:
    """The application and what must be started and stopped with it."""

    asgi: ASGIApp
    feed: Feed
    reading: Reading
    streams: Streams


def make_app(place: WebPlace) -> WebApp:
    """The application for a journal and a live state.

    Args:
        place: Where they are, and how it is served.
    """
    web = place.settings.web
    feed, reading = Feed(place), Reading(place)
    metrics = Metrics(feed)
    feed.on_tick = metrics.note
    streams = Streams(feed, web.max_clients)
    app = Starlette(
        routes=_routes(feed, reading, streams, metrics),
        exception_handlers={
            HTTPException: problems.of_http,
            RecorderError: _of_ours,
            Exception: _defect,
        },
    )
    counted = _Counted(app, metrics)
    guard = Guard(counted, (web.host.lower(), *web.allowed_hosts))
    return WebApp(guard, feed, reading, streams)


def _routes(
    feed: Feed, reading: Reading, streams: Streams, metrics: Metrics
) -> list[Route | Mount]:
    runs, moments = Runs(reading, feed), Moments(reading, feed)
    said, watch = Sayings(reading, feed, moments), Watch(feed, metrics)
    get = {
        "/": _page,
        "/healthz": watch.healthz,
        "/readyz": watch.readyz,
        "/metrics": watch.metrics,
        f"{API}/openapi.json": _document,
        f"{API}/live": streams.live,
        f"{API}/now": moments.now,
        f"{API}/slow": moments.slow,
        f"{API}/status": moments.status,
        f"{API}/alarms": moments.alarms,
        f"{API}/spool": moments.spool,
        f"{API}/preview/{{which}}.png": moments.picture,
        f"{API}/preview/{{which}}.json": moments.about_picture,
        f"{API}/peakogram": moments.peakogram,
        f"{API}/experiments": runs.experiments,
        f"{API}/runs": runs.list,
        f"{API}/runs/{{uid}}": runs.report,
        f"{API}/runs/{{uid}}/images": runs.images,
        f"{API}/runs/{{uid}}/images/{{image_id}}": runs.image,
        f"{API}/runs/{{uid}}/chip": runs.chip,
    }
    post = {
        f"{API}/alarms/{{alarm:path}}/seen": said.seen,
        f"{API}/runs/{{uid}}/targets": said.targets,
    }
    return [
        *(Route(path, answer, methods=["GET"]) for path, answer in get.items()),
        *(Route(path, answer, methods=["POST"]) for path, answer in post.items()),
        Mount("/static", _Static(directory=STATIC)),
    ]


async def _page(request: Request) -> Response:
    """`GET /`: the page."""
    return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})


async def _of_ours(request: Request, error: Exception) -> Response:
    """What an error of ours is to those who asked."""
    if not isinstance(error, RecorderError):
        raise error
    return problems.of(error)


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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.answered(message["status"])
            await send(message)

        await self._app(scope, receive, counted)
