"""Who comes back with a secret, and what they may do now."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import anyio

from recorder.records.access import Only, Rights, Scope
from recorder.web.callers import Caller, Kind
from recorder.web.rights import RightsCache
from recorder.web.sign_in.asking import Asking
from recorder.web.sign_in.book import Book
from recorder.web.sign_in.foreign import ForeignTokens
from recorder.web.sign_in.narrowing import allowed, of_token
from recorder.web.sign_in.secret_texts import ACCESS, API, REFRESH, hashed
from recorder.web.sign_in.tries import plain_address
from recorder.web.sign_in.ways import PERSON, Way, WayKind

EVERY = frozenset(Scope)
KINDS = {
    WayKind.SESSION: Kind.SESSION,
    WayKind.TOKEN: Kind.TOKEN,
    WayKind.PAIR: Kind.TOKEN,
    WayKind.KIOSK: Kind.KIOSK,
}


class Entering:
    """Knows callers again.

    Args:
        asking: Knows tokens of providers.
        rights: Says what somebody may see.
        book: Has sessions and tokens.
        beamline: What screens show.
    """

    def __init__(
        self, asking: Asking, rights: RightsCache, book: Book, beamline: str
    ) -> None:
        self._rights = rights
        self._book = book
        self._beamline = beamline
        self._foreign = ForeignTokens(asking, book.clock)
        self._open: defaultdict[str, set[anyio.CancelScope]] = defaultdict(set)

    async def by_cookie(self, secret: str, peer: str) -> Caller | None:
        """Who has a cookie: a browser that signed in, or a screen."""
        way = await self._book.entered(secret)
        if way is None or way.kind not in (WayKind.SESSION, WayKind.KIOSK):
            return None
        return await self._caller(way, peer)

    async def by_token(self, token: str, peer: str) -> Caller | None:
        """Who has a token, ours or a provider's.

        Raises:
            ProblemError: 503 if nobody can say.
        """
        if not token.startswith((API, ACCESS, REFRESH)):
            return await self._by_foreign(token, peer)
        way = await self._book.entered(token)
        if way is None or way.kind is WayKind.SESSION:
            return None
        return await self._caller(way, peer)

    async def _caller(self, way: Way, peer: str) -> Caller | None:
        """Who comes by a session or token.

        Groups of a directory are as they were when somebody signed in, and nobody hears
        that they left one: they count for a session's half day, never for a token.
        """
        kind = KINDS[way.kind]
        if way.kind is WayKind.KIOSK:
            if plain_address(peer) != plain_address(way.peer):
                return None
            return Caller(kind, self._of_screen(way), way.scopes, way.key)
        if way.kind is WayKind.TOKEN:
            rights = await self._rights.of(replace(way.identity, groups=()))
            scopes = allowed(way.scopes, rights)
            return Caller(kind, of_token(rights, way.only, scopes), scopes, way.key)
        rights = await self._rights.of(way.identity)
        scopes = EVERY if way.kind is WayKind.PAIR else PERSON
        return Caller(kind, rights, allowed(scopes, rights), way.key)

    def _of_screen(self, way: Way) -> Rights:
        beamline = self._beamline
        return Rights(
            way.identity.login,
            beamlines=frozenset({beamline}),
            only=Only(beamline=beamline),
        )

    async def _by_foreign(self, token: str, peer: str) -> Caller | None:
        identity = await self._foreign.who(token, peer)
        if identity is None:
            return None
        rights = await self._rights.of(identity)
        key = hashed(token).hex()[:16]
        return Caller(Kind.TOKEN, rights, allowed(EVERY, rights), key)

    # -- answers that take long --------------------------------------------------------

    def note(self, key: str, answering: anyio.CancelScope) -> None:
        """A stream goes to a session: it ends with the session."""
        self._open[key].add(answering)

    def ended(self, key: str, answering: anyio.CancelScope) -> None:
        """It has ended."""
        if key in self._open:
            self._open[key].discard(answering)
            if not self._open[key]:
                del self._open[key]

    def forget(self, key: str) -> None:
        """End the streams of a session or token."""
        for scope in list(self._open.get(key, ())):
            scope.cancel()
