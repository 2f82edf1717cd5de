"""Counts by time, of the last so many steps."""

from __future__ import annotations

import numpy as np

from recorder.live.traits import NAMES, Counts


class Recent:
    """A ring of counts; what is older than the ring is forgotten.

    Args:
        step_ns: Width of one point (ns).
        points: How many are kept.
    """

    def __init__(self, step_ns: int, points: int) -> None:
        self._step_ns = step_ns
        self._counts = np.zeros((points, len(NAMES)), np.int64)
        self._newest = -1
        """Number of the newest point, counted from Unix time 0."""
        self._first = -1
        """Number of the first point that anything fell into."""

    @property
    def points(self) -> int:
        """How many are kept."""
        return len(self._counts)

    def seconds(self, points: int) -> float:
        """How long the newest points last, less if the first began later (s)."""
        first = max(self._first, self._newest - points + 1)
        return (self._newest - first + 1) * self._step_ns / 1e9

    def add(self, time_ns: Counts, counts: Counts) -> None:
        """Count at times.

        Args:
            time_ns: When, Unix ns, shape (n,); later than now is now.
            counts: What, shape (n, 7).
        """
        if not time_ns.size:
            return
        points = np.minimum(time_ns // self._step_ns, self._newest)
        kept = points > self._newest - len(self._counts)
        points = points[kept]
        if points.size:
            low = int(points.min())
            self._first = low if self._first < 0 else min(self._first, low)
        np.add.at(self._counts, points % len(self._counts), counts[kept])

    def advance(self, now_ns: int) -> None:
        """Time goes on: what is too old now is forgotten; it never goes back."""
        newest, size = now_ns // self._step_ns, len(self._counts)
        if newest <= self._newest:
            return
        passed = min(size, newest - self._newest)
        self._counts[np.arange(newest - passed + 1, newest + 1) % size] = 0
        self._newest = newest

    def last(self, points: int) -> Counts:
        """Sums of the newest points, shape (7,)."""
        at = np.arange(self._newest - points + 1, self._newest + 1)
        found: Counts = self._counts[at % len(self._counts)].sum(axis=0)
        return found

    def curve(self) -> tuple[int, Counts]:
        """All points from the first that anything fell into, oldest first.

        Returns:
            When the first of them begins (Unix ns), and the counts, shape (n, 7).
        """
        if self._first < 0:
            return 0, self._counts[:0]
        first = max(self._first, self._newest - len(self._counts) + 1)
        at = np.arange(first, self._newest + 1)
        return first * self._step_ns, self._counts[at % len(self._counts)]
