"""Where the crystal was: rows of positions that a run's row points to."""

from __future__ import annotations

from sqlalchemy import Table, select

from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.capabilities import Capability
from recorder.ispyb.schema.rows import Rows
from recorder.mx.sweeps import last_exposed
from recorder.records import Json
from recorder.records.mx_plan import Sweep
from recorder.sinks.ispyb.step import Step

_TABLES = {
    "positionId": t.position,
    "startPositionId": t.motor_position,
    "endPositionId": t.motor_position,
}
"""What each column of DataCollection points to."""
_AXES = {
    t.position: ("posX", "posY", "posZ"),
    t.motor_position: ("phiX", "phiY", "phiZ"),
}


def write_positions(rows: Rows, step: Step, known: int | None) -> Json:
    """Write the positions of a run's sweep; the columns that point to them.

    Args:
        rows: The database.
        step: The run.
        known: Its row, if it is there: then its positions are, too.
    """
    plan = step.run.announcement.sweeps
    if plan is None:
        return {}
    can = step.site.can
    first, last = plan.sweeps[0], plan.sweeps[-1]
    wanted: dict[str, Json | None] = {}
    if can.can(Capability.POSITION):
        wanted["positionId"] = _place(t.position, first.position)
    if last.end_position is not None and can.can(Capability.MOTORS):
        axis: str = plan.axis
        end = _place(t.motor_position, last.end_position)
        angles = {**_angles(last), axis: last_exposed(last, last.images)}
        wanted["endPositionId"] = end and end | angles
        start = _place(t.motor_position, first.position)
        angles = {**_angles(first), axis: first.start}
        wanted["startPositionId"] = start and start | angles
    there = _there(rows, known)
    return {
        name: _write(rows, _TABLES[name], there.get(name), values)
        for name, values in wanted.items()
        if values is not None
    }


def _place(table: Table, place: tuple[float, float, float] | None) -> Json | None:
    return None if place is None else dict(zip(_AXES[table], place, strict=True))


def _angles(sweep: Sweep) -> Json:
    return {name: getattr(sweep, name) for name in ("kappa", "chi", "phi")}


def _there(rows: Rows, known: int | None) -> Json:
    names = [name for name in _TABLES if rows.live.column(t.collection.name, name)]
    if known is None or not names:
        return {}
    query = select(*(t.collection.c[name] for name in names))
    (row,) = rows.read(query.where(t.collection.c.dataCollectionId == known))
    return dict(zip(names, row, strict=True))


def _write(rows: Rows, table: Table, number: int | None, values: Json) -> int:
    if number is None:
        return rows.insert(table, values)
    rows.update(table, number, values)
    return number
