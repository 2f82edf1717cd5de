"""Which cell of a grid an image is from, by the order in which the grid is gone over.

Cells have coordinates (x, y) from 0, image ``k`` of a plane is its ``k``-th cell: row
after row with x the fast direction, column after column with y. Snaked: each second
line is gone over backwards.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recorder.records.mx_plan import Plane

Int64Array = NDArray[np.int64]
FloatArray = NDArray[np.float64]

NO_CELL = -1
"""Coordinate of an image that is of no cell, or of an unknown one."""


def cells_of(plane: Plane, ordinal: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Cells in the order in which they are gone over.

    Args:
        plane: The grid.
        ordinal: (n,) place of each image in that order, from 0; below 0 unknown.

    Returns:
        x and y of each, (n,); NO_CELL where the place is unknown or beyond the grid.
    """
    fast = plane.steps[0] if plane.fast == "x" else plane.steps[1]
    line, along = ordinal // fast, ordinal % fast
    if plane.snaked:
        along = np.where(line % 2 == 1, fast - 1 - along, along)
    off = (ordinal < 0) | (ordinal >= plane.images)
    along, line = np.where(off, NO_CELL, along), np.where(off, NO_CELL, line)
    return (along, line) if plane.fast == "x" else (line, along)


def ordinals_of(plane: Plane, x: Int64Array, y: Int64Array) -> Int64Array:
    """The way back: place (n,) of cells in the order; -1 for what is off the grid."""
    nx, ny = plane.steps
    off = (x < 0) | (x >= nx) | (y < 0) | (y >= ny)
    fast, along, line = (nx, x, y) if plane.fast == "x" else (ny, y, x)
    if plane.snaked:
        along = np.where(line % 2 == 1, fast - 1 - along, along)
    return np.where(off, -1, line * fast + along)


def orientation(plane: Plane) -> Literal["horizontal", "vertical"]:
    """Direction of its lines, in ISPyB's words."""
    return "horizontal" if plane.fast == "x" else "vertical"


def on_map(plane: Plane, ordinal: Int64Array, values: FloatArray) -> FloatArray:
    """Values of images as a map.

    Args:
        plane: The grid.
        ordinal: (n,) place of each image, from 0; below 0 unknown.
        values: (n,) of each image; NaN is no value.

    Returns:
        (rows, columns) = (y, x) float64; NaN where no image is known to be from.
    """
    nx, ny = plane.steps
    found = np.full((ny, nx), np.nan)
    x, y = cells_of(plane, ordinal)
    here = (x >= 0) & np.isfinite(values)
    found[y[here], x[here]] = values[here]
    return found
