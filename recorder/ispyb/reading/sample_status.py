"""What was done with a sample, as a condition on samples."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, Table, false, or_, select

from recorder.ispyb.reading.parts import has
from recorder.ispyb.reading.sight import COLLECTED, Sight
from recorder.ispyb.schema import read_run_tables as r
from recorder.ispyb.schema import read_tables as p
from recorder.ispyb.schema.live_schema import LiveSchema

STATUSES = (
    "Sample Action",
    "Data Collected",
    "Strategy",
    "Auto Integrated",
    "Processed",
)
"""What can be asked for; py-ISPyB's words."""


def done(live: LiveSchema, sight: Sight, status: str) -> ColumnElement[bool]:
    """That it was done, in a session that one may see.

    Args:
        live: Tables that the database has; what needs others was never done.
        sight: Of who asks.
        status: One of :data:`STATUSES`.
    """
    sample = p.sample.c.blSampleId
    if status == "Sample Action":
        if not has(live, r.robot):
            return false()
        robot = r.robot.c
        return sample.in_(
            select(robot.blsampleId).where(sight.session(robot.blsessionId))
        )
    collected = _collected(sight)
    steps: tuple[Table, ...] = {
        "Data Collected": (),
        "Strategy": (r.screening,),
        "Auto Integrated": (r.integration,),
        "Processed": (r.job,),
    }[status]
    if not has(live, *COLLECTED, *steps):
        return false()
    for table in steps:
        collected = collected.join(table, _of_collection(live, table))
    return sample.in_(collected)


def _of_collection(live: LiveSchema, table: Table) -> ColumnElement[bool]:
    one: ColumnElement[bool] = (
        table.c.dataCollectionId == r.collection.c.dataCollectionId
    )
    if table is r.screening and live.column(table.name, "dataCollectionGroupId"):
        whole = table.c.dataCollectionGroupId == r.group.c.dataCollectionGroupId
        return or_(one, whole)
    return one


def _collected(sight: Sight) -> Select[Any]:
    group, collection = r.group.c, r.collection.c
    return (
        select(group.blSampleId)
        .select_from(r.group)
        .join(
            r.collection,
            collection.dataCollectionGroupId == group.dataCollectionGroupId,
        )
        .where(sight.session(group.sessionId), group.blSampleId.is_not(None))
    )
