"""What a node has to report and home has not acknowledged: kept, and sent again.

Each report has a number. Home says up to which it has taken them; who lost its home
goes on with the first that it did not take. Opens nothing; the time is an argument.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container

from recorder.nodes.pulling.collecting import Report
from recorder.nodes.pulling.reports import numbered
from recorder.pool.wire import Message

MOST_IMAGES_KEPT = 65_536
"""Images that wait to be reported: a minute, after which a node ends whose home is
silent, at 1000 images/s; 40 MB. Chosen, not tuned."""
WINDOW = 256
"""Messages on their way: home acknowledges four times a second, and a node sends 200 a
second, or more where it gets more than 12 800 images/s. Chosen, not tuned."""
AGAIN_S = 2.0
"""Seconds without an acknowledgement after which what is on its way is sent again:
eight times as long as home takes for one. Chosen, not tuned."""


class Outbox:
    """Reports in their order, until home has taken them."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, Report]] = deque()
        self._last = 0
        """Number of the latest report; they are never used twice."""
        self._sent = 0
        """So many of those that wait were sent in this session."""
        self._moved = 0.0
        """When home took something last, or began to have something to take (s)."""
        self.images = 0
        self.size = 0
        """Bytes of the messages of detectors that wait."""
        self.most_bytes = 0
        """Bytes of these that may wait; the last one that gets in may exceed it."""
        self.left_out = 0
        """Images and messages that were not reported, because too many waited."""

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, report: Report) -> bool:
        """One more report.

        Returns:
            False if too many wait: it is left out, and counted.
        """
        if self._is_full(report):
            self.left_out += max(1, report.images)
            return False
        self._last += 1
        self._waiting.append((self._last, report))
        self.images += report.images
        self.size += _size(report)
        return True

    def _is_full(self, report: Report) -> bool:
        if report.images:
            return self.images + report.images > MOST_IMAGES_KEPT
        return self.size > 0 and self.size >= self.most_bytes

    def begin(self) -> None:
        """A session begins or ends: nothing is on its way."""
        self._sent = 0

    def taken(self, number: int, now: float) -> list[int]:
        """Home has taken all up to a number: the pixels that are kept for these.

        Args:
            number: Of a report.
            now: Monotonic time (s).
        """
        pixels: list[int] = []
        while self._waiting and self._waiting[0][0] <= number:
            pixels += self._remove()
            self._moved = now
        return pixels

    def keep(self, sources: Container[str]) -> list[int]:
        """Nobody wants what is of other detectors: the pixels that were kept for it."""
        pixels: list[int] = []
        if all(report.source in sources for _, report in self._waiting):
            return pixels
        for _ in range(len(self._waiting)):
            if self._waiting[0][1].source in sources:
                self._waiting.rotate(-1)
            else:
                pixels += self._remove()
        self._sent = 0
        return pixels

    def _remove(self) -> tuple[int, ...]:
        _, report = self._waiting.popleft()
        self._sent = max(0, self._sent - 1)
        self.images -= report.images
        self.size -= _size(report)
        return report.pixels

    def due(self, now: float) -> list[Message]:
        """What is to be sent now; ``now`` is monotonic time (s)."""
        if not self._sent or now - self._moved >= AGAIN_S:
            self._sent, self._moved = 0, now
        found = []
        for place in range(self._sent, min(len(self._waiting), WINDOW)):
            number, report = self._waiting[place]
            before = self._waiting[place - 1][0] if place else 0
            found.append(numbered(report.message, number, before))
        self._sent += len(found)
        return found


def _size(report: Report) -> int:
    """Bytes of a message of a detector; images are counted by their number."""
    return 0 if report.images else sum(map(len, report.message))
