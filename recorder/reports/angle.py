"""The angle and the cell of an image, and why they are believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

from recorder.mx.angles import AngleGrade
from recorder.mx.cells import NO_CELL
from recorder.records import Json
from recorder.runs.run import Run

_BECAUSE = {
    AngleGrade.CAPTURED: "timing hardware read {axis} at the image's trigger",
    AngleGrade.FILE: "the file has {axis} for each image",
    AngleGrade.ANNOUNCED: "planned: image {n} of the announced sweep",
    AngleGrade.HEADER: "start and increment of {axis} in the header",
    AngleGrade.NONE: "nothing tells it: no captured position, no file, no announced "
    "sweep, and no header whose increment is not 0",
}
_CELL = {
    "captured": "by the captured position of the stage",
    "times": "by its start time: triggers made no image before it, and the gaps show "
    "which",
    "count": "counted: cell {n} of the scan, from 0",
    "nothing": "triggers made no image, and nothing tells which",
}


def angle_of(run: Run, axis: str, label: Mapping[str, Any]) -> Json:
    """Angles of an image (degrees, None unknown), their grade and why.

    Args:
        run: The run.
        axis: The axis that turns.
        label: The image's label.
    """
    grade = AngleGrade(label["angle_grade"])
    because = _BECAUSE[grade].format(axis=axis, n=label["image_id"])
    wedge = label.get("wedge")
    sweeps = run.announcement.sweeps
    count = len(sweeps.sweeps) if sweeps is not None else 0
    if grade is AngleGrade.ANNOUNCED and wedge is not None and count > 1:
        because = f"planned: wedge {wedge + 1} of {count}"
    elif grade is AngleGrade.ANNOUNCED and run.announcement.grid is not None:
        because = f"planned: {axis} of the plane, which stands"
    elif grade is AngleGrade.NONE and wedge is not None and wedge < 0:
        because = "which wedge it is of is not known"
    found: Json = {
        "axis": axis,
        "start": _known(label["angle_start"]),
        "end": _known(label["angle_end"]),
        "grade": grade.name.lower(),
        "because": because,
    }
    return found if wedge is None else {**found, "wedge": _number(wedge)}


def cell_of(run: Run, by: Sequence[str], label: Mapping[str, Any]) -> Json:
    """Cell of an image on its grid (from 0, None unknown), and why.

    Args:
        run: The run.
        by: What the cells of each plane rest on.
        label: The image's label.
    """
    plane, cell = label["plane"], label["cell"]
    rests = by[plane] if 0 <= plane < len(by) else "nothing"
    because = _CELL[rests].format(n=cell)
    grid = run.announcement.grid
    if cell == NO_CELL and rests != "nothing":
        because = "its cell is not known, or beyond the grid"
        if grid is not None and 0 <= plane < len(grid.planes):
            because += f" of {grid.planes[plane].images} cells"
    return {
        "plane": _number(plane),
        "row": _number(label["cell_y"]),
        "column": _number(label["cell_x"]),
        "by": rests,
        "because": because,
    }


def _known(angle: float) -> float | None:
    return None if isnan(angle) else angle


def _number(value: int) -> int | None:
    return None if value < 0 else value
