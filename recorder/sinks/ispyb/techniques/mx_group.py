"""The group of a run that is not serial: one for each announcement, found by marker.

Pages show a card for each group, with the angles of its last run. So runs of one
experiment do not share a group, but the sweeps or planes of one announcement do.
"""

from __future__ import annotations

from sqlalchemy import select

from recorder.ispyb.flavours.experiment_types import stored_type
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.capabilities import Capability
from recorder.ispyb.schema.markers import marker
from recorder.ispyb.schema.rows import Rows
from recorder.records import Announcement, Json
from recorder.sinks.ispyb import groups
from recorder.sinks.ispyb.collections import Opened, marked
from recorder.sinks.ispyb.samples import announced_sample
from recorder.sinks.ispyb.step import Step


def place_in_group(rows: Rows, step: Step, opened: Opened) -> int:
    """The group of a run, found or made, and described anew; its id.

    Raises:
        SinkError: The flavour has no such type, or ``sample.id`` is of another
            proposal.
    """
    announced, session = step.run.announcement, opened.session
    completer, can = step.completer(rows), step.site.can
    of = announced.part.of if announced.part else step.run.uid
    there = _marked_group(rows, session.session_id, marker(of))
    first = opened.values["startTime"]
    if there is not None:  # another run of it may have begun before
        began = t.group.c.dataCollectionGroupId == there
        ((start,),) = rows.read(select(t.group.c.startTime).where(began))
        first = first if start is None else min(start, first)
    elif opened.known is not None:
        there = groups.group_alone(rows, opened.known)
    values: Json = {
        "startTime": first,
        "sessionId": session.session_id,
        "blSampleId": announced_sample(completer, session.proposal_id, announced, can),
        "comments": marked(announced.experiment.comments or "", marker(of)),
        **_workflow(rows, step, there),
    }
    kind = groups.announced_type(announced, _type_of_plan(announced, step))
    stored = stored_type(kind, step.site.flavour)
    return groups.write_group(rows, step, there, stored, values)


def _marked_group(rows: Rows, session_id: int, mark: str) -> int | None:
    columns = t.group.c
    query = select(columns.dataCollectionGroupId, columns.comments).where(
        columns.sessionId == session_id,
        columns.comments.contains(mark, autoescape=True),
    )
    # The database compares without case.
    found = [number for number, text in rows.read(query) if mark in (text or "")]
    return min(found, default=None)


def _type_of_plan(announced: Announcement, step: Step) -> str:
    """The type that a plan is of, where the announced one means another technique."""
    if step.run.technique == "mx-characterisation":
        return "Characterization"
    if step.run.technique == "mx-grid":
        planes = announced.grid.planes if announced.grid else ()
        if len(planes) > 1 or (announced.part and announced.part.count > 1):
            return "Mesh3D"
        return "LineScan" if planes and 1 in planes[0].steps else "Mesh"
    sweeps = announced.sweeps.sweeps if announced.sweeps else ()
    if any(sweep.end_position for sweep in sweeps):
        return "Helical"
    return "Still" if sweeps and not any(s.range for s in sweeps) else "OSC"


def _workflow(rows: Rows, step: Step, group_id: int | None) -> Json:
    """The workflow that had the run made: as announced, else one of its group's own."""
    said = step.run.announcement.workflow
    if said is None or not step.site.can.can(Capability.WORKFLOW):
        return {}
    left_out = rows.live.left_out
    if said.id is not None:
        if rows.ids(t.workflow, workflowId=said.id):
            return {"workflowId": said.id}
        hint = "announce a Workflow.workflowId that is in the database, or none"
        left_out.say("workflow.id", str(said.id), hint)
        return {}
    kind, column = said.type, rows.live.column(t.workflow.name, "workflowType")
    choices = column.choices if column else ()
    if kind is not None and choices and kind not in choices:
        left_out.say("workflow.type", kind, f"announce one of {', '.join(choices)}")
        kind = None
    values = {"workflowTitle": said.title, "workflowType": kind}
    mine = t.group.c.dataCollectionGroupId == group_id
    found = rows.read(select(t.group.c.workflowId).where(mine)) if group_id else []
    number = found[0][0] if found else None
    if number is None:
        return {"workflowId": rows.insert(t.workflow, values)}
    rows.update(t.workflow, number, values)
    return {}
