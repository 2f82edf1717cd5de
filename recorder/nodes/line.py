"""A node's side of the connection: greeted or not, which session, home silent or not.

Opens nothing; the time is an argument. :meth:`Line.beat` is called by the thread of the
connection, everything else in the event loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from recorder.nodes.messages import (
    AGAIN,
    BEAT,
    GREET,
    HOME_BEAT,
    MAX_KIND,
    REFUSED,
    WELCOME,
    Beat,
    Greeting,
    Welcome,
    control,
    pack,
    read_refusal,
    read_welcome,
)
from recorder.pool.wire import Frame

HOME_SILENT_S = 60.0
"""Seconds after which a node ends whose home is silent: longer than a daemon takes to
start again, short enough that nobody pays for a node that nobody uses. Chosen, not
tuned."""


class Counts(NamedTuple):
    """What a beat says, read by the thread of the connection."""

    held: int
    finished: int
    alive: int


class News(NamedTuple):
    """What a message of home means, where it is more than a sign of life."""

    welcome: Welcome | None = None
    """A new session begins."""
    again: bool = False
    """Home does not know this node (any more): the session is over."""
    refused: str | None = None
    """Home does not take it in; why."""


class Line:
    """The state of the connection home.

    Args:
        greeting: Who this node is.
        counts: Gives what a beat says.
        now: Monotonic time (s).
    """

    def __init__(
        self, greeting: Greeting, counts: Callable[[], Counts], now: float
    ) -> None:
        self._greeting = pack(GREET, greeting)
        self._counts = counts
        self._heard = now
        self.welcome: Welcome | None = None
        """Of the session that goes on."""
        self.met = False
        """Whether home was ever heard."""

    def beat(self) -> list[list[Frame]]:
        """A sign of life; outside of a session a greeting."""
        if self.welcome is None:
            return [[*self._greeting]]
        counts = self._counts()
        beat = Beat(counts.held, counts.finished, counts.alive, time.time_ns())
        return [[*pack(BEAT, beat)]]

    def heard(self, frames: Sequence[Frame], now: float) -> News | None:
        """A message of home; None if it belongs to the session, or is a sign of life.

        Args:
            frames: All of it.
            now: Monotonic time (s).

        Raises:
            BadMessageError: It makes no sense.
        """
        self._heard, self.met = now, True
        kind = bytes(frames[0][:MAX_KIND])
        if kind == WELCOME:
            welcome = read_welcome(control(frames))
            if welcome == self.welcome:  # the answer to a greeting sent twice
                return News()
            self.welcome = welcome
            return News(welcome=welcome)
        if kind == AGAIN:
            # once for all that was on its way; each beat greets again by itself
            news = News(again=self.welcome is not None)
            self.welcome = None
            return news
        if kind == REFUSED:
            self.welcome = None
            return News(refused=read_refusal(control(frames)))
        return News() if kind == HOME_BEAT else None

    def stood_still(self, seconds: float) -> None:
        """This process did not run meanwhile; what came is yet to be read."""
        self._heard += seconds

    def silent(self, now: float) -> bool:
        """Whether home was silent for too long."""
        return now - self._heard >= HOME_SILENT_S
