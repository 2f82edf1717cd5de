"""The pixels that a node received and keeps until home needs them no longer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable

from recorder.pool.wire import Frame
from recorder.pool.wire.messages import frame_of


class Larder:
    """Filled by the threads that receive, emptied by the event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[int, Frame] = {}
        self._next = 0
        self.most_bytes = 0
        """Beyond it nothing is kept; the last image that gets in may exceed it."""
        self.kept_bytes = 0
        self.empty = asyncio.Event()
        """Set when home needs nothing of it any more; told by :meth:`drop`."""
        self.empty.set()

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, data: Frame) -> int | None:
        """Keep the pixels of an image: their number; None if there is no room."""
        frame, _ = frame_of(data)
        # a part of a message would keep all of it, and could not be sent on as it is
        whole = frame if len(frame) == len(data) else bytes(data)
        with self._lock:
            if self.kept_bytes >= self.most_bytes:
                return None
            self._next += 1
            self._kept[self._next] = whole
            self.kept_bytes += len(whole)
            return self._next

    def get(self, number: int) -> Frame | None:
        """The pixels of a number; None if they are not kept."""
        return self._kept.get(number)

    def drop(self, numbers: Iterable[int]) -> None:
        """Let go of pixels; numbers that are not kept are left alone."""
        with self._lock:
            for number in numbers:
                if (data := self._kept.pop(number, None)) is not None:
                    self.kept_bytes -= len(data)
        self.tell()

    def tell(self) -> None:
        """Say whether anything is kept; in the event loop."""
        self.empty.clear() if self._kept else self.empty.set()

    def clear(self) -> None:
        """Let go of everything."""
        self.drop(list(self._kept))

    def numbers(self) -> list[int]:
        """Of all that is kept, those that came first first."""
        return list(self._kept)
