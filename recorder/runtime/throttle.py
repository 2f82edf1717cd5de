"""Log lines that a message can cause: so many of a kind, the rest is counted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from recorder.runtime.log import get_logger

log = get_logger("service")

BURST = 20
"""Lines of one kind in WINDOW_S that are written; a person reads no more of them, and a
storm of messages must not fill the disk. Chosen, not tuned."""
WINDOW_S = 60.0
"""Seconds for which lines are counted together. Chosen, not tuned."""


class Throttle:
    """Lets the first lines of each kind pass, and says how many more there were.

    Args:
        clock: Monotonic time (s).
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[str, float] = {}
        self._passed: Counter[str] = Counter()
        self._more: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        """Lines that were counted instead of written since the start, by event."""

    def passes(self, event: str) -> bool:
        """Whether a line is to be written; else it is counted.

        Args:
            event: Its name, of which there are few: it stands for the kind.
        """
        self.look()
        self._since.setdefault(event, self._clock())
        self._passed[event] += 1
        if self._passed[event] <= BURST:
            return True
        self._more[event] += 1
        self.left_out[event] += 1
        return False

    def look(self) -> None:
        """Say how many more there were, of kinds whose time is over."""
        now = self._clock()
        for event, since in list(self._since.items()):
            if now - since >= WINDOW_S:
                del self._since[event], self._passed[event]
                if more := self._more.pop(event, 0):
                    log.warning("lines_left_out", of=event, more=more)
