"""The group of an experiment: the same session, sample and experiment name."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from recorder.errors import SinkError, shown
from recorder.ispyb.flavours.experiment_types import stored_type
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.capabilities import Capability
from recorder.ispyb.schema.rows import Rows
from recorder.ispyb.schema.values import fit, local_time
from recorder.ispyb.sessions import Session
from recorder.records import Announcement, Json
from recorder.runs.technique_names import implied, name_of
from recorder.sinks.ispyb.samples import find_sample
from recorder.sinks.ispyb.step import Step


def experiment_name(rows: Rows, announcement: Announcement) -> str:
    """The experiment's name as its column holds it."""
    name = {"experimentName": announcement.experiment.name}
    fitted = fit(rows.live, t.ssx_collection, name)
    return str(fitted["experimentName"])


def place_run(rows: Rows, step: Step, session: Session, known: int | None) -> int:
    """The group of a serial run, found or made; its id.

    Args:
        rows: The database.
        step: The run.
        session: Of the run.
        known: The run's row, if it has one.

    Raises:
        SinkError: The type is of another technique, or the flavour has none such.
    """
    announced = step.run.announcement
    kind = stored_type(announced_type(announced), step.site.flavour)
    sample_id = find_sample(
        step.completer(rows), session.proposal_id, announced, step.site.can
    )
    name = experiment_name(rows, announced)
    most = step.runs_per_group
    group_id = find_group(rows, session, sample_id, name, kind, known, most)
    if group_id is not None:
        return group_id
    alone = None if known is None else group_alone(rows, known)
    values = {"sessionId": session.session_id, "blSampleId": sample_id}
    return write_group(rows, step, alone, kind, values)


def find_group(
    rows: Rows,
    session: Session,
    sample_id: int | None,
    name: str,
    kind: str,
    collection_id: int | None,
    most_runs: int,
) -> int | None:
    """The group that a run is in or belongs into; None if it needs a new one.

    Args:
        rows: The database.
        session: Of the run.
        sample_id: Of the run.
        name: The experiment's, as its column holds it.
        kind: Type of the experiment, as the flavour stores it.
        collection_id: The run's row, if it has one.
        most_runs: A group with so many runs is full: the next run begins a new one,
            because py-ISPyB's page shows no more.
    """
    found = rows.read(
        select(
            t.group.c.dataCollectionGroupId,
            t.collection.c.dataCollectionId,
            t.ssx_collection.c.experimentName,
            t.group.c.experimentType,
        )
        .join(
            t.collection,
            t.collection.c.dataCollectionGroupId == t.group.c.dataCollectionGroupId,
        )
        .join(
            t.ssx_collection,
            t.ssx_collection.c.dataCollectionId == t.collection.c.dataCollectionId,
        )
        .where(
            t.group.c.sessionId == session.session_id,
            t.group.c.blSampleId == sample_id,
            t.ssx_collection.c.experimentName == name,
        )
    )
    runs: dict[int, set[int]] = {}
    for group_id, run_id, there, stored in found:
        # The database compares without case and accents, and may have lost a type.
        if there == name and stored in (None, kind):
            runs.setdefault(group_id, set()).add(run_id)
    for group_id, members in runs.items():
        if collection_id in members:
            return group_id
    if not runs:
        return None
    latest = max(runs)
    return latest if len(runs[latest]) < most_runs else None


def group_alone(rows: Rows, collection_id: int) -> int | None:
    """The group of a run, if no other run is in it: it may become another group."""
    mine = select(t.collection.c.dataCollectionGroupId).where(
        t.collection.c.dataCollectionId == collection_id
    )
    found = rows.read(
        select(t.collection.c.dataCollectionId, t.collection.c.dataCollectionGroupId)
        .where(t.collection.c.dataCollectionGroupId == mine.scalar_subquery())
        .limit(2)
    )
    return found[0][1] if len(found) == 1 else None


def announced_type(announced: Announcement, default: str | None = None) -> str:
    """The type of an announced experiment, if it is one of its technique.

    Args:
        announced: The run as announced.
        default: Stands for a type that means another technique.

    Raises:
        SinkError: It means another one, and nothing can stand for it.
    """
    kind, technique = announced.experiment.type, name_of(announced)
    meant = implied(kind)
    if meant in (None, technique):  # of one that nobody knows no row is written
        return kind
    if default is None:
        raise SinkError(
            f"experiment.type {shown(kind)} means technique {meant}, but technique is "
            f"{technique}: announce a type of it, or no technique"
        )
    return default


def write_group(
    rows: Rows, step: Step, known: int | None, stored: str, values: Json
) -> int:
    """A new group, or one that is described anew because its only run was.

    Args:
        rows: The database.
        step: The run.
        known: The group to describe anew; None makes one.
        stored: Type of the experiment, as the flavour stores it.
        values: Its session and sample, and what else a technique says.
    """
    start = local_time(step.run.shown_ns(step.run.opened_ns), step.zone)
    values = {
        "experimentType": stored,
        "startTime": start,
        "comments": step.run.announcement.experiment.comments or None,
        **values,
    }
    if step.site.can.can(Capability.EXPERIMENT_TYPES):
        values["experimentTypeId"] = rows.names(t.experiment_type).get(stored)
    if known is None:
        return rows.insert(t.group, values)
    rows.update(t.group, known, values)
    return known


def end_group(rows: Rows, group_id: int, end: datetime) -> None:
    """A group ends with its latest run, and never before it starts."""
    columns = t.group.c
    query = select(columns.startTime, columns.endTime)
    for start, there in rows.read(
        query.where(columns.dataCollectionGroupId == group_id)
    ):
        latest = max(time for time in (start, there, end) if time is not None)
        rows.update(t.group, group_id, {"endTime": latest})
