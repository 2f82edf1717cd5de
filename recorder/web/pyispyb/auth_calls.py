"""Signing in as py-ISPyB's page and clients do it: tokens for tokens or passwords."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field
from pydantic.dataclasses import dataclass as checked_dataclass

from recorder.authenticators.protocols import How
from recorder.config import Settings
from recorder.web.pyispyb.call import Asked, Call
from recorder.web.sign_in.book import TokenPair
from recorder.web.sign_in.door import peer_of
from recorder.web.sign_in.service import Signed, SignIn
from recorder.web.sign_in.ways import ACCESS_S

PAGE_S = 5 * 3600
"""Seconds that the token of a page of another server lasts: py-ISPyB's. Its page cannot
refresh it; rights are read at each request all the same, and it can be revoked."""
OPEN = "open"
"""Plug-in and token where nobody signs in: the page insists on a form."""
KEYCLOAK = "keycloak"
"""Name of a plug-in that makes the page send people to Keycloak."""
MAX_SECRET = 16_384
"""Characters of a token or password that are read: provider's tokens are long."""
MAX_NAME = 200
"""Characters of other texts of a login. Chosen, not tuned."""
_REALM = re.compile(r"(https?://.+?)/realms/([^/]+)/?")
Secret = Annotated[str, Field(max_length=MAX_SECRET)]
Name = Annotated[str, Field(max_length=MAX_NAME)]


@dataclass(frozen=True, slots=True)
class Plugin:
    """A way to sign in."""

    name: str
    config: Mapping[str, str] = field(default_factory=dict)
    """What a page must know to use it."""


@dataclass(frozen=True, slots=True)
class AuthConfig:
    """The ways to sign in."""

    plugins: tuple[Plugin, ...]


@checked_dataclass(frozen=True)
class LoginBody:
    """Login and password, or the token of a provider."""

    plugin: Name | None = None
    login: Name | None = None
    password: Secret | None = None
    token: Secret | None = None


@checked_dataclass(frozen=True)
class RefreshBody:
    """The refresh token of a login, or of the last refresh."""

    refreshToken: Secret


@dataclass(frozen=True, slots=True)
class Tokens:
    """Somebody is signed in."""

    login: str
    token: str
    """To be sent as ``Authorization: Bearer``."""
    permissions: tuple[str, ...]
    refreshToken: str
    expiresIn: int
    """Seconds that ``token`` lasts."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """New tokens; the old refresh token is spent."""

    token: str
    refreshToken: str
    expiresIn: int


async def config(asked: Asked) -> AuthConfig:
    """`GET /auth/config`."""
    sign_in = asked.services.sign_in
    if sign_in is None:
        return AuthConfig((Plugin(OPEN),))
    return AuthConfig(tuple(_plugins(sign_in, asked.settings)))


def _plugins(sign_in: SignIn, settings: Settings) -> Iterator[Plugin]:
    """Those that the page can use: forms, and one Keycloak."""
    names = [one.name for one in sign_in.authenticators if one.how is How.PASSWORD]
    yield from (Plugin(name) for name in names)
    if KEYCLOAK not in names:
        yield from list(_keycloaks(settings).values())[:1]


def _keycloaks(settings: Settings) -> dict[str, Plugin]:
    """What pages must know of Keycloak's realms, by the authenticator's name."""
    found: dict[str, Plugin] = {}
    for section in settings.web.authenticator:
        said = section.model_dump()
        realm = _REALM.fullmatch(str(said.get("issuer")))
        if said.get("preset") == KEYCLOAK and realm is not None:
            server, name = realm.groups()
            client = str(said.get("client_id"))
            told = {"SERVER_URL": f"{server}/", "REALM_NAME": name, "CLIENT_ID": client}
            named = {f"KEYCLOAK_{key}": value for key, value in told.items()}
            found[section.name] = Plugin(KEYCLOAK, named)
    return found


def keycloak_servers(settings: Settings) -> tuple[str, ...]:
    """Origins of the Keycloaks that the page sends people to."""
    urls = (
        urlsplit(plugin.config[f"{KEYCLOAK.upper()}_SERVER_URL"])
        for plugin in _keycloaks(settings).values()
    )
    return tuple(f"{url.scheme}://{url.netloc}" for url in urls)


async def login(asked: Asked) -> Tokens:
    """`POST /auth/login`."""
    sign_in, body = asked.services.sign_in, asked.body
    if sign_in is None:
        caller = asked.caller
        shown = body.login or caller.login
        permissions = tuple(sorted(caller.rights.permissions))
        return Tokens(shown, OPEN, permissions, OPEN, PAGE_S)
    plugin, peer = _real_name(body.plugin, sign_in, asked.settings), _peer(asked)
    if body.token:
        signed = await sign_in.by_token(plugin, body.token, peer)
    else:
        name, password = body.login or "", body.password or ""
        signed = await sign_in.by_password(plugin, name, password, peer)
    pair = await _pair(asked, sign_in, signed)
    permissions = tuple(sorted(signed.rights.permissions))
    return Tokens(
        signed.identity.login, pair.access, permissions, pair.refresh, pair.expires_s
    )


async def _pair(asked: Asked, sign_in: SignIn, signed: Signed) -> TokenPair:
    """Programs refresh their tokens; a page has one for as long as py-ISPyB's lasts."""
    origin = asked.request.headers.get("origin")
    is_page = origin in asked.settings.web.pyispyb.origins
    return await sign_in.pair(signed, PAGE_S if is_page else ACCESS_S)


def _real_name(plugin: str | None, sign_in: SignIn, settings: Settings) -> str | None:
    known = {one.name for one in sign_in.authenticators}
    if plugin == KEYCLOAK and plugin not in known:
        return next(iter(_keycloaks(settings)), plugin)
    return plugin


async def refresh(asked: Asked) -> Refreshed:
    """`POST /auth/refresh`."""
    sign_in = asked.services.sign_in
    if sign_in is None:
        return Refreshed(OPEN, OPEN, PAGE_S)
    pair = await sign_in.refreshed(asked.body.refreshToken, _peer(asked))
    return Refreshed(pair.access, pair.refresh, pair.expires_s)


def _peer(asked: Asked) -> str:
    return peer_of(asked.request.scope)


_TRIES = (
    (401, "Login, password or token is wrong."),
    (429, "Too many tries; `retry-after` says when to come back."),
)
AUTH_CALLS = (
    Call("/auth/config", "Ways to sign in", AuthConfig, does=config, scope=None),
    Call(
        "/auth/login",
        "Sign in",
        Tokens,
        does=login,
        scope=None,
        method="POST",
        body=LoginBody,
        status=201,
        problems=_TRIES,
    ),
    Call(
        "/auth/refresh",
        "New tokens for a refresh token",
        Refreshed,
        does=refresh,
        scope=None,
        method="POST",
        body=RefreshBody,
        problems=_TRIES,
    ),
)
