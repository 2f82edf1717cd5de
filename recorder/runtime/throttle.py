"""Log lines that a message can cause: so many of a kind, the rest is counted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

BURST = 20
"""Lines of one kind in WINDOW_S that are written; a person reads no more of them, and a
storm of messages must not fill the disk. Chosen, not tuned."""
WINDOW_S = 60.0
"""Seconds for which lines are counted together. Chosen, not tuned."""


class Throttle:
    """Writes the first lines of each kind, and then how many more there were.

    Args:
        log: The logger.
        clock: Monotonic time (s).
    """

    def __init__(self, log: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._since: dict[str, float] = {}
        self._written: Counter[str] = Counter()
        self._more: Counter[str] = Counter()
        self._levels: dict[str, str] = {}
        self.left_out: Counter[str] = Counter()
        """Lines that were counted instead of written since the start, by event."""

    def write(self, level: str, event: str, **fields: object) -> None:
        """Write a line, or count it.

        Args:
            level: Such as ``warning``.
            event: Its name, of which there are few: it stands for the kind.
            fields: What it says.
        """
        self.look()
        self._since.setdefault(event, self._clock())
        if self._written[event] < BURST:
            self._written[event] += 1
            getattr(self._log, level)(event, **fields)
            return
        self._levels[event] = level
        self._more[event] += 1
        self.left_out[event] += 1

    def look(self) -> None:
        """Say how many more there were, of kinds whose time is over."""
        now = self._clock()
        for event, since in list(self._since.items()):
            if now - since >= WINDOW_S:
                self._end(event)

    def end(self) -> None:
        """Say it of all of them, at the end."""
        for event in list(self._since):
            self._end(event)

    def _end(self, event: str) -> None:
        del self._since[event], self._written[event]
        more = self._more.pop(event, 0)
        if more:
            getattr(self._log, self._levels[event])(
                "lines_left_out", of=event, more=more
            )
