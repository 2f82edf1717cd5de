"""Sends and receives for the event loop, which never waits for a socket.

A thread owns the socket. What is to be sent is queued; what came is handed over in
batches, one call of the event loop for all that came meanwhile
(docs/decisions/0027-wire-in-a-thread.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

import zmq

from recorder.pool.curve import Curve
from recorder.pool.wire import ANSWERS_HEAD, MOST_ANSWERS, Message
from recorder.pool.wire_socket import Kind, WireSocket
from recorder.runtime.boundary import boundary

BURST = 256
"""Messages that are sent, or received, before a look at the other direction. Chosen,
not tuned."""
MOST_WAITING = 1000
"""Messages that may wait for the event loop; then no more are read, and the peers wait.
Workers never reach it: each has three jobs at most. Chosen, not tuned."""
MOST_BYTES = 256 << 20
"""Bytes of the same: some twenty lessons of 11.5 MB (4 megapixels). Chosen, not
tuned."""
LINGER_MS = 500
"""Milliseconds that the last messages have to leave at the end. Chosen, not tuned; a
worker then has 2 s to end."""

Received = Callable[[list[Message]], None]


class Exchange:
    """One ZeroMQ socket and the thread that owns it; for the event loop.

    Args:
        kind: A ``router`` is bound and has the identity of the peer as first frame of
            each message; a ``dealer`` is connected.
        address: Of ZeroMQ: ``tcp://HOST:PORT`` or ``ipc://PATH``; a router may be bound
            to ``tcp://*:*``.
        received: Called in the event loop with the messages that came since the last
            call, in their order.
        curve: Keys; None: not encrypted.
        gone: Called in the event loop with the identity of a peer that had sent
            something and whose connection ended (router), after what it had sent.
        beat: Called in the thread each ``beat_s``; what it returns is sent, however
            busy the event loop is.
        beat_s: Seconds between two beats.
        io_threads: Threads of ZeroMQ; encrypted, one carries some 0.6 GB/s.
    """

    def __init__(
        self,
        kind: Kind,
        address: str,
        received: Received,
        *,
        curve: Curve | None = None,
        gone: Callable[[bytes], None] | None = None,
        beat: Callable[[], Sequence[Message]] | None = None,
        beat_s: float = 0.5,
        io_threads: int = 1,
    ) -> None:
        self._how = (kind, address, curve, gone is not None, io_threads)
        self._received = received
        self._pause_s = 0.0
        self._later: asyncio.TimerHandle | None = None
        """The next handing over, while there is a pause."""
        self._gone = gone
        self._beat = beat
        self._beat_s = beat_s
        self._outbox: deque[Message] = deque()
        self._last: Sequence[Message] = ()
        self._inbox: deque[tuple[int, Message] | bytes] = deque()
        """Messages with their sizes, and identities of peers that are gone."""
        self._read_bytes = self._taken_bytes = 0
        # What one side sets for the other; each is set before the look that it guards.
        self._closing = self._asleep = self._waking = False
        self._told = self._held_back = False
        self._ended = asyncio.Event()
        self._error: BaseException | None = None

    @property
    def refused(self) -> int:
        """Attempts to connect that were refused because their key is not allowed."""
        return 0 if self._wire.keeper is None else self._wire.keeper.refused

    def start(self) -> str:
        """Bind or connect, and begin; in the event loop.

        Returns:
            The address, with the port that was given if none was asked for.

        Raises:
            ConfigError: It cannot be used; the message says what to do.
        """
        self._loop = asyncio.get_running_loop()
        self._wire = WireSocket(*self._how)
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="wire", daemon=True)
        self._thread.start()
        return self._wire.address

    def send(self, message: Message) -> None:
        """Queue a message; neither waits nor fails. An unknown peer is sent nothing.

        The thread is woken once for all that is queued in one turn of the event loop:
        it would else take the interpreter from it with each message.
        """
        self._outbox.append(message)
        if self._asleep and not self._waking:
            self._waking = True
            self._loop.call_soon(self._wake_up)

    def answer(self, answer: bytes) -> None:
        """Queue an answer (dealer): those that wait go together, none is held back."""
        self.send([ANSWERS_HEAD, answer])

    def pause(self, seconds: float) -> None:
        """Hand over so rarely, from the next message on; 0: at once.

        Several messages share the price of a turn; what comes alone does not wait.
        """
        self._pause_s = seconds
        if self._later is not None and not seconds:
            self._later.cancel()
            self._later = None
            self._loop.call_soon(self._deliver)

    def close(self, last: Sequence[Message] = ()) -> None:
        """Send what waits, then ``last``, and end; does not wait for it."""
        if not self._closing:
            self._last, self._closing = last, True
            self._poke()

    async def closed(self) -> None:
        """Wait until the thread has ended, after :meth:`close`; once."""
        await self._ended.wait()
        self._thread.join()
        os.close(self._wake)

    async def watch(self) -> None:
        """Wait until the thread ends.

        Raises:
            Exception: What ended it, if that was not :meth:`close`.
        """
        await self._ended.wait()
        if self._error is not None:
            raise self._error

    # -- the event loop's side ---------------------------------------------------------

    def _deliver(self) -> None:
        """Hand over what came, in its order."""
        there, self._later = len(self._inbox), None
        batch: list[Message] = []
        for _ in range(there):
            item = self._inbox.popleft()
            if isinstance(item, bytes):
                self._hand_over(batch)
                batch = []
                self._tell_gone(item)
            else:
                self._taken_bytes += item[0]
                batch.append(item[1])
        self._hand_over(batch)
        if self._held_back and not self._closing:
            self._poke()
        if there and self._pause_s:
            self._later = self._loop.call_later(self._pause_s, self._deliver)
            return
        self._told = False
        if self._inbox:  # the thread took it for told
            self._told = True
            self._loop.call_soon(self._deliver)

    def _hand_over(self, batch: list[Message]) -> None:
        if batch and not self._closing:
            with boundary("take messages of workers"):
                self._received(batch)

    def _tell_gone(self, identity: bytes) -> None:
        if self._gone is not None and not self._closing:
            with boundary("note that a peer is gone"):
                self._gone(identity)

    def _wake_up(self) -> None:
        self._waking = False
        if self._asleep and not self._closing:
            self._asleep = False
            self._poke()

    def _poke(self) -> None:
        os.eventfd_write(self._wake, 1)

    def _end(self, error: BaseException | None) -> None:
        self._error = error
        self._ended.set()

    # -- the thread's side -------------------------------------------------------------

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._work()
        except BaseException as caught:
            error = caught
        self._wire.close(0 if error else LINGER_MS)
        with contextlib.suppress(RuntimeError):  # the event loop has ended
            self._loop.call_soon_threadsafe(self._end, error)

    def _work(self) -> None:
        wire, poller = self._wire, zmq.Poller()
        keeper = wire.keeper and wire.keeper.socket
        for each in (self._wake, wire.socket, wire.monitor, keeper):
            if each is not None:
                poller.register(each, zmq.POLLIN)
        self._next_beat = time.monotonic()
        while not self._closing:
            self._send_waiting()
            self._asleep = True
            ready = dict(poller.poll(self._pause_ms()))
            self._asleep = False
            if self._wake in ready:
                os.eventfd_read(self._wake)
            if wire.socket in ready:
                self._receive_waiting()
            if wire.monitor in ready and (identity := wire.who_ended()) is not None:
                self._inbox.append(identity)
            if keeper in ready and wire.keeper is not None:
                wire.keeper.answer()
            if self._inbox:
                self._tell()
            if self._inbox or self._held_back:
                self._hold_back(poller)
        while self._outbox:
            self._send_waiting()
        for message in self._last:
            wire.send(message)

    def _pause_ms(self) -> int | None:
        """Until there is something to do but what the poll tells."""
        if self._outbox or self._closing:
            return 0
        if self._beat is None:
            return None
        now = time.monotonic()
        if now >= self._next_beat:
            self._next_beat = now + self._beat_s
            with boundary("send a sign of life"):
                for message in self._beat():
                    self._wire.send(message)
        return 1 + int(1000 * (self._next_beat - now))

    def _send_waiting(self) -> None:
        for _ in range(BURST):
            if not self._outbox:
                return
            message = self._outbox.popleft()
            if message[0] is ANSWERS_HEAD:
                self._add_answers(message)
            self._wire.send(message)

    def _add_answers(self, message: Message) -> None:
        """Put further answers that wait into the same message."""
        while self._outbox and len(message) <= MOST_ANSWERS:
            if self._outbox[0][0] is not ANSWERS_HEAD:
                return
            message += self._outbox.popleft()[1:]

    def _receive_waiting(self) -> None:
        for _ in range(BURST):
            found = self._wire.receive()
            if found is None:
                return
            self._read_bytes += found[0]
            self._inbox.append(found)

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            with contextlib.suppress(RuntimeError):  # the event loop has ended
                self._loop.call_soon_threadsafe(self._deliver)

    def _hold_back(self, poller: zmq.Poller) -> None:
        """Read no more while too much waits for the event loop."""
        self._held_back = True  # who takes something from now on wakes this thread
        waiting = self._read_bytes - self._taken_bytes
        full = len(self._inbox) >= MOST_WAITING or waiting >= MOST_BYTES
        poller.modify(self._wire.socket, 0 if full else zmq.POLLIN)
        self._held_back = full
