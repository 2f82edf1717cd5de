"""One's account: what one may see, tokens for programs, and where one is signed in."""

from __future__ import annotations

from dataclasses import dataclass as plain_dataclass
from http import HTTPStatus

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from recorder.records.access import Only, Scope
from recorder.runtime.log import get_logger
from recorder.web.access import Gate
from recorder.web.callers import Caller, Kind, caller_of
from recorder.web.encoding import encoded
from recorder.web.parameters import body_of
from recorder.web.problems import ProblemError
from recorder.web.rights_in_words import in_words
from recorder.web.routes import Table, routes
from recorder.web.sign_in.cookies import cookie_of
from recorder.web.sign_in.door import peer_of
from recorder.web.sign_in.letting_in import NO_STORE
from recorder.web.sign_in.narrowing import allowed
from recorder.web.sign_in.secret_texts import API
from recorder.web.sign_in.service import SignIn
from recorder.web.sign_in.token_wishes import Wish, told, way_of
from recorder.web.sign_in.ways import Way, WayKind
from recorder.web.static_folder import STATIC

log = get_logger("web")
JSON = "application/json"


@dataclass(frozen=True)
class RevokeBody:
    """Which one ends."""

    key: str


@plain_dataclass(frozen=True, slots=True)
class WayShown:
    """A session or token, as its owner sees it."""

    key: str
    kind: WayKind
    label: str
    address: str
    authenticator: str
    made_s: float
    ends_s: float
    used_s: float
    scopes: tuple[str, ...]
    only: Only | None
    mine: bool
    """Whether it is the one that asks."""


@plain_dataclass(frozen=True, slots=True)
class Account:
    """What somebody has."""

    login: str
    name: str
    rights: tuple[str, ...]
    """In words, with the rows that they come from."""
    scopes: tuple[str, ...]
    """What a token of theirs may be for."""
    sessions: tuple[WayShown, ...]
    tokens: tuple[WayShown, ...]


@plain_dataclass(frozen=True, slots=True)
class Made:
    """A new token, shown this once."""

    key: str
    token: str
    ends_s: float


_WISH = TypeAdapter(Wish)
_REVOKE = TypeAdapter(RevokeBody)


class AccountRoutes:
    """Answers people who are signed in with a browser.

    Args:
        sign_in: Knows their sessions and tokens; None where nobody signs in.
    """

    def __init__(self, sign_in: SignIn | None) -> None:
        self._known = sign_in

    async def page(self, request: Request) -> Response:
        """`GET /account`: the page."""
        return FileResponse(STATIC / "account.html", headers=NO_STORE)

    async def account(self, request: Request) -> Response:
        """`GET /account/mine`: what somebody has."""
        sign_in, caller = self._asking(request)
        ways = await sign_in.book.of(caller.login)
        rights = caller.rights
        found = Account(
            rights.login,
            rights.name,
            in_words(rights),
            told(allowed(frozenset(Scope), rights)),
            _shown(ways, caller, WayKind.SESSION, WayKind.PAIR),
            _shown(ways, caller, WayKind.TOKEN),
        )
        return _answer(found)

    async def make(self, request: Request) -> Response:
        """`POST /account/tokens`: a new token."""
        sign_in, caller = self._asking(request)
        wish = await body_of(request, _WISH)
        if missing := wish.scopes - allowed(frozenset(Scope), caller.rights):
            text = f"you may not {told(missing)[0]} yourself"
            raise ProblemError(HTTPStatus.FORBIDDEN, "scope", text)
        ours = await sign_in.book.entered(cookie_of(request.scope))
        if ours is None:  # it ended this moment
            raise ProblemError(HTTPStatus.UNAUTHORIZED, "sign-in", "sign in first")
        peer, now = peer_of(request.scope), sign_in.book.clock()
        way = way_of(wish, ours.identity, ours.authenticator, peer, now)
        token = await sign_in.book.token(way, API)
        log.info(
            "token_made",
            login=caller.login,
            key=way.key,
            kind=way.kind.value,
            label=way.label,
            scopes=" ".join(told(way.scopes)),
            days=wish.days,
            address=peer,
        )
        return _answer(Made(way.key, token, way.ends_s), HTTPStatus.CREATED)

    async def revoke(self, request: Request) -> Response:
        """`POST /account/revoke`: end a session or token."""
        sign_in, caller = self._asking(request)
        key = (await body_of(request, _REVOKE)).key
        if not await sign_in.revoke(key, caller.login, peer_of(request.scope)):
            text = "you have no session or token of that key"
            raise ProblemError(HTTPStatus.NOT_FOUND, "no-key", text)
        return _answer(RevokeBody(key))

    def _asking(self, request: Request) -> tuple[SignIn, Caller]:
        """Who asks, with a browser: a token makes no tokens.

        Raises:
            ProblemError: Somebody else.
        """
        caller = caller_of(request)
        if self._known is None or caller.kind is not Kind.SESSION:
            text = "this is for people who signed in with a browser"
            raise ProblemError(HTTPStatus.FORBIDDEN, "no-session", text)
        return self._known, caller


def account_routes(gate: Gate, sign_in: SignIn | None) -> list[Route]:
    """For people who are signed in."""
    account = AccountRoutes(sign_in)
    get: Table = {
        "/account": (account.page, Scope.READ_LIVE),
        "/account/mine": (account.account, Scope.READ_LIVE),
    }
    post: Table = {
        "/account/tokens": (account.make, Scope.READ_LIVE),
        "/account/revoke": (account.revoke, Scope.READ_LIVE),
    }
    return [*routes(gate, "GET", get), *routes(gate, "POST", post)]


def _shown(ways: list[Way], caller: Caller, *kinds: WayKind) -> tuple[WayShown, ...]:
    return tuple(
        WayShown(
            way.key,
            way.kind,
            way.label,
            way.peer,
            way.authenticator,
            way.made_s,
            way.ends_s,
            way.used_s,
            told(way.scopes),
            way.only,
            way.key == caller.session,
        )
        for way in ways
        if way.kind in kinds
    )


def _answer(value: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(encoded(value), status, NO_STORE, JSON)
