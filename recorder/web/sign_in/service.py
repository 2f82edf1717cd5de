"""Signing in: who somebody is, what they may see, and how they come back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from recorder.authenticators.protocols import Authenticator, make_authenticators
from recorder.config import Settings
from recorder.ispyb.people.asking import People
from recorder.records.access import Identity, Rights
from recorder.runtime.log import get_logger
from recorder.runtime.throttle import Throttle
from recorder.web.callers import Caller
from recorder.web.place import own_folder
from recorder.web.problems import ProblemError
from recorder.web.rights import RightsCache
from recorder.web.sign_in.asking import Asking, away, is_login, is_password
from recorder.web.sign_in.book import Book, TokenPair
from recorder.web.sign_in.entering import Entering
from recorder.web.sign_in.foreign import MAX_TOKEN
from recorder.web.sign_in.lane import Lane
from recorder.web.sign_in.secret_texts import new_key
from recorder.web.sign_in.store import Store
from recorder.web.sign_in.tries import Tries, place_of
from recorder.web.sign_in.turns import KNOWN
from recorder.web.sign_in.ways import ACCESS_S, Way, WayKind

log = get_logger("web")
WRONG = "login or password is wrong"
"""Whatever was wrong of them: who guesses learns nothing."""
WRONG_TOKEN = "this token signs nobody in here; sign in again"
Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Signed:
    """Somebody who has just said who they are."""

    identity: Identity
    rights: Rights
    key: str
    """Of the session that is opened for them; no secret."""
    authenticator: str
    peer: str


class SignIn:
    """The sign-in of one web process.

    Args:
        authenticators: Say who somebody is.
        rights: Say what they may see.
        book: Keeps sessions and tokens.
        beamline: What screens show.
        tries: Counts tries.
        pause: Waits (s).
    """

    def __init__(
        self,
        authenticators: tuple[Authenticator, ...],
        rights: RightsCache,
        book: Book,
        beamline: str,
        *,
        tries: Tries | None = None,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self.asking = Asking(authenticators)
        self.rights = rights
        self.book = book
        self.entering = Entering(self.asking, rights, book, beamline)
        self.tries = tries or Tries()
        self._pause = pause
        self._lines = Throttle()

    @property
    def authenticators(self) -> tuple[Authenticator, ...]:
        """In the order of the configuration."""
        return self.asking.authenticators

    # -- who somebody is ---------------------------------------------------------------

    async def by_password(
        self, authenticator: str | None, login: str, password: str, peer: str
    ) -> Signed:
        """Somebody with a login and a password.

        Args:
            authenticator: Name of the one to ask; None: each in turn.
            login: As it was typed.
            password: As it was typed.
            peer: Address of who asks.

        Raises:
            ProblemError: 401 if anything is wrong, in the same words and time; 429
                after too many tries; 503 if nobody can say.
        """

        async def ask(one: Authenticator) -> Identity | None:
            return await one.login(login, password)

        good = is_login(login) and is_password(password)
        return await self.asked(
            authenticator, ask if good else _nobody, login, peer, WRONG
        )

    async def by_token(
        self, authenticator: str | None, token: str, peer: str
    ) -> Signed:
        """Somebody with a token of a provider; as :meth:`by_password`."""

        async def ask(one: Authenticator) -> Identity | None:
            return await one.bearer(token)

        login = f"token from {peer}"  # whose it is, is not known before
        good = 0 < len(token) <= MAX_TOKEN
        return await self.asked(
            authenticator, ask if good else _nobody, login, peer, WRONG_TOKEN
        )

    async def asked(
        self,
        authenticator: str | None,
        ask: Callable[[Authenticator], Awaitable[Identity | None]],
        login: str,
        peer: str,
        wrong: str,
    ) -> Signed:
        """Somebody whom an authenticator knows by what it is asked; each try counts.

        Args:
            authenticator: Name of the one to ask; None: each in turn.
            ask: What to ask.
            login: What tries are counted and logged under.
            peer: Address of who asks.
            wrong: What they are told if nobody knows them.

        Raises:
            ProblemError: As :meth:`by_password`.
        """
        began = time.monotonic()
        try:
            one = self.tries.begin(login, peer)
        except ProblemError:
            self._refused("too_many", login, peer, authenticator)
            raise
        place = KNOWN if one.is_known else place_of(peer)
        answer = await self.asking.who(self.asking.chosen(authenticator), ask, place)
        if answer.identity is not None:
            self.tries.succeeded(one, login, peer)
            return await self.known(answer.identity, answer.by, peer)
        if answer.away:
            self.tries.take_back(one)
            self._refused("away", login, peer, authenticator)
            raise away(answer.away)
        told_at = began + self.tries.failed(one)
        self._refused("wrong", login, peer, authenticator)
        await self._pause(max(0.0, told_at - time.monotonic()))
        raise ProblemError(HTTPStatus.UNAUTHORIZED, "sign-in", wrong)

    async def known(self, identity: Identity, authenticator: str, peer: str) -> Signed:
        """Somebody whom an authenticator knows, with what they may see.

        Raises:
            ProblemError: 503 if nobody can say what they may see.
        """
        rights = await self.rights.of(identity)
        return Signed(identity, rights, new_key(), authenticator, peer)

    def _refused(
        self, reason: str, login: str, peer: str, authenticator: str | None
    ) -> None:
        """For the audit: each that was checked, of the others the first ones."""
        if reason == "wrong" or self._lines.passes("sign_in_refused"):
            log.warning(
                "sign_in_refused",
                reason=reason,
                login=login[:100],
                address=peer,
                authenticator=(authenticator or "")[:100],
            )

    # -- how they come back ------------------------------------------------------------

    async def session(self, signed: Signed) -> str:
        """Open a session of a browser; its secret is for the cookie alone."""
        secret = await self.book.session(self._way(signed, WayKind.SESSION))
        self._signed_in(signed, WayKind.SESSION)
        return secret

    async def pair(self, signed: Signed, lasts_s: int = ACCESS_S) -> TokenPair:
        """Open a login of a program in the manner of py-ISPyB.

        Args:
            signed: Who.
            lasts_s: How long its first access token lasts (s).
        """
        pair = await self.book.pair(self._way(signed, WayKind.PAIR), lasts_s)
        self._signed_in(signed, WayKind.PAIR)
        return pair

    async def refreshed(self, refresh: str, peer: str = "") -> TokenPair:
        """New tokens for a refresh token, which is spent; used again it ends them all.

        Raises:
            ProblemError: 401 if it is none.
        """
        found = await self.book.refreshed(refresh)
        if isinstance(found, tuple):
            return found[0]
        if found is not None:
            log.warning(
                "refresh_reused",
                login=found.identity.login,
                key=found.key,
                address=peer,
            )
        raise ProblemError(HTTPStatus.UNAUTHORIZED, "sign-in", WRONG_TOKEN)

    async def caller(self, token: str, peer: str = "") -> Caller | None:
        """Who a token belongs to, ours or a provider's; None: nobody."""
        return await self.entering.by_token(token, peer)

    async def revoke(self, key: str, login: str, peer: str) -> bool:
        """End a session or token of somebody; whether there was one."""
        way = await self.book.revoke(key, login)
        if way is None:
            return False
        self.entering.forget(key)
        if way.kind is WayKind.SESSION:
            log.info("signed_out", login=login, key=key, address=peer)
        else:
            what, label = way.kind.value, way.label
            log.info(
                "token_revoked",
                login=login,
                key=key,
                kind=what,
                label=label,
                address=peer,
            )
        return True

    async def close(self) -> None:
        """Let go of authenticators and store."""
        await self.asking.close()
        self.rights.close()
        self.book.close()

    def _way(self, signed: Signed, kind: WayKind) -> Way:
        now = self.book.clock()
        return Way(
            signed.key,
            kind,
            signed.identity,
            signed.authenticator,
            signed.peer,
            now,
            self.book.ends_s(),
            now,
        )

    def _signed_in(self, signed: Signed, kind: WayKind) -> None:
        log.info(
            "signed_in",
            login=signed.identity.login,
            authenticator=signed.authenticator,
            kind=kind.value,
            key=signed.key,
            address=signed.peer,
        )


async def _nobody(one: Authenticator) -> Identity | None:
    """What cannot be right is asked of nobody, and takes as long."""
    return None


def make_sign_in(settings: Settings) -> SignIn | None:
    """The sign-in as configured; None where nobody signs in.

    Raises:
        ConfigError: It cannot be made.
    """
    authenticators = make_authenticators(settings)
    if not authenticators:
        return None
    store = Store(own_folder(settings))
    places = [(way.identity.login, way.peer) for way in store.list()]
    beamline = settings.ispyb.beamline or settings.beamline
    rights = RightsCache(People(settings))
    made = SignIn(authenticators, rights, Book(Lane(store)), beamline)
    made.tries.know(places)
    return made
