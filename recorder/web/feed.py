"""What all streams send: read by two threads, encoded once, given to all at once.

Each tick has one message and one event. Who waits for the event sends the message that
is the newest when its turn comes: a slow reader skips messages, none is queued for it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from recorder.records.live import INTERVAL_S
from recorder.runtime.boundary import boundary
from recorder.web.daemon_state import DaemonState
from recorder.web.encoding import encoded
from recorder.web.journal_view import JournalView
from recorder.web.place import WebPlace
from recorder.web.shapes import Now, Slow

SLOW_S = 2.0
"""Seconds between two looks at what changes more slowly; the contract of the page."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message, encoded once."""

    serial: int
    body: bytes
    frame: bytes
    """The same as a server-sent event."""


class Feed:
    """Looks at live state and journal, five times and once in two seconds.

    Args:
        place: Where they are.
    """

    def __init__(self, place: WebPlace) -> None:
        self.now_state = Now()
        self.slow_state = Slow()
        self.now = message_of("now", self.now_state, 0, None)
        self.slow = message_of("slow", self.slow_state, 0, None)
        self.view = JournalView(place)
        self.on_tick: Callable[[Now], None] = lambda now: None
        """Called with each new state, in the loop."""
        self._daemon = DaemonState(place.live_file, place.journal)
        self.tick = asyncio.Event()
        """Set with the next message; then there is another one."""
        self.first = asyncio.Event()
        """Set once both messages are there."""
        self.ticked_at = 0.0
        """When that was last (monotonic s)."""
        self._stop = threading.Event()
        self.stopped = False

    @property
    def going(self) -> tuple[str, ...]:
        """Uids of the runs that go on, as the journal has them."""
        return self.view.going

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look from now on, in two threads.

        Args:
            loop: Is given what is new.
        """
        for work, name in ((self._follow_now, "feed"), (self._follow_slow, "journal")):
            threading.Thread(target=work, args=(loop,), name=name, daemon=True).start()

    def stop(self) -> None:
        """End the thread and all streams."""
        self.stopped = True
        self._stop.set()
        self.tick.set()

    def _follow_now(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look at the live state until stopped.

        Never at the journal: that may take seconds, where a daemon left a long run
        without its report.
        """
        while not self._stop.is_set():
            began = time.monotonic()
            with boundary("look at the live state"):
                now = self._daemon.look(self.view.journal_id)
                number = now.live.id if now.live else None
                message = message_of("now", now, self.now.serial + 1, number)
                self._hand_over(loop, now, message)
            self._stop.wait(max(0.0, INTERVAL_S - (time.monotonic() - began)))

    def _follow_slow(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look at the journal until stopped."""
        while not self._stop.is_set():
            began = time.monotonic()
            with boundary("look at the journal"):
                live = self.now_state.live
                state = self.view.look(live.run.uid if live and live.run else None)
                if state is not None and state.id != self.slow_state.id:
                    self._hand_over(
                        loop, state, message_of("slow", state, state.id, None)
                    )
            pause = SLOW_S if self.view.complete else INTERVAL_S
            self._stop.wait(max(0.0, pause - (time.monotonic() - began)))
        self.view.close()

    def _hand_over(
        self, loop: asyncio.AbstractEventLoop, state: Now | Slow, message: Message
    ) -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(self._publish, state, message)

    def _publish(self, state: Now | Slow, message: Message) -> None:
        self.ticked_at = time.monotonic()
        if isinstance(state, Now):
            self.now_state, self.now = state, message
            self.on_tick(state)
        else:
            self.slow_state, self.slow = state, message
            self.first.set()
        if not self.stopped:
            self.tick.set()
            self.tick = asyncio.Event()


def message_of(
    name: str, state: Now | Slow, serial: int, number: int | None
) -> Message:
    """Encoded as a body and as a server-sent event; such JSON has no line ends."""
    body = encoded(state)
    mark = b"" if number is None else b"id: %d\n" % number
    frame = b"event: %s\n%sdata: %s\n\n" % (name.encode(), mark, body)
    return Message(serial, body, frame)
