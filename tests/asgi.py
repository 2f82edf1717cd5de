"""Asks an application in this process, as whom one wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message

from recorder.records.access import Rights, Scope
from recorder.web.callers import KEY, Caller, Kind
from tests.web import Answer

ALL = frozenset(Scope)


def somebody(kind: Kind = Kind.SESSION, **rights: Any) -> Caller:
    """A caller with rights."""
    return Caller(kind, Rights(**{"login": "somebody", **rights}), ALL)


EVERYTHING = somebody(everything=True)


@dataclass(frozen=True, slots=True)
class Asgi:
    """Asks as somebody.

    Args:
        app: What is asked.
        caller: Put where the door puts it; None: nobody is signed in.
    """

    app: ASGIApp
    caller: Caller | None = EVERYTHING
    headers: Mapping[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, b"", headers)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        sent = {"content-type": "application/json", **headers}
        return self.ask("POST", path, json.dumps(body).encode(), sent)

    async def aget(self, path: str, **headers: str) -> Answer:
        """The same within a loop."""
        return await self._ask("GET", path, b"", headers)

    async def apost(self, path: str, body: Any, **headers: str) -> Answer:
        """The same as :meth:`post` within a loop."""
        sent = {"content-type": "application/json", **headers}
        return await self._ask("POST", path, json.dumps(body).encode(), sent)

    def ask(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        return asyncio.run(self._ask(method, path, body, headers))

    async def _ask(
        self, method: str, target: str, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        path, _, query = target.partition("?")
        sent = {"host": "localhost", **self.headers, **headers}
        if body:
            sent["content-length"] = str(len(body))
        scope = {
            "type": "http",
            "method": method,
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [
                (name.replace("_", "-").lower().encode(), value.encode())
                for name, value in sent.items()
            ],
            "client": ("127.0.0.1", 1),
            "server": ("localhost", 80),
            "scheme": "http",
            "http_version": "1.1",
            "state": {KEY: self.caller},
        }
        told: list[Message] = []

        bodies = [body]

        async def receive() -> Message:
            if not bodies:
                await asyncio.Event().wait()  # until the answer is there
            return {"type": "http.request", "body": bodies.pop(), "more_body": False}

        async def send(message: Message) -> None:
            told.append(message)

        await self.app(scope, receive, send)
        start = told[0]
        return Answer(
            start["status"],
            {name.decode().lower(): value.decode() for name, value in start["headers"]},
            b"".join(message.get("body", b"") for message in told[1:]),
        )
