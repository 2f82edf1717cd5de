"""What browsers ask to sign in and out."""

from __future__ import annotations

from dataclasses import dataclass as plain_dataclass
from http import HTTPStatus

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from recorder.authenticators.dummy import DummySection
from recorder.authenticators.protocols import Authenticator, How
from recorder.config import Settings
from recorder.records.access import Identity
from recorder.web.access import Gate
from recorder.web.callers import Kind
from recorder.web.encoding import encoded
from recorder.web.parameters import body_of
from recorder.web.problems import ProblemError
from recorder.web.routes import PUBLIC, Table, routes
from recorder.web.sign_in.cookies import (
    cookie_of,
    drop_cookie,
    set_cookie,
)
from recorder.web.sign_in.door import peer_of
from recorder.web.sign_in.letting_in import NO_STORE, let_in, ours, sent_to
from recorder.web.sign_in.provider_routes import ProviderRoutes
from recorder.web.sign_in.service import SignIn
from recorder.web.sign_in.turns import KNOWN
from recorder.web.sign_in.ways import DAY_S, TOKEN_DAYS
from recorder.web.static_folder import STATIC

KEPT_S = TOKEN_DAYS * DAY_S
"""Seconds that a screen keeps its cookie; its token may end before."""
JSON = "application/json"


@dataclass(frozen=True)
class SignInBody:
    """Login and password, as they were typed."""

    login: str
    password: str
    authenticator: str | None = None
    """Its name; None: each in turn."""


@dataclass(frozen=True)
class TokenBody:
    """The token of a screen."""

    token: str


@dataclass(frozen=True)
class Nothing:
    """No more than the wish."""


@plain_dataclass(frozen=True, slots=True)
class WayToSignIn:
    """One authenticator, for the sign-in page."""

    name: str
    how: How


@plain_dataclass(frozen=True, slots=True)
class SignInConfig:
    """What the sign-in page must know."""

    beamline: str
    authenticators: tuple[WayToSignIn, ...]
    insecure: bool
    """Whether any password will do."""


@plain_dataclass(frozen=True, slots=True)
class SignedIn:
    """Who signed in, or out."""

    login: str
    name: str = ""
    go: str | None = None
    """Where the browser goes now, to sign out of the provider as well."""


_SIGN_IN = TypeAdapter(SignInBody)
_TOKEN = TypeAdapter(TokenBody)
_NOTHING = TypeAdapter(Nothing)


class SignInRoutes:
    """Answers browsers.

    Args:
        sign_in: Signs in; None where nobody does.
        settings: The whole configuration.
    """

    def __init__(self, sign_in: SignIn | None, settings: Settings) -> None:
        self._known = sign_in
        self._config = _config(settings, sign_in)

    @property
    def _sign_in(self) -> SignIn:
        if self._known is None:
            text = "nobody signs in here: no [[web.authenticator]] is configured"
            raise ProblemError(HTTPStatus.NOT_FOUND, "no-sign-in", text)
        return self._known

    async def page(self, request: Request) -> Response:
        """`GET /sign-in`: the page."""
        if self._known is None:
            return sent_to("/")
        return FileResponse(STATIC / "sign-in.html", headers=NO_STORE)

    async def config(self, request: Request) -> Response:
        """`GET /sign-in/config`: what the page must know."""
        return Response(encoded(self._config), 200, NO_STORE, JSON)

    async def enter(self, request: Request) -> Response:
        """`POST /sign-in`: login and password for a session."""
        sign_in = self._sign_in
        body = await body_of(request, _SIGN_IN)
        signed = await sign_in.by_password(
            body.authenticator, body.login, body.password, peer_of(request.scope)
        )
        told = SignedIn(signed.identity.login, signed.identity.name)
        response = Response(encoded(told), 200, NO_STORE, JSON)
        await let_in(sign_in, request, signed, response)
        return response

    async def screen(self, request: Request) -> Response:
        """`POST /sign-in/token`: a screen's token for the same cookie."""
        sign_in, peer = self._sign_in, peer_of(request.scope)
        token = (await body_of(request, _TOKEN)).token
        caller = await sign_in.entering.by_cookie(token, peer)
        if caller is None or caller.kind is not Kind.KIOSK:
            text = "this is no token of a screen at this address, or it is over"
            raise ProblemError(HTTPStatus.UNAUTHORIZED, "sign-in", text)
        response = Response(encoded(SignedIn(caller.login)), 200, NO_STORE, JSON)
        set_cookie(response, token, age_s=KEPT_S)
        return response

    async def leave(self, request: Request) -> Response:
        """`POST /sign-out`: the session ends here, and with the provider."""
        await body_of(request, _NOTHING)
        go, login = None, ""
        if self._known is not None:
            way = await self._known.book.entered(cookie_of(request.scope))
            if way is not None:
                login = way.identity.login
                peer = peer_of(request.scope)
                await self._known.revoke(way.key, login, peer)
                go = await self._farewell(request, way.authenticator, login)
        response = Response(encoded(SignedIn(login, go=go)), 200, NO_STORE, JSON)
        drop_cookie(response)
        return response

    async def _farewell(self, request: Request, name: str, login: str) -> str | None:
        back, found = ours(request, "/sign-in"), list[str]()

        async def ask(one: Authenticator) -> Identity | None:
            found.extend(filter(None, [await one.farewell(back, login)]))
            return None

        asking = self._sign_in.asking
        await asking.who(asking.chosen(name), ask, KNOWN)
        return found[0] if found else None


def sign_in_routes(
    gate: Gate, sign_in: SignIn | None, settings: Settings
) -> list[Route]:
    """For those who are not signed in yet."""
    door, providers = SignInRoutes(sign_in, settings), ProviderRoutes(sign_in)
    get: Table = {
        "/sign-in": (door.page, PUBLIC),
        "/sign-in/config": (door.config, PUBLIC),
        "/sign-in/{name}/depart": (providers.depart, PUBLIC),
        "/sign-in/{name}/back": (providers.back, PUBLIC),
    }
    post: Table = {
        "/sign-in": (door.enter, PUBLIC),
        "/sign-in/token": (door.screen, PUBLIC),
        "/sign-out": (door.leave, PUBLIC),
    }
    return [*routes(gate, "GET", get), *routes(gate, "POST", post)]


def _config(settings: Settings, sign_in: SignIn | None) -> SignInConfig:
    ours = () if sign_in is None else sign_in.authenticators
    sections = settings.web.authenticator
    return SignInConfig(
        settings.beamline,
        tuple(WayToSignIn(one.name, one.how) for one in ours),
        any(isinstance(section, DummySection) for section in sections),
    )
