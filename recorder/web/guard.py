"""The door: who may ask, how much may be sent, and which headers each answer has."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from types import MappingProxyType

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recorder.runtime.boundary import boundary
from recorder.web import problems
from recorder.web.problems import ProblemError

MAX_BODY = 64 << 10
"""Bytes of a request's body: what may be said here is a few hundred."""
MAX_DRAIN = 16 << 20
"""Bytes of a longer body that are taken and thrown away, so that the client reads why
instead of an ended connection. Chosen, not tuned."""
BODY_S = 10.0
"""Seconds in which a body must have come. Chosen, not tuned."""
LARGE_BODY_S = 60.0
"""Seconds in which a large one must have come. Chosen, not tuned."""
_DIGITS = 20
"""Of a length that is read as a number; a longer one is found too large as it comes."""
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: "
    "data:; connect-src 'self'; worker-src 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'"
)
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
"""Of each answer, errors included."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Names under which a page on this host, or at the end of an SSH tunnel, is asked for.
A name that somebody else's server gives for 127.0.0.1 is none of them."""
SAFE = ("GET", "HEAD", "OPTIONS")
BEARER_ONLY = "/ispyb/"
"""Where tokens are sent and no cookie counts: programs may ask there, too, which send
no Origin. Pages send theirs, which must be configured."""


def host_of(text: str) -> str:
    """The host of a ``Host`` header, without port and brackets, in small letters."""
    host = text.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host


class Guard:
    """Wraps the application.

    Args:
        app: What answers.
        hosts: Names under which it may be asked, beside those of the loopback.
        origins: Of pages of other servers that may use py-ISPyB's API.
        large: Bytes of a body that an address takes, where they are more; it is read
            by what answers there, once it knows who asks.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Iterable[str] = (),
        origins: Iterable[str] = (),
        large: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._app = app
        self._hosts = {*LOOPBACK, *hosts}
        self._origins = frozenset(origins)
        self._large = large

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        with boundary("answer a request", (ProblemError,)):
            try:
                body = await self._admitted(scope, receive)
                await self._app(scope, body, guarded)
            except ProblemError as problem:
                await problems.of(problem)(scope, receive, guarded)
            return
        if not started:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            failed = problems.answer(status, "defect", problems.DEFECT)
            await failed(scope, receive, guarded)

    async def _admitted(self, scope: Scope, receive: Receive) -> Receive:
        """How the application reads the body of a request that may come in.

        Raises:
            ProblemError: It may not.
        """
        headers = Headers(scope=scope)
        self._check_host(headers)
        if scope["method"] not in SAFE:
            self._check_origin(headers, scope["path"])
        if (most := self._large.get(scope["path"])) is not None:
            return _bounded(headers, receive, most)
        return await _with_body(headers, receive)

    def _check_host(self, headers: Headers) -> None:
        """Pages of other sites may have a name that leads here (DNS rebinding)."""
        if host_of(headers.get("host", "")) not in self._hosts:
            raise ProblemError(
                HTTPStatus.MISDIRECTED_REQUEST,
                "host",
                "this name is not one under which the recorder is asked; add it to "
                "web.allowed_hosts",
            )

    def _check_origin(self, headers: Headers, path: str) -> None:
        """What changes something comes from our own page, or says so.

        A program with a token has no page: no page of others can send that header.
        """
        if "origin" not in headers and "authorization" in headers:
            return
        host = headers.get("host", "").strip().lower()
        ours = {f"http://{host}", f"https://{host}"}
        if path.startswith(BEARER_ONLY):
            if "origin" not in headers:
                return
            ours |= self._origins
        if headers.get("origin", "").lower() not in ours:
            raise ProblemError(
                HTTPStatus.FORBIDDEN,
                "origin",
                "what changes something needs an Origin header that is this server",
            )


def _bounded(headers: Headers, receive: Receive, most: int) -> Receive:
    """What comes of a large body, piece by piece.

    Raises:
        ProblemError: It is larger than that, also while it comes; or it is slow.
    """
    text = f"at most {most} bytes are taken"
    refused = ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", text)
    length = headers.get("content-length", "")
    if length.isdecimal() and len(length) < _DIGITS and int(length) > most:
        raise refused
    size = 0
    begun: float | None = None

    async def bounded() -> Message:
        nonlocal size, begun
        now = asyncio.get_running_loop().time()
        begun = now if begun is None else begun
        try:
            async with asyncio.timeout(max(0.0, begun + LARGE_BODY_S - now)):
                message = await receive()
        except TimeoutError:
            slow = f"the body did not come within {LARGE_BODY_S:g} s"
            raise ProblemError(HTTPStatus.REQUEST_TIMEOUT, "slow", slow) from None
        size += len(message.get("body", b""))
        if size > most:
            raise refused
        return message

    return bounded


async def _with_body(headers: Headers, receive: Receive) -> Receive:
    """The body, read to its end; a longer one is thrown away as it comes."""
    length = headers.get("content-length", "0")
    chunked = "transfer-encoding" in headers
    if length == "0" and not chunked:
        return receive
    try:
        async with asyncio.timeout(BODY_S):
            body, size = await _read(receive)
    except TimeoutError:
        text = f"the body did not come within {BODY_S:g} s"
        raise ProblemError(HTTPStatus.REQUEST_TIMEOUT, "slow", text) from None
    if size > MAX_BODY:
        text = f"at most {MAX_BODY} bytes are taken"
        raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", text)
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _read(receive: Receive) -> tuple[bytes, int]:
    """What is kept of a body, and how much came."""
    kept, size = bytearray(), 0
    while size <= MAX_DRAIN:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size <= MAX_BODY:
            kept += part
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            break
    return bytes(kept), size
