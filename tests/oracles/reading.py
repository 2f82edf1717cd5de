"""What the oracles' scripts share: rows of any models, as JSON.

Runs in an oracle's own environment; nothing of the recorder is imported.
"""

import json
import os
import sys
from decimal import Decimal
from pathlib import Path

from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

EVENT_TYPES = ("XrayDetection", "XrayExposure", "LaserExcitation", "ReactionTrigger")
COMPONENT_TYPES = (
    "Protein",
    "DNA",
    "Small Molecule",
    "RNA",
    "Ligand",
    "Buffer",
    "JetMaterial",
)


def plain(value):
    """A value that JSON knows; the models declare some floats as decimals."""
    if isinstance(value, Decimal):
        return float(value)
    return value if isinstance(value, int | float | str) else str(value)


def columns(row):
    """The columns of one row that hold something."""
    if row is None:
        return None
    values = {c.key: getattr(row, c.key) for c in row.__mapper__.column_attrs}
    return {name: plain(value) for name, value in values.items() if value is not None}


def all_of(session, model, **where):
    key = next(iter(model.__mapper__.primary_key))
    return session.scalars(select(model).filter_by(**where).order_by(key)).all()


def user_office(session, models):
    """What a user office and an administrator would enter."""
    person = models.Person(login="operator", givenName="Ada", familyName="Operator")
    session.add(person)
    session.flush()
    proposal = models.Proposal(
        personId=person.personId, proposalCode="mx", proposalNumber="2345"
    )
    session.add(proposal)
    session.flush()
    session.add(
        models.BLSession(
            proposalId=proposal.proposalId, visit_number=1, beamLineName="demo"
        )
    )
    session.add_all(models.EventType(name=name) for name in EVENT_TYPES)
    session.add_all(models.ComponentType(name=name) for name in COMPONENT_TYPES)
    session.commit()


def read_run(session, models, run):
    """One run with all that hangs on it, but for what flavours differ in."""
    group = session.get(models.DataCollectionGroup, run.dataCollectionGroupId)
    visit = session.get(models.BLSession, group.sessionId)
    sample = group.blSampleId and session.get(models.BLSample, group.blSampleId)
    crystal = sample and session.get(models.Crystal, sample.crystalId)
    protein = crystal and session.get(models.Protein, crystal.proteinId)
    mine = {"dataCollectionId": run.dataCollectionId}
    return {
        "collection": columns(run),
        "group": columns(group),
        "visit": visit.visit_number,
        "proposal": session.get(models.Proposal, visit.proposalId).proposalNumber,
        "sample": columns(sample or None),
        "crystal": columns(crystal or None),
        "protein": columns(protein or None),
        "detector": run.detectorId
        and columns(session.get(models.Detector, run.detectorId)),
        "ssx": [
            columns(row) for row in all_of(session, models.SSXDataCollection, **mine)
        ],
        "chains": [
            read_chain(session, models, chain)
            for chain in all_of(session, models.EventChain, **mine)
        ],
        "grids": read_grids(session, models, run),
        "positions": read_positions(session, models, run),
        "workflow": read_workflow(session, models, group),
        "integrations": [
            columns(row) for row in all_of(session, models.AutoProcIntegration, **mine)
        ],
        "images": [
            columns(row)
            for row in all_of(session, models.ImageQualityIndicators, **mine)
        ],
    }


def read_grids(session, models, run):
    """Grids of the run at Diamond, of its group elsewhere."""
    if hasattr(models.GridInfo, "dataCollectionId"):
        mine = {"dataCollectionId": run.dataCollectionId}
    else:
        mine = {"dataCollectionGroupId": run.dataCollectionGroupId}
    return [columns(row) for row in all_of(session, models.GridInfo, **mine)]


def read_positions(session, models, run):
    """Where the crystal was; the ends are positions of motors."""
    kinds = {
        "positionId": models.Position,
        "POSITIONID": models.Position,
        "startPositionId": models.MotorPosition,
        "endPositionId": models.MotorPosition,
    }
    return {
        name: columns(session.get(kind, number))
        for name, kind in kinds.items()
        if (number := getattr(run, name, None))
    }


def read_workflow(session, models, group):
    """The workflow of a group; Diamond has none."""
    number = getattr(group, "workflowId", None)
    return columns(session.get(models.Workflow, number)) if number else None


def read_chain(session, models, chain):
    events = all_of(session, models.Event, eventChainId=chain.eventChainId)
    return {
        "name": chain.name,
        "events": [read_event(session, models, event) for event in events],
    }


def read_event(session, models, event):
    part = event.componentId and session.get(models.Component, event.componentId)
    kind = part and session.get(models.ComponentType, part.componentTypeId)
    return {
        "type": session.get(models.EventType, event.eventTypeId).name,
        "component": part.name if part else None,
        "component_type": kind.name if kind else None,
        **columns(event),
    }


def read_program(session, models, program):
    """A program and its files, which py-ISPyB reads from disk at every request."""
    found = all_of(
        session,
        models.AutoProcProgramAttachment,
        autoProcProgramId=program.autoProcProgramId,
    )
    return {**columns(program), "files": read_files(found)}


def read_files(attachments):
    files = {}
    for attachment in attachments:
        path = Path(attachment.filePath) / attachment.fileName
        own = path.suffix == ".json"
        body = json.loads(path.read_text()) if own else path.stat().st_size
        entry = {"fileType": attachment.fileType, "body": body}
        files.setdefault(attachment.fileName, []).append(entry)
    return files


def read_people(session, models):
    """Every proposal with what a user portal says of it."""
    return [
        read_proposal(session, models, proposal)
        for proposal in all_of(session, models.Proposal)
    ]


def read_proposal(session, models, proposal):
    mine = {"proposalId": proposal.proposalId}
    return {
        **office(proposal),
        "pi": read_person(session, models, proposal.personId),
        "persons": [
            read_person(session, models, link.personId)
            for link in all_of(session, models.ProposalHasPerson, **mine)
        ],
        "sessions": [
            {**office(one), "persons": read_members(session, models, one)}
            for one in all_of(session, models.BLSession, **mine)
        ],
        "proteins": [
            {**office(one), "person": read_person(session, models, one.personId)}
            for one in all_of(session, models.Protein, **mine)
        ],
        "labcontacts": [
            {**office(one), "person": read_person(session, models, one.personId)}
            for one in all_of(session, models.LabContact, **mine)
        ],
    }


def read_members(session, models, of):
    links = all_of(session, models.SessionHasPerson, sessionId=of.sessionId)
    return [
        {
            **read_person(session, models, link.personId),
            "role": link.role,
            "remote": link.remote,
        }
        for link in links
    ]


def read_person(session, models, key):
    person = key and session.get(models.Person, key)
    if not person:
        return None
    place = person.laboratoryId and session.get(models.Laboratory, person.laboratoryId)
    return {**office(person), "laboratory": office(place) if place else None}


def office(row):
    """Columns of a row; numbers of the portal as numbers."""
    found = columns(row)
    number = getattr(row, "externalId", None)
    if number is not None:
        found["externalId"] = int.from_bytes(number, "big")
    return found


def main(create, read, models):
    """``create``, ``read`` or ``people``, on the database of ``ORACLE_URL``."""
    with Session(create_engine(os.environ["ORACLE_URL"])) as session:
        if sys.argv[1] == "create":
            create(session)
        elif sys.argv[1] == "people":
            json.dump(read_people(session, models), sys.stdout)
        else:
            json.dump(read(session), sys.stdout)
