"""The lattices of one run: what its statistics need of each."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recorder.records import Lattice

_NEVER = -1
"""Stands for the image of a lattice that nothing takes the place of."""


class LatticeTable:
    """Cells and residuals, in the order in which they came."""

    def __init__(self) -> None:
        self._cells = array("d")
        """Six numbers for each lattice."""
        self._cells_of = array("q")
        """Its image."""
        self._residuals = array("d")
        self._residuals_of = array("q")
        self._amended: set[int] = set()
        """Images whose first lattices count no longer."""

    def add(self, image_id: int, lattices: Sequence[Lattice]) -> None:
        """Add what was found in an image."""
        for lattice in lattices:
            self._cells.extend(lattice.cell)
            self._cells_of.append(image_id)
            if not math.isnan(lattice.residual):
                self._residuals.append(lattice.residual)
                self._residuals_of.append(image_id)

    def amend(self, image_id: int, lattices: Sequence[Lattice]) -> bool:
        """Put these in the place of an image's own; False if that was done before."""
        if image_id in self._amended:
            return False
        self._amended.add(image_id)
        self.add(_NEVER, lattices)
        return True

    def extend(
        self, cells: NDArray[np.float64], residuals: NDArray[np.float64]
    ) -> None:
        """Take over the lattices of a restart, which are never amended.

        Args:
            cells: (m, 6), of all lattices.
            residuals: (k,), of those that have one, 1/Å.
        """
        self._cells.frombytes(cells.tobytes())
        self._cells_of.extend([_NEVER] * len(cells))
        self._residuals.frombytes(residuals.tobytes())
        self._residuals_of.extend([_NEVER] * len(residuals))

    def copy(self) -> LatticeTable:
        """The table as it is now."""
        made = LatticeTable()
        made._cells, made._cells_of = self._cells[:], self._cells_of[:]
        made._residuals, made._residuals_of = (
            self._residuals[:],
            self._residuals_of[:],
        )
        made._amended = set(self._amended)
        return made

    @property
    def cells(self) -> NDArray[np.float64]:
        """Unit cells of the lattices that count, shape (n, 6)."""
        every = np.array(self._cells, np.float64).reshape(-1, 6)
        return every[self._counting(self._cells_of)]

    @property
    def residuals(self) -> NDArray[np.float64]:
        """Residuals (1/Å) of those that have one, shape (k,)."""
        every = np.array(self._residuals, np.float64)
        return every[self._counting(self._residuals_of)]

    def _counting(self, of: array[int]) -> NDArray[np.bool_]:
        amended = np.fromiter(self._amended, np.int64, len(self._amended))
        return ~np.isin(np.array(of, np.int64), amended)
