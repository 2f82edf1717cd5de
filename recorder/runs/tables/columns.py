"""Columns that grow: numpy arrays with room for more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

FIRST = 1024
"""Entries that a new column has room for: grown nine times, by doubling, it holds half
a million. Chosen, not tuned."""


class Columns:
    """Arrays of one length that doubles when it is too short.

    Args:
        kinds: dtype and fill value by name.
    """

    def __init__(self, kinds: Mapping[str, tuple[Any, Any]]) -> None:
        self._kinds = dict(kinds)
        self._arrays: dict[str, NDArray[Any]] = {
            name: np.full(FIRST, fill, dtype) for name, (dtype, fill) in kinds.items()
        }
        self.size = 0

    def __getitem__(self, name: str) -> NDArray[Any]:
        """A column with all its room: entries from ``size`` on are fill values."""
        return self._arrays[name]

    def view(self, name: str, first: int = 0) -> NDArray[Any]:
        """The used part of a column from ``first`` on; read only."""
        view = self._arrays[name][first : self.size]
        view.flags.writeable = False
        return view

    def reserve(self, size: int) -> None:
        """Make room for ``size`` entries."""
        capacity = len(next(iter(self._arrays.values())))
        if size <= capacity:
            return
        new = max(size, 2 * capacity)
        for name, (dtype, fill) in self._kinds.items():
            grown = np.full(new, fill, dtype)
            grown[:capacity] = self._arrays[name]
            self._arrays[name] = grown

    def append(self, **values: Any) -> None:
        """Add one entry, or arrays of several, to all columns named."""
        count = max(np.size(value) for value in values.values())
        self.reserve(self.size + count)
        for name, value in values.items():
            self._arrays[name][self.size : self.size + count] = value
        self.size += count

    def copy(self) -> Columns:
        """The used part, which changes no longer."""
        made = Columns({})
        made._kinds = self._kinds
        made._arrays = {n: a[: self.size].copy() for n, a in self._arrays.items()}
        made.size = self.size
        return made

    def snapshot(self) -> Columns:
        """The used part, shared: for columns to which entries are only ever added.

        Nothing may be added to it.
        """
        made = Columns({})
        made._kinds = self._kinds
        made._arrays = {name: self.view(name) for name in self._arrays}
        made.size = self.size
        return made

    def clear(self) -> None:
        """Forget all entries."""
        self.size = 0
