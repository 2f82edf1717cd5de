"""Opens ways in and knows them again; whose they are, others say."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from recorder.web.problems import ProblemError
from recorder.web.sign_in.lane import Lane
from recorder.web.sign_in.secret_texts import (
    ACCESS,
    REFRESH,
    hashed,
    looks_like_one,
    new_secret,
)
from recorder.web.sign_in.store import Store
from recorder.web.sign_in.ways import (
    ACCESS_S,
    SESSION_S,
    USE_S,
    Way,
    WayKind,
    What,
)

MOST = 50
"""Sessions of one person at once, and as many logins of programs; with one more the one
that was idle longest ends. Also the API tokens of one person. Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class TokenPair:
    """Of a login in the manner of py-ISPyB."""

    access: str
    refresh: str
    expires_s: int
    """Seconds that ``access`` lasts."""


class Book:
    """Sessions and tokens of the web process.

    Args:
        lane: Asks the store.
        clock: Time of day (s since 1970).
    """

    def __init__(self, lane: Lane, clock: Callable[[], float] = time.time) -> None:
        self._lane = lane
        self.clock = clock

    # -- opened ------------------------------------------------------------------------

    async def session(self, way: Way) -> str:
        """Open a session; its secret is for a cookie."""
        secret = new_secret()
        entries = [(hashed(secret), What.ENTRY, way.ends_s)]
        await self._lane.ask(lambda store: _with_room(store, way, entries, way.made_s))
        return secret

    async def pair(self, way: Way, lasts_s: int = ACCESS_S) -> TokenPair:
        """Open a login of a program, whose first access token lasts so long."""
        pair, entries = _new_pair(way, way.made_s, lasts_s)
        await self._lane.ask(lambda store: _with_room(store, way, entries, way.made_s))
        return pair

    async def token(self, way: Way, beginning: str) -> str:
        """Make a token; it is shown once.

        Raises:
            ProblemError: They have as many as anybody may have.
        """
        secret = new_secret(beginning)
        await self._lane.ask(lambda store: keep_token(store, way, secret))
        return secret

    # -- known again -------------------------------------------------------------------

    async def entered(self, secret: str) -> Way | None:
        """The way that a secret opens now; None if it opens none (any more)."""
        if not looks_like_one(secret):
            return None
        now = self.clock()
        found = await self._lane.ask(lambda store: store.find(hashed(secret)))
        if found is None:
            return None
        way, what, ends_s, spent = found
        if what is not What.ENTRY or spent or now >= ends_s or way.is_over(now):
            return None
        if now - way.used_s > USE_S and way.kind is not WayKind.PAIR:
            await self._lane.ask(lambda store: store.use(way.key, now))
        return way

    async def refreshed(self, refresh: str) -> tuple[TokenPair, Way] | Way | None:
        """New secrets for a refresh token, once.

        Returns:
            The new pair; the way that was revoked if the token had been used before;
            None if it is none.
        """
        if not looks_like_one(refresh):
            return None
        now = self.clock()
        return await self._lane.ask(lambda store: _exchanged(store, refresh, now))

    # -- listed and revoked ------------------------------------------------------------

    async def of(self, login: str) -> list[Way]:
        """What somebody has that is not over."""
        now = self.clock()
        ways = await self._lane.ask(lambda store: store.list(login))
        return [way for way in ways if not way.is_over(now)]

    async def revoke(self, key: str, login: str) -> Way | None:
        """End one of theirs."""
        return await self._lane.ask(lambda store: store.remove(key, login))

    async def purge(self) -> None:
        """Forget what is over."""
        now = self.clock()
        await self._lane.ask(lambda store: store.purge(now))

    def ends_s(self) -> float:
        """When a session ends that is opened now."""
        return self.clock() + SESSION_S

    def close(self) -> None:
        """Let go of the store."""
        self._lane.close()


def keep_token(store: Store, way: Way, secret: str) -> None:
    """Keep a new token.

    Raises:
        ProblemError: They have as many as anybody may have.
    """
    theirs = [w for w in store.list(way.identity.login) if w.kind is way.kind]
    if sum(not one.is_over(way.made_s) for one in theirs) >= MOST:
        text = f"{way.identity.login} has {MOST} tokens already: revoke one first"
        raise ProblemError(HTTPStatus.CONFLICT, "too-many-tokens", text)
    store.add(way, [(hashed(secret), What.ENTRY, way.ends_s)])


def _with_room(
    store: Store, way: Way, entries: list[tuple[bytes, What, float]], now: float
) -> None:
    store.purge(now)
    theirs = [w for w in store.list(way.identity.login) if w.kind is way.kind]
    for idle in sorted(theirs, key=lambda w: -w.used_s)[MOST - 1 :]:
        store.remove(idle.key)
    store.add(way, entries)


def _new_pair(
    way: Way, now: float, lasts_s: int = ACCESS_S
) -> tuple[TokenPair, list[tuple[bytes, What, float]]]:
    pair = TokenPair(new_secret(ACCESS), new_secret(REFRESH), lasts_s)
    return pair, [
        (hashed(pair.access), What.ENTRY, min(now + lasts_s, way.ends_s)),
        (hashed(pair.refresh), What.REFRESH, way.ends_s),
    ]


def _exchanged(
    store: Store, refresh: str, now: float
) -> tuple[TokenPair, Way] | Way | None:
    found = store.find(hashed(refresh))
    if found is None or found[1] is not What.REFRESH or found[0].is_over(now):
        return None
    way = found[0]
    pair, entries = _new_pair(way, now)
    if store.exchange(hashed(refresh), now, entries):
        return pair, way
    store.remove(way.key)  # somebody else has it as well: nobody may go on
    return way
