"""Which cell of its grid each image of a run is from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recorder.mx.captured_cells import captured_cells
from recorder.mx.cells import NO_CELL, cells_of
from recorder.mx.grid_shift import GridOrder, grid_order
from recorder.records.mx_plan import GridPlan, Plane, Sweep
from recorder.runs.run import Run
from recorder.runs.timeline.mx_doubts import doubtful, unsettled
from recorder.runs.timeline.mx_times import ended_well, start_s
from recorder.runs.timeline.positions import rows_of_images, stage_positions
from recorder.ssx.labels.timeline import Timeline

Int64Array = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CellsOfImages:
    """Cells of the received images, by ascending image_id; arrays (n,)."""

    plane: Int64Array
    """Place of its plane in the plan; NO_CELL where it is of none, or of several."""
    cell: Int64Array
    """Place of its cell in the order of the scan; NO_CELL unknown."""
    x: Int64Array
    """Column of the cell; NO_CELL unknown."""
    y: Int64Array
    """Row of the cell; NO_CELL unknown."""
    first: tuple[int, ...]
    """First ``image_id`` of each plane."""
    orders: tuple[GridOrder, ...]
    """What was found of each plane."""
    standing: tuple[Sweep, ...]
    """The planes as sweeps of an axis that stands; empty if an angle is not said."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What of the cells people should know."""
        return tuple(note for order in self.orders for note in order.notes)


def cells_of_run(run: Run, timeline: Timeline, grid: GridPlan) -> CellsOfImages:
    """Give the received images of a run their cells.

    Those that may be of another part have none, and say nothing of the others.

    Args:
        run: The run.
        timeline: Its labels.
        grid: The announced planes.
    """
    ids, firsts = run.images.ids, _firsts(grid)
    end = max(
        first + plane.images for first, plane in zip(firsts, grid.planes, strict=True)
    )
    claims = np.zeros(ids.size, np.int64)
    found = {
        name: np.full(ids.size, NO_CELL, np.int64) for name in ("p", "k", "x", "y")
    }
    orders, standing = [], []
    positions, sure = _positions(run, timeline), ~doubtful(run)
    for n, (first, plane) in enumerate(zip(firsts, grid.planes, strict=True)):
        mine = (ids >= first) & (ids < first + plane.images)
        if n + 1 == len(grid.planes):
            # what is beyond the plan is told with its last plane
            mine |= ids >= end
        mine &= sure
        claims += mine
        order = _order(run, plane, ids[mine] - first, mine, positions)
        found["p"][mine], found["k"][mine] = n, order.ordinal
        found["x"][mine], found["y"][mine] = cells_of(plane, order.ordinal)
        orders.append(order)
        if plane.angle is not None:
            standing.append(Sweep(plane.angle, 0.0, plane.images, first_image=first))
    for values in found.values():
        # which of its planes an image is from, nobody knows
        values[claims > 1] = NO_CELL
    return CellsOfImages(
        *(found["p"], found["k"], found["x"], found["y"]),
        firsts,
        tuple(orders),
        tuple(standing),
    )


def _firsts(grid: GridPlan) -> tuple[int, ...]:
    """First ``image_id`` of each plane."""
    found, after = [], 0
    for plane in grid.planes:
        found.append(after if plane.first_image is None else plane.first_image)
        after = found[-1] + plane.images
    return tuple(found)


def _order(
    run: Run,
    plane: Plane,
    ids: Int64Array,
    mine: NDArray[np.bool_],
    positions: tuple[FloatArray, FloatArray] | None,
) -> GridOrder:
    start, times = run.start, start_s(run)
    only = run.announcement.grid is not None and len(run.announcement.grid.planes) == 1
    captured = None
    if positions is not None:
        captured = captured_cells(plane, positions[0][mine], positions[1][mine])
    settled = not unsettled(run)
    if not ids.size:
        return GridOrder(ids, "nothing")
    found = grid_order(
        ids,
        plane,
        start_s=None if times is None else times[mine],
        period_s=start.info.frame_time_s if start else None,
        triggers=start.triggers if start and only else None,
        images_per_trigger=start.images_per_trigger if start else None,
        made=run.end.images if run.end and only and settled else None,
        sent=plane.images if ended_well(run) or not settled else None,
        captured=captured,
    )
    certain = found.by == "captured" or bool((found.ordinal >= 0).all())
    return found if settled or certain else _nothing(found)


def _nothing(found: GridOrder) -> GridOrder:
    """The same with no cell at all."""
    count = found.ordinal.size
    text = (
        f"a trigger of the series was missed, and nothing tells for certain in which "
        f"line the {count} images are that are of this plane: none has a cell; let "
        "timing hardware capture the position at each trigger"
    )
    unknown = np.full(count, NO_CELL, np.int64)
    return replace(found, ordinal=unknown, by="nothing", shifts=(), notes=(text,))


def _positions(run: Run, timeline: Timeline) -> tuple[FloatArray, FloatArray] | None:
    """X and y (mm) of the stage at each image, each (n,); None if they are unknown."""
    numbers, x, y = stage_positions(run)
    if not numbers.size:
        return None
    row = rows_of_images(timeline, numbers)
    place = np.maximum(row, 0)
    return np.where(row >= 0, x[place], np.nan), np.where(row >= 0, y[place], np.nan)
