"""Whose turn it is to be asked for: who is known before strangers, places in turn.

A password costs 0.3 s of a core, so guesses that are checked in the order in which they
come keep everybody else waiting. Who guesses from one address waits for their own
guesses only.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from recorder.web.problems import ProblemError

AT_ONCE = 4
"""Authenticators asked at once; a password costs 64 MiB and 0.3 s of a core. Chosen,
not tuned."""
STRANGERS_AT_ONCE = 2
"""The same for who never signed in from where they are: what is left is for who did.
Chosen, not tuned."""
MAX_WAITING = 32
"""Sign-ins of strangers that may wait for that, and as many of others. Chosen, not
tuned."""
KNOWN = ""
"""Place of those who are known."""
_Turn = asyncio.Future[None]


class Turns:
    """Gives turns."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[_Turn]] = OrderedDict()
        self._strangers = self._known = 0

    @asynccontextmanager
    async def turn(self, place: str) -> AsyncIterator[None]:
        """Wait for one's turn, and have it.

        Args:
            place: Where somebody asks from; :data:`KNOWN` for who is known.

        Raises:
            ProblemError: Too many wait already.
        """
        if self._free(place):
            self._take(place)
        else:
            await self._wait(place)
        try:
            yield
        finally:
            self._give_back(place)

    async def _wait(self, place: str) -> None:
        self._make_room(place)
        mine: _Turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(place, deque()).append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled() and mine.exception() is None:
                self._give_back(place)  # it came at the same moment
            else:
                self._leave(place, mine)
            raise

    def _make_room(self, place: str) -> None:
        """Where too many wait, the last of the place with most goes.

        Raises:
            ProblemError: That is this one.
        """
        if place == KNOWN:
            if len(self._waiting.get(KNOWN, ())) >= MAX_WAITING:
                raise _busy()
            return
        strangers = {at: len(q) for at, q in self._waiting.items() if at != KNOWN}
        if sum(strangers.values()) < MAX_WAITING:
            return
        most = max(strangers, key=strangers.__getitem__)
        if strangers[most] <= strangers.get(place, 0) + 1:
            raise _busy()
        last = self._waiting[most][-1]
        self._leave(most, last)
        if not last.done():  # else they gave up this moment
            last.set_exception(_busy())

    def _leave(self, place: str, turn: _Turn) -> None:
        queue = self._waiting.get(place)
        if queue is not None and turn in queue:
            queue.remove(turn)
            if not queue:
                del self._waiting[place]

    def _free(self, place: str) -> bool:
        some = self._strangers + self._known < AT_ONCE
        return some and (place == KNOWN or self._strangers < STRANGERS_AT_ONCE)

    def _take(self, place: str) -> None:
        if place == KNOWN:
            self._known += 1
        else:
            self._strangers += 1

    def _give_back(self, place: str) -> None:
        if place == KNOWN:
            self._known -= 1
        else:
            self._strangers -= 1
        while (following := self._following()) is not None:
            turn = self._waiting[following].popleft()
            if self._waiting[following]:
                self._waiting.move_to_end(following)
            else:
                del self._waiting[following]
            if not turn.done():  # else they gave up this moment
                self._take(following)
                turn.set_result(None)

    def _following(self) -> str | None:
        """The place whose turn is next; None: nobody's."""
        for place in (KNOWN, *(at for at in self._waiting if at != KNOWN)):
            if place in self._waiting and self._free(place):
                return place
        return None


def _busy() -> ProblemError:
    text = "too many people sign in at this moment; try again"
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", text)
