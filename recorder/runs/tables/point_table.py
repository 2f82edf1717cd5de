"""The points of one energy scan, each index once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.records import ScanPoints

Row = tuple[float, float, float, float]
"""Energy (eV), counts, monitor and live time (s); NaN: not given."""


@dataclass(frozen=True, slots=True, eq=False)
class PointArrays:
    """Points by ascending index; all arrays (n,)."""

    index: NDArray[np.int64]
    energy: NDArray[np.float64]
    """eV, as read back."""
    counts: NDArray[np.float64]
    monitor: NDArray[np.float64]
    """NaN where it is not given."""
    live_time: NDArray[np.float64]
    """s; NaN where it is not given."""


class PointTable:
    """What came of an energy scan: the first word on a point stays."""

    def __init__(self) -> None:
        self._rows: dict[int, Row] = {}

    @property
    def size(self) -> int:
        """Points that came."""
        return len(self._rows)

    @property
    def reach(self) -> int:
        """One more than the highest index that came."""
        return max(self._rows, default=-1) + 1

    def add(self, points: ScanPoints) -> tuple[int, int]:
        """Add points.

        Returns:
            How many of them are new, and how many contradict what is there.
        """
        new = contradicting = 0
        for place, index in enumerate(points.index):
            row = (
                points.energy[place],
                points.counts[place],
                _at(points.monitor, place),
                _at(points.live_time, place),
            )
            known = self._rows.setdefault(index, row)
            if known is row:
                new += 1
            elif known[:2] != row[:2]:
                contradicting += 1
        return new, contradicting

    def copy(self) -> PointTable:
        """The table as it is now."""
        made = PointTable()
        made._rows = dict(self._rows)
        return made

    def missing(self, expected: int) -> list[tuple[int, int]]:
        """Ranges (first, last) of the points that did not come, of so many."""
        there = np.fromiter(sorted(self._rows), np.int64, self.size)
        edges = np.concatenate(([-1], there[there < expected], [expected]))
        holes = np.flatnonzero(np.diff(edges) > 1)
        return [(int(edges[n]) + 1, int(edges[n + 1]) - 1) for n in holes]

    def arrays(self) -> PointArrays:
        """All points."""
        order = sorted(self._rows)
        table = np.array([self._rows[n] for n in order], np.float64).reshape(-1, 4)
        columns = (table[:, n].copy() for n in range(4))
        return PointArrays(np.array(order, np.int64), *columns)


def _at(values: tuple[float | None, ...], place: int) -> float:
    value = values[place] if values else None
    return math.nan if value is None else value
