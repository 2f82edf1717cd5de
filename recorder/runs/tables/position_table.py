"""Positions of axes that events have: kept only of those that have any."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.records.positions import POSITIONS
from recorder.runs.tables.columns import Columns

_COLUMNS = {"event": (np.int64, -1), "value": (np.float64, np.nan)}


def no_numbers() -> NDArray[np.int64]:
    """None, (0,)."""
    return np.empty(0, np.int64)


def no_values() -> NDArray[np.float64]:
    """None, (0,)."""
    return np.empty(0, np.float64)


class PositionTable:
    """For each axis the events that tell its position; 16 bytes each."""

    def __init__(self) -> None:
        self._axes: dict[str, Columns] = {}

    @property
    def axes(self) -> tuple[str, ...]:
        """Axes of which there is a position."""
        return tuple(self._axes)

    def add(self, event: int, positions: Mapping[str, float]) -> None:
        """Positions of an event, which is known by its number in the log."""
        for axis, value in positions.items():
            self._of(axis).append(event=event, value=value)

    def at(self, axis: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Numbers of the events that tell an axis, and what they tell; both (n,)."""
        found = self._of(axis) if axis in self._axes else Columns(_COLUMNS)
        return found.view("event"), found.view("value")

    def copy(self) -> PositionTable:
        """As it is now, sharing the entries; nothing may be added to it."""
        made = PositionTable()
        made._axes = {axis: of.snapshot() for axis, of in self._axes.items()}
        return made

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it, to be kept: event, value and number of the axis, (m,)."""
        parts = [(POSITIONS.index(axis), *self.at(axis)) for axis in self._axes]
        axes = [np.full(event.size, n, np.int64) for n, event, _ in parts]
        return {
            "place_axis": np.concatenate([no_numbers(), *axes]),
            "place_event": np.concatenate([no_numbers(), *(p[1] for p in parts)]),
            "place_value": np.concatenate([no_values(), *(p[2] for p in parts)]),
        }

    def extend(
        self,
        axis: NDArray[np.int64],
        event: NDArray[np.int64],
        value: NDArray[np.float64],
    ) -> None:
        """Add what :meth:`arrays` gave; events that are -1 are left out."""
        for number in np.unique(axis).tolist():
            mine = (axis == number) & (event >= 0)
            if 0 <= number < len(POSITIONS) and mine.any():
                self._of(POSITIONS[number]).append(event=event[mine], value=value[mine])

    def _of(self, axis: str) -> Columns:
        return self._axes.setdefault(axis, Columns(_COLUMNS))
