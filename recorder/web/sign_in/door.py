"""The door: finds out who asks, once a request, and lets nobody past who must not.

It stands inside the guard. What is not for all it refuses by itself; what somebody may
see of the rest, the routes decide.
"""

from __future__ import annotations

import time
from http import HTTPStatus

import anyio
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recorder.web.callers import ANYBODY, KEY, Caller
from recorder.web.guard import BEARER_ONLY
from recorder.web.problems import ProblemError
from recorder.web.sign_in.cookies import cookie_of
from recorder.web.sign_in.service import SignIn

PUBLIC = (
    "/healthz",
    "/readyz",
    "/sign-in",
    "/sign-out",
    "/api/v1/openapi.json",
    "/ispyb/api/v1/openapi.json",
)
"""What anybody gets, and below what else."""
PUBLIC_BELOW = ("/static/", "/sign-in/", "/ispyb/api/v1/auth/")
PAGES = ("/", "/account")
"""What browsers are sent away from to sign in."""
AGAIN_S = 5.0
"""Seconds after which it is asked again whether a long answer may go on. With the age
of rights it makes a minute. Chosen, not tuned."""


class Door:
    """Wraps the application.

    Args:
        app: What answers.
        sign_in: Knows callers; None where nobody signs in.
    """

    def __init__(self, app: ASGIApp, sign_in: SignIn | None) -> None:
        self._app = app
        self._sign_in = sign_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            ProblemError: Nobody may ask that without signing in.
        """
        state = scope.setdefault("state", {})
        if self._sign_in is None:
            state.setdefault(KEY, ANYBODY)
            await self._app(scope, receive, send)
            return
        state.pop(KEY, None)
        caller = await self._asks(scope, self._sign_in)
        if caller is None:
            await self._stranger(scope, receive, send)
            return
        state[KEY] = caller
        await _Answer(self._app, self._sign_in, caller)(scope, receive, send)

    async def _asks(self, scope: Scope, sign_in: SignIn) -> Caller | None:
        """Who asks; a wrong token is no hindrance to what is for all."""
        try:
            return await caller_now(scope, sign_in)
        except ProblemError:
            if is_public(scope):
                return None
            raise

    async def _stranger(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_public(scope) or scope["path"].startswith(BEARER_ONLY):
            await self._app(scope, receive, send)  # which refuses in its own form
            return
        accepts = Headers(scope=scope).get("accept", "")
        if scope["path"] in PAGES and "text/html" in accepts:
            away = RedirectResponse("/sign-in", HTTPStatus.SEE_OTHER)
            away.headers["cache-control"] = "no-store"
            await away(scope, receive, send)
            return
        raise ProblemError(
            HTTPStatus.UNAUTHORIZED,
            "sign-in",
            "sign in first: /sign-in, or send a token as Authorization: Bearer",
            headers={"www-authenticate": "Bearer"},
        )


class _Answer:
    """An answer to somebody; it ends when they may not have it any more."""

    def __init__(self, app: ASGIApp, sign_in: SignIn, caller: Caller) -> None:
        self._app = app
        self._sign_in = sign_in
        self._caller = caller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; a stream ends with the session, or when rights change."""
        started = ended = False
        looked_at = time.monotonic()

        async def watched(message: Message) -> None:
            nonlocal started, ended, looked_at
            if message["type"] == "http.response.start":
                started = True
            else:
                ended = not message.get("more_body", False)
            if started and not ended and time.monotonic() - looked_at > AGAIN_S:
                looked_at = time.monotonic()
                if not await self._is_same(scope):
                    answering.cancel()
                    await anyio.sleep_forever()
            if started and not ended:
                entering.note(self._caller.session, answering)
            await send(message)

        entering = self._sign_in.entering
        with anyio.CancelScope() as answering:
            try:
                await self._app(scope, receive, watched)
            finally:
                entering.ended(self._caller.session, answering)
        if answering.cancelled_caught and started and not ended:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _is_same(self, scope: Scope) -> bool:
        """Whether they would be let in now, to the same."""
        try:
            return await caller_now(scope, self._sign_in) == self._caller
        except ProblemError:
            return False


async def caller_now(scope: Scope, sign_in: SignIn) -> Caller | None:
    """Who sends a request; a token goes before a cookie.

    Raises:
        ProblemError: It is a token that lets nobody in, or nobody can say.
    """
    headers, peer = Headers(scope=scope), peer_of(scope)
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        caller = await sign_in.caller(token.strip(), peer)
        if caller is None:
            raise ProblemError(
                HTTPStatus.UNAUTHORIZED,
                "sign-in",
                "this token is wrong, over or revoked: make another one",
                headers={"www-authenticate": 'Bearer error="invalid_token"'},
            )
        return caller
    if scope["path"].startswith(BEARER_ONLY):  # pages of other sites may ask there
        return None
    secret = cookie_of(scope)
    return await sign_in.entering.by_cookie(secret, peer) if secret else None


def peer_of(scope: Scope) -> str:
    """Address of who asks."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def is_public(scope: Scope) -> bool:
    """Whether anybody may ask that. A browser asks with OPTIONS what it may send."""
    path = scope["path"]
    return (
        scope["method"] == "OPTIONS" or path in PUBLIC or path.startswith(PUBLIC_BELOW)
    )
