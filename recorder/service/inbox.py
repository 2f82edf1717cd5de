"""From receiver threads into the event loop, bounded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from recorder.boundary import boundary
from recorder.records import DetectorRecord

LIMIT = 500


class Inbox:
    """Hands records of receiver threads to the event loop.

    A thread that is far ahead waits: ZeroMQ then holds the stream back. Only
    classification is ever shed, and elsewhere.

    Args:
        handle: Called in the event loop with each record.
    """

    def __init__(self, handle: Callable[[DetectorRecord], None]) -> None:
        self._handle = handle
        self._loop = asyncio.get_running_loop()
        self._slots = threading.Semaphore(LIMIT)

    def put(self, record: DetectorRecord) -> None:
        """Deliver a record; called in a receiver thread."""
        self._slots.acquire()
        try:
            self._loop.call_soon_threadsafe(self._take, record)
        except RuntimeError:  # the loop is closed: we are stopping
            self._slots.release()

    def _take(self, record: DetectorRecord) -> None:
        self._slots.release()
        with boundary(f"handle {type(record).__name__}"):
            self._handle(record)
