"""The group of an experiment: the same session, sample and experiment name."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from recorder.ispyb.flavours.experiment_types import stored_type
from recorder.ispyb.flavours.flavour import Flavour
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.capabilities import Capabilities, Capability
from recorder.ispyb.schema.completing import Completer, Told
from recorder.ispyb.schema.rows import Rows
from recorder.ispyb.schema.values import fit
from recorder.ispyb.sessions import Session
from recorder.records import Announcement, Experiment
from recorder.sinks.ispyb.samples import find_sample


def experiment_name(rows: Rows, announcement: Announcement) -> str:
    """The experiment's name as its column holds it."""
    name = {"experimentName": announcement.experiment.name}
    fitted = fit(rows.live, t.ssx_collection, name)
    return str(fitted["experimentName"])


def place_run(
    rows: Rows,
    session: Session,
    known: int | None,
    announced: Announcement,
    start: datetime | None,
    flavour: Flavour,
    can: Capabilities,
    most_runs: int,
    told: Told,
) -> int:
    """The group of a run, found or made; its id.

    Args:
        rows: The database.
        session: Of the run.
        known: The run's row, if it has one.
        announced: The run as announced.
        start: Local time of the run's start.
        flavour: Names the types.
        can: What may be written.
        most_runs: Runs of a full group.
        told: Conflicts that were logged.
    """
    sample_id = find_sample(Completer(rows, told), session.proposal_id, announced, can)
    name = experiment_name(rows, announced)
    group_id = find_group(rows, session, sample_id, name, known, most_runs)
    if group_id is not None:
        return group_id
    alone = None if known is None else group_alone(rows, known)
    return write_group(
        rows, alone, session, sample_id, announced.experiment, start, flavour, can
    )


def find_group(
    rows: Rows,
    session: Session,
    sample_id: int | None,
    name: str,
    collection_id: int | None,
    most_runs: int,
) -> int | None:
    """The group that a run is in or belongs into; None if it needs a new one.

    Args:
        rows: The database.
        session: Of the run.
        sample_id: Of the run.
        name: The experiment's, as its column holds it.
        collection_id: The run's row, if it has one.
        most_runs: A group with so many runs is full: the next run begins a new one,
            because py-ISPyB's page shows no more.
    """
    found = rows.read(
        select(
            t.group.c.dataCollectionGroupId,
            t.collection.c.dataCollectionId,
            t.ssx_collection.c.experimentName,
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
    for group_id, run_id, there in found:
        if there == name:  # the database compares without case and accents
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


def write_group(
    rows: Rows,
    known: int | None,
    session: Session,
    sample_id: int | None,
    experiment: Experiment,
    start: datetime | None,
    flavour: Flavour,
    can: Capabilities,
) -> int:
    """A new group, or one that is described anew because its only run was.

    Args:
        rows: The database.
        known: The group to describe anew; None makes one.
        session: Of the run.
        sample_id: Of the run.
        experiment: As announced.
        start: Local time of the run's start.
        flavour: Names the types.
        can: What may be written.
    """
    stored = stored_type(experiment.type, flavour, rows.live)
    values = {
        "sessionId": session.session_id,
        "blSampleId": sample_id,
        "experimentType": stored,
        "startTime": start,
        "comments": experiment.comments or None,
    }
    if can.can(Capability.EXPERIMENT_TYPES):
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
