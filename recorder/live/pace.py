"""How fast indexed images of a time point come: when its target is reached."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

SAMPLE_S, OVER_S = 10.0, 600.0
"""Seconds between two samples, and over which the pace is taken: as long as the line of
the page. Chosen, not tuned."""


class Pace:
    """Counts by key, seldom enough to be kept for ten minutes."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, dict[int, int]]] = deque(
            maxlen=int(OVER_S / SAMPLE_S)
        )

    def look(self, now_s: float, counts: Mapping[int, int]) -> None:
        """Keep a sample if it is time.

        Args:
            now_s: The monotonic time (s).
            counts: Images by key so far.
        """
        if not self._samples or now_s - self._samples[-1][0] >= SAMPLE_S:
            self._samples.append((now_s, dict(counts)))

    def eta_s(self, now_s: float, key: int, count: int, target: int) -> float | None:
        """Seconds until a target; None if nobody can tell.

        Args:
            now_s: The monotonic time (s).
            key: Whose.
            count: Images now.
            target: Images that are wanted.
        """
        if count >= target:
            return 0.0
        if not self._samples:
            return None
        then_s, before = self._samples[0]
        gained = count - before.get(key, 0)
        if gained <= 0 or now_s <= then_s:
            return None
        return round((target - count) * (now_s - then_s) / gained, 1)
