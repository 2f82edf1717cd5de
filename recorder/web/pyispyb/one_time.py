"""Links that work once, for a few seconds: pictures and files that a page shows.

A browser sends no token with the address of a picture. The page has the address signed,
and asks for exactly it, within seconds, once.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from recorder.web.callers import KEY, Caller
from recorder.web.pyispyb.root import ROOT

LAST_S = 10.0
"""Seconds that a link lasts: as py-ISPyB's and SynchWeb's."""
MOST = 10_000
"""Links at once; with one more the oldest of who makes it ends. Chosen, not tuned: a
page of 1000 pictures signs as many."""
NAME = "onetime"
"""The parameter: py-ISPyB's."""
MAX_URL = 2000
"""Characters of an address that is signed. Chosen, not tuned."""
_BYTES = 32
"""Of a token: 256 bits, which nobody guesses."""


@dataclass(frozen=True, slots=True)
class _Link:
    target: str
    caller: Caller
    ends: float


class OneTime:
    """Makes links and knows them again.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._links: dict[str, _Link] = {}

    def make(self, caller: Caller, url: str) -> str:
        """A token for an address, for one who may ask.

        Args:
            caller: Whose rights it has.
            url: The address: whole, or from the root of the host or of the API.
        """
        now = self._clock()
        while self._links:
            oldest = next(iter(self._links))  # they are in the order of their ends
            if self._links[oldest].ends > now:
                break
            del self._links[oldest]
        if len(self._links) >= MOST:
            del self._links[self._oldest_of(caller.login)]
        token = secrets.token_urlsafe(_BYTES)
        self._links[token] = _Link(target_of(url), caller, now + LAST_S)
        return token

    def _oldest_of(self, login: str) -> str:
        """The oldest of one person, who makes so many; of all if they have none."""
        theirs = (t for t, link in self._links.items() if link.caller.login == login)
        return next(theirs, next(iter(self._links)))

    def spent(self, token: str, target: str) -> Caller | None:
        """Who asks with a token; it is over with that, whatever it is used for."""
        link = self._links.pop(token, None)
        if link is None or link.ends <= self._clock() or link.target != target:
            return None
        return link.caller


def target_of(url: str) -> str:
    """What of an address is signed: path and query, whatever its host."""
    parts = urlsplit(url)
    path = parts.path if parts.path.startswith(f"{ROOT}/") else f"{ROOT}{parts.path}"
    query = parse_qsl(parts.query, keep_blank_values=True)
    return f"{path}?{urlencode(sorted(p for p in query if p[0] != NAME))}"


class OneTimeDoor:
    """Lets in who has such a link; everybody else comes through the door.

    Args:
        door: The door.
        inside: The application behind it.
        links: Know who made them.
    """

    def __init__(self, door: ASGIApp, inside: ASGIApp, links: OneTime) -> None:
        self._door = door
        self._inside = inside
        self._links = links

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        caller = self._caller(scope)
        if caller is None:
            await self._door(scope, receive, send)
            return
        scope.setdefault("state", {})[KEY] = caller
        await self._inside(scope, receive, send)

    def _caller(self, scope: Scope) -> Caller | None:
        path = scope["path"]
        if not path.startswith(f"{ROOT}/") or scope["method"] not in ("GET", "HEAD"):
            return None
        query = scope["query_string"].decode("latin-1")
        given = parse_qs(query).get(NAME, [])
        if len(given) != 1:
            return None
        return self._links.spent(given[0], target_of(f"{path}?{query}"))
