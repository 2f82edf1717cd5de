"""From receiver threads into the event loop, bounded by number and by bytes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable

from recorder.records import BadMessage, DetectorRecord, Image, SeriesEnd, SeriesStart
from recorder.runtime.boundary import boundary

LIMIT = 500
"""Records on their way to the event loop: half a second at 1000 images/s. Large images
meet the bound by bytes first. Chosen, not tuned."""
PAUSE_S = 0.008
"""Seconds in which images come together: at 1000 images/s eight or so share a turn of
the event loop, which costs as much as handling two (`make bench`). One that comes alone
does not wait."""
LOOK_S = 0.2
"""Seconds between two looks whether records may be taken again, which nobody tells.
Chosen, not tuned."""


class Inbox:
    """Hands records of receiver threads to the event loop.

    A thread that is far ahead waits: ZeroMQ then holds the stream back. Only
    classification is ever shed, and elsewhere.

    Args:
        handle: Called in the event loop with each record.
        max_bytes: Pixels that may be on their way; a single record always may.
        held: Says whether nothing may be taken at all, for now.
    """

    def __init__(
        self,
        handle: Callable[[DetectorRecord], None],
        max_bytes: int,
        held: Callable[[], bool] = lambda: False,
    ) -> None:
        self._held = held
        self._handle = handle
        self._max_bytes = max_bytes
        self._loop = asyncio.get_running_loop()
        self._room = threading.Condition()
        self._waiting: deque[tuple[DetectorRecord, int]] = deque()
        self._told = False
        """The event loop was told to take what waits."""
        self._later: asyncio.TimerHandle | None = None
        """It will, in a moment, without being told."""
        self._records = 0
        self._bytes = 0
        self._closed = False

    def put(self, record: DetectorRecord) -> None:
        """Deliver a record; called in a receiver thread, blocks while it is full."""
        size = held_bytes(record)
        with self._room:
            if not self._fits(size):
                self._tell()
                while not self._room.wait_for(lambda: self._fits(size), LOOK_S):
                    pass  # nobody tells when it is held no longer
            self._records += 1
            self._bytes += size
            self._waiting.append((record, size))
            if self._later is None or self._closed or not isinstance(record, Image):
                self._tell()

    def close(self) -> None:
        """Nothing is taken any more: let go the threads that wait.

        What they had handed over, and still have in hand, is handled at once.
        """
        with self._room:
            self._closed = True
            self._room.notify_all()
            self._tell()

    def _tell(self) -> None:
        """Have the event loop take what waits, now; with the lock held."""
        if not self._told:
            self._told = True
            # where the loop is closed, nobody must wait for it
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._take)

    def _fits(self, size: int) -> bool:
        if self._closed:
            return True
        if self._held():
            return False
        if not self._records:
            return True
        return self._records < LIMIT and self._bytes + size <= self._max_bytes

    def _take(self) -> None:
        """Handle what waits now; what comes meanwhile has its turn after the others."""
        if self._later is not None:
            self._later.cancel()
        count = len(self._waiting)
        for _ in range(count):
            with self._room:
                record, size = self._waiting.popleft()
                self._records -= 1
                self._bytes -= size
                self._room.notify_all()
            with boundary(_STEPS.get(type(record), "handle a record")):
                self._handle(record)
        with self._room:
            self._told, self._later = False, None
            if count and not self._closed:
                self._later = self._loop.call_later(PAUSE_S, self._take)
            elif self._waiting:
                self._tell()


_STEPS = {
    kind: f"handle {kind.__name__}"
    for kind in (Image, SeriesStart, SeriesEnd, BadMessage)
}
"""What is being done with a record, for the log."""


def held_bytes(record: DetectorRecord) -> int:
    """Bytes of the pixels and arrays that a record keeps in memory."""
    if isinstance(record, Image):
        return record.pixel_bytes
    if isinstance(record, SeriesStart):
        arrays = (record.mask, record.flatfield)
        return sum(array.nbytes for array in arrays if array is not None)
    return 0
