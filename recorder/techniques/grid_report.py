"""A grid in the report of its run: its cells, the map of spots, the crystals on it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from recorder.mx.cells import on_map
from recorder.mx.centre import Found, crystals
from recorder.records.image_outcome import INDEXED, NON_HIT, NON_INDEXED_HIT
from recorder.records.mx_plan import GridPlan, Plane
from recorder.records.technique_report import CrystalReport, GridReport, ShiftReport
from recorder.runs.run import Run
from recorder.runs.timeline.mx_cells import CellsOfImages

FloatArray = NDArray[np.float64]
Int64Array = NDArray[np.int64]

MAP_CELLS = 10_000
"""Entries of the map in a report, 100 by 100: of larger grids each stands for several
cells. Chosen, not tuned."""
_SHIFTS = 20
"""Shifts that are listed. Chosen, not tuned."""
_DIGITS = 3
"""Decimals of a cell: it is known to a tenth at best."""


def grid_reports(
    run: Run, plan: GridPlan, cells: CellsOfImages, made: int
) -> tuple[GridReport, ...]:
    """What is known of each plane; further ones share the room of one map.

    Args:
        run: The run.
        plan: Its planes.
        cells: Cells of its images.
        made: Images that the run has.
    """
    further = MAP_CELLS // max(1, len(plan.planes) - 1)
    return tuple(
        grid_report(run, plane, cells, n, made, MAP_CELLS if n == 0 else further)
        for n, plane in enumerate(plan.planes)
    )


def grid_report(
    run: Run,
    plane: Plane,
    cells: CellsOfImages,
    number: int,
    made: int,
    entries: int = MAP_CELLS,
) -> GridReport:
    """What is known of a plane.

    Args:
        run: The run.
        plane: The plane.
        cells: Cells of its images.
        number: Place of the plane in the plan.
        made: Images that the run has.
        entries: Of its map, at most.
    """
    ids, order, first_id = run.images.ids, cells.orders[number], cells.first[number]
    mine = cells.plane == number
    ordinal = cells.cell[mine]
    # of several images of a cell the first one counts
    placed, first = np.unique(ordinal[ordinal >= 0], return_index=True)
    image = ids[mine][ordinal >= 0][first]
    values, hits = _maps(run, plane, placed, image)
    reached, known = _reached(
        ids[mine] - first_id, ordinal, max(0, made - first_id), plane
    )
    unplaced = int((ordinal < 0).sum())
    # images in doubt are of no plane: they are told with the last one
    doubt = cells.plane < 0
    adrift = int(doubt.sum()) if number + 1 == len(cells.orders) else 0
    perhaps = doubt & (ids >= first_id) & (ids < first_id + plane.images)
    if adrift or perhaps.any():
        reached, known = plane.images, False
    empty = reached - placed.size
    step, picture = small_map(values, entries)
    return GridReport(
        steps=plane.steps,
        step_um=plane.step_um,
        fast=plane.fast,
        snaked=plane.snaked,
        angle=plane.angle,
        received=int(placed.size),
        lost=empty if known else 0,
        unknown=0 if known else plane.images - int(placed.size),
        not_reached=plane.images - reached if known else 0,
        repeated=int(mine.sum()) - unplaced - int(placed.size),
        unplaced=unplaced + adrift,
        placed_by=order.by,
        shifts=tuple(
            ShiftReport(first_id + s.image_id, s.cells) for s in order.shifts[:_SHIFTS]
        ),
        crystals=tuple(_crystal(one, plane) for one in crystals(values, hits)),
        map_step=step,
        map=picture,
    )


def _maps(
    run: Run, plane: Plane, ordinal: Int64Array, ids: Int64Array
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """(ny, nx) spots, NaN where no image was classified; and the hits."""
    outcome = run.images.column("outcome")[ids]
    hit = np.isin(outcome, (INDEXED, NON_INDEXED_HIT))
    spots = run.images.column("spots")[ids].astype(np.float64)
    spots[~hit & (outcome != NON_HIT)] = np.nan
    values = on_map(plane, ordinal, spots)
    return values, on_map(plane, ordinal, hit.astype(np.float64)) > 0


def _reached(
    ids: Int64Array, ordinal: Int64Array, made: int, plane: Plane
) -> tuple[int, bool]:
    """Cells that the scan came to, and whether cells without an image are surely so."""
    within = ids < plane.images
    if bool((ordinal[within] < 0).any()):
        return plane.images, False
    placed = ordinal[ordinal >= 0]
    if not placed.size:
        return min(made, plane.images), True
    last = int(ids[ordinal >= 0][-1])
    return min(int(placed.max()) + max(made - 1 - last, 0) + 1, plane.images), True


def _crystal(found: Found, plane: Plane) -> CrystalReport:
    (x, y), (sx, sy), (dx, dy) = found.centre, found.sigma, plane.step_um
    return CrystalReport(
        centre=(round(x, _DIGITS), round(y, _DIGITS)),
        sigma=(round(sx, _DIGITS), round(sy, _DIGITS)),
        centre_um=(round(x * dx, _DIGITS), round(y * dy, _DIGITS)),
        sigma_um=(round(sx * dx, _DIGITS), round(sy * dy, _DIGITS)),
        first=found.first,
        last=found.last,
        peak=found.peak,
        cells=found.cells,
        spots=found.total,
        peak_spots=found.maximum,
        beside_unknown=found.beside_unknown,
        at_border=found.at_border,
    )


def small_map(
    values: FloatArray, entries: int = MAP_CELLS
) -> tuple[int, tuple[tuple[int, ...], ...]]:
    """A map of bounded size: cells that an entry stands for, and the best of each.

    Args:
        values: (ny, nx), NaN unknown.
        entries: At most.
    """
    ny, nx = values.shape
    step = 1
    while math.ceil(nx / step) * math.ceil(ny / step) > entries:
        step += 1
    filled = np.where(np.isfinite(values), values, -1.0).astype(np.int64)
    rows, columns = np.arange(0, ny, step), np.arange(0, nx, step)
    best = np.maximum.reduceat(np.maximum.reduceat(filled, rows, 0), columns, 1)
    return step, tuple(tuple(row) for row in best.tolist())
