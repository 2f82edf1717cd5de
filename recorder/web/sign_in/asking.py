"""Asks authenticators, which are other people's servers and sometimes their code."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from recorder.authenticators.protocols import (
    Authenticator,
    AuthenticatorUnavailableError,
)
from recorder.records.access import LOGIN, Identity
from recorder.runtime.boundary import boundary
from recorder.runtime.log import get_logger
from recorder.web.problems import ProblemError
from recorder.web.sign_in.turns import Turns

log = get_logger("web")
ANSWER_S = 5.0
"""Seconds for an authenticator, which promises 3. Chosen, not tuned."""
MAX_PASSWORD = 1024
"""Bytes of a password: directories take fewer. Chosen, not tuned."""
_LOGIN = re.compile(LOGIN)


def is_login(text: str) -> bool:
    """Whether a text can be a login: nothing that means something to a directory."""
    return _LOGIN.fullmatch(text) is not None


def is_password(text: str) -> bool:
    """Whether a text can be a password.

    An empty one signs nobody in: some directories take it for an anonymous bind. What
    ends at a NUL for somebody else is another password there.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return False
    return 0 < size <= MAX_PASSWORD and "\0" not in text


@dataclass(frozen=True, slots=True)
class Answer:
    """What authenticators said."""

    identity: Identity | None = None
    by: str = ""
    """Name of the one that knew them."""
    away: str = ""
    """Why one that might have known them could not be asked, for people."""


class Asking:
    """Asks a few at once.

    Args:
        authenticators: In the order of the configuration.
    """

    def __init__(self, authenticators: Sequence[Authenticator]) -> None:
        self.authenticators = tuple(authenticators)
        self._turns = Turns()

    def chosen(self, name: str | None) -> tuple[Authenticator, ...]:
        """Those of a name; all of them if none is given."""
        return tuple(a for a in self.authenticators if name in (None, a.name))

    async def who(
        self,
        chosen: Sequence[Authenticator],
        question: Callable[[Authenticator], Awaitable[Identity | None]],
        place: str,
    ) -> Answer:
        """What the first one says that knows them.

        Args:
            chosen: Are asked one after the other.
            question: What to ask.
            place: Where somebody asks from, or :data:`KNOWN`; see :class:`Turns`.

        Raises:
            ProblemError: Too many wait already.
        """
        async with self._turns.turn(place):
            return await _first(chosen, question)

    async def close(self) -> None:
        """Let them go of their connections."""
        for one in self.authenticators:
            with boundary(f"close authenticator {one.name}"):
                await one.close()


async def _first(
    chosen: Sequence[Authenticator],
    question: Callable[[Authenticator], Awaitable[Identity | None]],
) -> Answer:
    away = ""
    for one in chosen:
        answer = await _asked(one, question)
        if answer.identity is not None:
            return answer
        away = away or answer.away
    return Answer(away=away)


async def _asked(
    one: Authenticator, question: Callable[[Authenticator], Awaitable[Identity | None]]
) -> Answer:
    away = f"{one.name} failed; tell who runs this host: its log has step_failed"
    try:
        async with asyncio.timeout(ANSWER_S):
            with boundary(
                f"ask authenticator {one.name}", (AuthenticatorUnavailableError,)
            ):
                identity = await question(one)
                away = ""
    except TimeoutError:
        away = f"{one.name} does not answer; try again, or tell who runs it"
        why = f"no answer within {ANSWER_S:g} s"
        log.warning("authenticator_away", authenticator=one.name, why=why)
    except AuthenticatorUnavailableError as error:
        away = str(error)
    if away:
        return Answer(away=away)
    if identity is not None and not is_login(identity.login):
        why = "a login has at most 64 letters, digits and ._@-"
        login = identity.login[:100]
        log.info("authenticator_refused", authenticator=one.name, login=login, why=why)
        return Answer()
    return Answer(identity, one.name)


def away(text: str) -> ProblemError:
    """What somebody is told when nobody can say who they are."""
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "away", text)
