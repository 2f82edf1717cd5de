"""A web application in this process, asked by whom a test names."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recorder.config import Settings
from recorder.records.access import Rights, Scope, SessionRight
from recorder.web.app import WebApp, make_app
from recorder.web.callers import KEY, Caller, Kind
from recorder.web.place import WebPlace
from recorder.web.sign_in.cookies import SESSION
from tests.web import Answer

Somebody = Caller | str | None
"""A caller behind the door, the secret of a session before it, or nobody."""
EVERY = frozenset(Scope)
PERSON = EVERY - {Scope.SYNC}
"""What somebody may who signed in at the page."""


def person(login: str = "ada", **rights: Any) -> Caller:
    """Somebody at the page."""
    return Caller(Kind.SESSION, Rights(login, **rights), PERSON, "key")


def token(*scopes: Scope, **rights: Any) -> Caller:
    """A token for these scopes alone; of everything, if nothing else is said."""
    given = rights or {"everything": True}
    return Caller(Kind.TOKEN, Rights("robot", **given), frozenset(scopes), "key")


def kiosk(beamline: str) -> Caller:
    """A screen at a beamline."""
    rights = Rights("screen", beamlines=frozenset({beamline}))
    return Caller(Kind.KIOSK, rights, frozenset({Scope.READ_LIVE}), "key")


def of_proposal(name: str, login: str = "ada") -> Caller:
    return person(login, proposals=frozenset({name}))


def of_session(number: int, proposal: str, **more: Any) -> Caller:
    return person("bea", sessions=(SessionRight(number, proposal, **more),))


@dataclass
class Asked:
    """A running application."""

    app: WebApp
    outside: bool = False
    """Whether at the door, with a cookie or without; else behind it, as a caller."""
    open: list[asyncio.Task[None]] = field(default_factory=list)

    async def get(self, path: str, who: Somebody, **headers: str) -> Answer:
        return await self.ask("GET", path, who, b"", headers)

    async def post(self, path: str, who: Somebody, body: Any) -> Answer:
        sent = json.dumps(body).encode()
        return await self.ask(
            "POST", path, who, sent, {"content-type": "application/json"}
        )

    async def ask(
        self,
        method: str,
        path: str,
        who: Somebody,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        events: int = 2,
    ) -> Answer:
        """One answer; of a stream so many of its events."""
        started: list[Any] = []
        parts: list[bytes] = []
        done = asyncio.Event()
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if asked:
                await asyncio.Event().wait()
            asked = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                started.append(message)
                return
            parts.append(message.get("body", b""))
            is_stream = b"".join(parts).startswith(b"retry:")
            if is_stream and b"".join(parts).count(b"\nevent: ") >= events:
                done.set()

        where, _, query = path.partition("?")
        told = dict(headers or {})
        if self.outside:
            told |= {"host": "localhost", "origin": "http://localhost"}
            told |= {"content-length": str(len(body))}
        if isinstance(who, str):
            told["cookie"] = f"{SESSION}={who}"
        behind = isinstance(who, Caller)
        scope = {
            "type": "http",
            "method": method,
            "path": where,
            "raw_path": where.encode(),
            "query_string": query.encode(),
            "headers": [
                (name.lower().encode(), value.encode()) for name, value in told.items()
            ],
            "client": ("192.0.2.1", 1),
            "scheme": "http",
            "state": {KEY: who} if behind else {},
        }
        app = self.app.asgi if self.outside else self.app.inside
        answering: Any = app(scope, receive, send)
        task: asyncio.Task[None] = asyncio.create_task(answering)
        enough = asyncio.create_task(done.wait())
        await asyncio.wait({task, enough}, return_when=asyncio.FIRST_COMPLETED)
        for one in (task, enough):
            if not one.done():
                one.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await one
            elif one is task:
                one.result()
        said = {k.decode(): v.decode() for k, v in started[0]["headers"]}
        return Answer(started[0]["status"], said, b"".join(parts))

    async def until(self, wanted: Any, timeout_s: float = 60.0) -> None:
        """Wait for a tick after which this is so."""
        async with asyncio.timeout(timeout_s):
            while not wanted(self.app.feed):
                await self.app.feed.tick.wait()


@asynccontextmanager
async def running(
    settings: Settings, state: Path, *, outside: bool = False
) -> AsyncIterator[Asked]:
    """An application over a state directory, once it knows all runs."""
    app = make_app(WebPlace(settings, state / "live"))
    app.feed.start(asyncio.get_running_loop())
    asked = Asked(app, outside)
    try:
        await asked.until(lambda feed: feed.slow_state.complete)
        yield asked
    finally:
        app.feed.stop()
        app.reading.close()
        app.views.close()
        app.pyispyb.close()
        if app.sign_in is not None:
            await app.sign_in.close()


def texts(answers: Iterable[Answer]) -> bytes:
    """All that was answered, as bytes."""
    found = []
    for one in answers:
        found += [one.body, repr(sorted(one.headers.items())).encode()]
    return b"\n".join(found)
