"""The grid of a run: ``GridInfo`` in both shapes, of the run or of its group.

A group may have several, a run has one: where it hangs on the run, that of the run's
first plane.
"""

from __future__ import annotations

from sqlalchemy import select

from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.capabilities import Capability
from recorder.ispyb.schema.completing import agree
from recorder.ispyb.schema.rows import Rows
from recorder.records import Json
from recorder.records.mx_plan import Plane
from recorder.sinks.ispyb.step import Step

_NAME = "grid_info_id"
"""Of the first plane, among the ids of a run; further ones have a number after it."""
_SAME = ("steps_x", "steps_y", "dx_mm", "dy_mm", "meshAngle", "orientation")
"""Columns by which a plane of a group is found again, where ids were lost."""


def write_grid(rows: Rows, step: Step, group_id: int, run_id: int) -> Json:
    """Write the grid of a run, or bring it up to date; the ids of its planes.

    Args:
        rows: The database.
        step: The run.
        group_id: Its group.
        run_id: Its row.
    """
    plan = step.run.announcement.grid
    if plan is None or not step.site.can.can(Capability.GRID):
        return {}
    if rows.live.column(t.grid_info.name, "dataCollectionId"):
        parent = {"dataCollectionId": run_id}
        values = {**parent, **grid_values(plan.planes[0])}
        found = rows.ids(t.grid_info, **parent)
        return {_NAME: _write(rows, next(iter(found), None), values)}
    parent = {"dataCollectionGroupId": group_id}
    names = [_NAME, *(f"{_NAME}_{n}" for n in range(2, len(plan.planes) + 1))]
    # planes of other runs of the group, and of this one, may be alike
    taken = {int(step.known[name]) for name in names if name in step.known}
    if len(taken) < len(names):
        taken |= step.journal.ids_of_others(step.run.uid, _NAME)
    ids: Json = {}
    for name, plane in zip(names, plan.planes, strict=True):
        values = {**parent, **grid_values(plane)}
        number = step.known.get(name)
        if number is None:
            alike = (n for n in _alike(rows, group_id, values) if n not in taken)
            number = next(alike, None)
        ids[name] = _write(rows, number, values)
        taken.add(ids[name])
    return ids


def _write(rows: Rows, number: int | None, values: Json) -> int:
    if number is None:
        return rows.insert(t.grid_info, values)
    rows.update(t.grid_info, number, values)
    return number


def _alike(rows: Rows, group_id: int, values: Json) -> list[int]:
    """Grids of a group that say the same; a FLOAT does not hold every digit."""
    names = [name for name in _SAME if rows.live.column(t.grid_info.name, name)]
    key = t.grid_info.c.gridInfoId
    query = select(key, *(t.grid_info.c[name] for name in names)).order_by(key)
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
