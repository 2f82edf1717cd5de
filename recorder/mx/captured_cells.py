"""Captured positions of the stage as cells of a grid.

Nobody says where on the stage a grid lies, or which way its encoders count. But a grid
is gone over in a known order: the first images are at the corner of its first cell.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recorder.records.mx_plan import Plane

FloatArray = NDArray[np.float64]


def captured_cells(plane: Plane, x: FloatArray, y: FloatArray) -> FloatArray | None:
    """Cells at captured positions.

    Args:
        plane: The grid; gone over from its first cell on.
        x: mm along its rows, at each image in the order of the scan, (n,); NaN unknown.
        y: mm along its columns, (n,).

    Returns:
        x and y in cells, 0 in the middle of the first one, (n, 2); None if the
        positions do not span the grid: then its corner is not known.
    """
    nx, ny = plane.steps
    across, down = (step / 1000 for step in plane.step_um)
    in_x = _along(x, nx, across, late=plane.fast == "y")
    in_y = _along(y, ny, down, late=plane.fast == "x")
    if in_x is None or in_y is None:
        return None
    return np.column_stack((in_x, in_y))


def _along(
    values: FloatArray, size: int, step_mm: float, *, late: bool
) -> FloatArray | None:
    """Cells along one side; ``late``: the side that is gone through slowly."""
    known = values[np.isfinite(values)]
    if not known.size:
        return None
    low, high = float(known.min()), float(known.max())
    if abs(high - low - (size - 1) * step_mm) > step_mm / 2:
        return None  # the first or last line is not there
    if size == 1:
        return values * 0.0
    # the first images are at the first cell, or not far from it
    begin = known[: max(1, known.size // 10)] if late else known[:1]
    rises = float(np.median(begin)) - low <= (high - low) / 2
    return (values - low) / step_mm if rises else (high - values) / step_mm
