"""Images of a part that may be of another one: no angle and no cell of the plan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recorder.mx.cells import NO_CELL
from recorder.mx.wedges import UNKNOWN, Wedges
from recorder.runs.run import Run
from recorder.runs.timeline.mx_cells import CellsOfImages


def doubtful(run: Run) -> NDArray[np.bool_]:
    """Whether each received image of a run is in doubt, (n,) by ascending image_id."""
    ids = run.images.ids
    found = np.zeros(ids.size, np.bool_)
    for first, last in run.in_doubt:
        found |= (ids >= first) & (ids <= last)
    return found


def wedges_with_doubts(run: Run, wedges: Wedges | None) -> Wedges | None:
    """Wedges of a run's images; unknown where they may be of another part.

    Args:
        run: The run.
        wedges: As its own images and plan say; None: all are of one.
    """
    if not run.in_doubt:
        return wedges
    off, ids = doubtful(run), run.images.ids
    index = np.zeros(ids.size, np.int64) if wedges is None else wedges.index
    within = ids if wedges is None else wedges.within
    return Wedges(
        np.where(off, UNKNOWN, index),
        np.where(off, UNKNOWN, within),
        () if wedges is None else wedges.missed,
        () if wedges is None else wedges.notes,
    )


def cells_with_doubts(run: Run, cells: CellsOfImages | None) -> CellsOfImages | None:
    """Cells of a run's images; unknown where they may be of another plane.

    Args:
        run: The run.
        cells: As its own images and plan say.
    """
    if cells is None or not run.in_doubt:
        return cells
    off = doubtful(run)
    return replace(
        cells,
        plane=np.where(off, NO_CELL, cells.plane),
        cell=np.where(off, NO_CELL, cells.cell),
        x=np.where(off, NO_CELL, cells.x),
        y=np.where(off, NO_CELL, cells.y),
    )
