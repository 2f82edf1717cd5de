"""The grid of a run: ``GridInfo`` in both shapes, of the run or of its group."""

from __future__ import annotations

from sqlalchemy import select

from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.capabilities import Capability
from recorder.ispyb.schema.completing import agree
from recorder.ispyb.schema.rows import Rows
from recorder.records import Json
from recorder.records.mx_plan import Plane
from recorder.sinks.ispyb.step import Step

_SAME = ("steps_x", "steps_y", "dx_mm", "dy_mm", "meshAngle", "orientation")
"""Columns by which a plane of a group is found again, where ids were lost."""


def write_grid(rows: Rows, step: Step, group_id: int, run_id: int) -> Json:
    """Write the grid of a run, or bring it up to date; its id.

    Args:
        rows: The database.
        step: The run.
        group_id: Its group.
        run_id: Its row.
    """
    plan = step.run.announcement.grid
    if plan is None or not step.site.can.can(Capability.GRID):
        return {}
    values = grid_values(plan.planes[0])
    if rows.live.column(t.grid_info.name, "dataCollectionId"):
        parent = {"dataCollectionId": run_id}
        found = rows.ids(t.grid_info, **parent)
    else:
        parent = {"dataCollectionGroupId": group_id}
        mine = step.known.get("grid_info_id")
        found = [mine] if mine else _alike(rows, group_id, values)
    if found:
        rows.update(t.grid_info, found[0], {**parent, **values})
        return {"grid_info_id": found[0]}
    return {"grid_info_id": rows.insert(t.grid_info, {**parent, **values})}


def _alike(rows: Rows, group_id: int, values: Json) -> list[int]:
    """Grids of a group that say the same; a FLOAT does not hold every digit."""
    names = [name for name in _SAME if rows.live.column(t.grid_info.name, name)]
    query = select(t.grid_info.c.gridInfoId, *(t.grid_info.c[name] for name in names))
    mine = t.grid_info.c.dataCollectionGroupId == group_id
    return [
        int(number)
        for number, *there in rows.read(query.where(mine))
        if all(agree(old, values[n]) for n, old in zip(names, there, strict=True))
    ]


def grid_values(plane: Plane) -> Json:
    """Columns of a plane; those that a flavour lacks are left out when written."""
    (steps_x, steps_y), (dx, dy) = plane.steps, plane.step_um
    left, top = plane.top_left_px or (None, None)
    scale = plane.um_per_px or (None, None)
    return {
        "dx_mm": dx / 1000,
        "dy_mm": dy / 1000,
        "steps_x": float(steps_x),
        "steps_y": float(steps_y),
        "meshAngle": plane.angle,
        "orientation": "horizontal" if plane.fast == "x" else "vertical",
        "snaked": plane.snaked,
        # whatever their name says, readers take them for micrometres of a pixel
        "pixelspermicronX": scale[0],
        "pixelspermicronY": scale[1],
        "micronsPerPixelX": scale[0],
        "micronsPerPixelY": scale[1],
        "snapshot_offsetXPixel": left,
        "snapshot_offsetYPixel": top,
    }
