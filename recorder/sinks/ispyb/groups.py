"""The group of an experiment: the same session, sample and experiment name."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select, update

from recorder.ispyb.flavours.flavour import Flavour
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.capabilities import Capabilities, Capability
from recorder.ispyb.schema.rows import Rows
from recorder.ispyb.schema.values import fit
from recorder.records import Announcement, Experiment
from recorder.runtime.log import get_logger
from recorder.sinks.ispyb.samples import find_sample
from recorder.sinks.ispyb.sessions import Session

log = get_logger("ispyb")

DEFAULT_TYPE = "SSX-Jet"


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
    """
    sample_id = find_sample(rows, session.proposal_id, announced, can)
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
    found = rows.execute(
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
            runs.setdefault(int(group_id), set()).add(int(run_id))
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
    found = rows.execute(
        select(t.collection.c.dataCollectionId, t.collection.c.dataCollectionGroupId)
        .where(t.collection.c.dataCollectionGroupId == mine.scalar_subquery())
        .limit(2)
    ).all()
    return int(found[0][1]) if len(found) == 1 else None


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
    stored = _stored_type(experiment.type, flavour)
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


def _stored_type(kind: str, flavour: Flavour) -> str:
    """The flavour's name of a type; clients write it in any case."""
    for name, stored in flavour.experiment_types.items():
        if name.lower() == kind.lower():
            return stored
    stored = flavour.experiment_types[DEFAULT_TYPE]
    log.warning(
        "experiment_type_replaced",
        type=kind,
        by=stored,
        known=sorted(flavour.experiment_types),
    )
    return stored


def end_group(rows: Rows, group_id: int, end: datetime | None) -> None:
    """A group ends with its latest run."""
    rows.execute(
        update(t.group)
        .where(
            t.group.c.dataCollectionGroupId == group_id,
            func.coalesce(t.group.c.endTime, end) <= end,
        )
        .values(endTime=end)
    )
