"""The cookies: of a session, and of a browser that is at a provider."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import Scope

SESSION = "__Host-sid"
"""A browser sends it to this host only, over TLS or to a loopback address, and no
script reads it."""
DEPARTURE = "__Host-departure"
"""The same, for one return from a provider."""


def cookie_of(scope: Scope, name: str = SESSION) -> str:
    """What a browser sends under a name; empty if nothing, or more than one thing."""
    jars = [cookie_parser(text) for text in Headers(scope=scope).getlist("cookie")]
    found = [jar[name] for jar in jars if name in jar]
    return found[0] if len(found) == 1 else ""


def set_cookie(
    response: Response, secret: str, name: str = SESSION, age_s: float | None = None
) -> None:
    """Give it to a browser.

    Args:
        response: The answer that brings it.
        secret: Its value.
        name: Its name.
        age_s: How long it is kept; None: until the browser ends.
    """
    response.set_cookie(
        name,
        secret,
        max_age=None if age_s is None else int(age_s),
        path="/",
        secure=True,
        httponly=True,
        samesite="lax",
    )


def drop_cookie(response: Response, name: str = SESSION) -> None:
    """Take it away from a browser."""
    set_cookie(response, "", name, 0)
