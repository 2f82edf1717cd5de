"""Pauses between the images of a run."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST_GAP_S = 30.0
"""Longest pause (s) that is taken for usual. Chosen, not tuned."""


class Gaps:
    """The longest pauses between images of one run."""

    def __init__(self) -> None:
        self._newest_ns: int | None = None
        self._longest = [0.0, 0.0]

    def note(self, times_ns: Iterable[int]) -> None:
        """Images came at these times."""
        for time_ns in times_ns:
            if self._newest_ns is not None and time_ns > self._newest_ns:
                gap = min((time_ns - self._newest_ns) / 1e9, LONGEST_GAP_S)
                if gap > self._longest[0]:
                    self._longest = sorted((gap, self._longest[1]))
            self._newest_ns = max(time_ns, self._newest_ns or 0)

    @property
    def usual_s(self) -> float:
        """The longest pause (s) that came twice."""
        return self._longest[0]
