"""The rate between two clocks over a whole segment, from sums that do not grow."""

from __future__ import annotations

import numpy as np

from recorder.ssx.arrays import Int64Array


class OverallRate:
    """Least-squares slope of target against source times, added to as they come."""

    def __init__(self) -> None:
        self._sums = np.zeros(5)
        self._zero: tuple[int, int] | None = None

    def add(self, source: Int64Array, target: Int64Array) -> None:
        """Further pairs of times (ns), shape (n,) each, at least one."""
        if self._zero is None:
            self._zero = (int(source[0]), int(target[0]))
        x = (source - self._zero[0]) / 1e9
        y = ((target - self._zero[1]) - (source - self._zero[0])).astype(np.float64)
        self._sums += np.array([x.size, x.sum(), y.sum(), x @ x, x @ y])

    def rate(self, known: float) -> float:
        """Relative rate of the clocks; ``known`` while the pairs do not tell."""
        n, x, y, xx, xy = self._sums
        spread = n * xx - x * x
        if n < 3 or spread <= 0:
            return known
        return float((n * xy - x * y) / spread) * 1e-9
