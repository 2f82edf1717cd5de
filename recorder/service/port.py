"""Where sources hand their records over to the pipeline."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Protocol

from recorder.records import ControlRecord, DetectorRecord, Image
from recorder.service.inbox import Inbox
from recorder.service.record_types import checked


class Taker(Protocol):
    """What the records are for; in the daemon the pipeline."""

    def feed(self, record: DetectorRecord) -> None:
        """Take a record of a detector."""

    def feed_control(
        self,
        records: list[ControlRecord],
        acknowledge: Callable[[], None] | None = None,
    ) -> None:
        """Take the records of one control message."""


class Port:
    """See :class:`recorder.sources.protocols.SourcePort`; one for all sources.

    Args:
        taker: Takes the records, in the event loop.
        max_bytes: Pixels that may be between the threads and the event loop.
        held: Says whether nothing may be taken for now.
    """

    def __init__(self, taker: Taker, max_bytes: int, held: Callable[[], bool]) -> None:
        self.stopping = threading.Event()
        self.stopped = asyncio.Event()
        """The same for who waits in the event loop."""
        self._inbox = Inbox(taker.feed, max_bytes, held)
        self._taker = taker
        self.held = held

    def put(self, record: DetectorRecord) -> None:
        """Hand over a record of a detector, from a thread."""
        self._inbox.put(record if isinstance(record, Image) else checked(record))

    def feed_control(
        self,
        records: list[ControlRecord],
        acknowledge: Callable[[], None] | None = None,
    ) -> None:
        """Hand over the control records of one message, from the event loop."""
        self._taker.feed_control([checked(record) for record in records], acknowledge)

    def stop(self) -> None:
        """Nothing more is received; what a thread has in hand passes, even if held."""
        self.stopping.set()
        self.stopped.set()
        self._inbox.close()


class CheckedPort:
    """The same for a plug-in of another package: its images are checked, too.

    Our own decoders are held to that check by the fuzzers, where it costs no image.

    Args:
        port: Where what is well goes on.
    """

    def __init__(self, port: Port) -> None:
        self._port = port
        self.stopping = port.stopping
        self.stopped = port.stopped
        self.held = port.held
        self.feed_control = port.feed_control

    def put(self, record: DetectorRecord) -> None:
        """Hand over a record of a detector, from a thread."""
        self._port.put(checked(record) if isinstance(record, Image) else record)
