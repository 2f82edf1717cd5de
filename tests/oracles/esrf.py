"""Runs in the oracle's own environment: the schema and the reader are not ours.

``esrf.py create`` makes the tables of the published models and what a user office
would enter; ``esrf.py read`` prints what is in them, as JSON. The database is named by
``ORACLE_URL``. Nothing of the recorder is imported.
"""

import json
import os
import sys
import warnings
from decimal import Decimal
from pathlib import Path

warnings.simplefilter("ignore")

from ispyb import models  # noqa: E402
from sqlalchemy import create_engine, select  # noqa: E402
from sqlalchemy.orm import Session  # noqa: E402

EVENT_TYPES = ("XrayDetection", "XrayExposure", "LaserExcitation", "ReactionTrigger")
COMPONENT_TYPES = (
    "Protein", "DNA", "Small Molecule", "RNA", "Ligand", "Buffer", "JetMaterial",
)  # fmt: skip


def create(session):
    metadata = models.Proposal.metadata
    tables = [t for t in metadata.tables.values() if not t.name.startswith("v_")]
    metadata.create_all(session.get_bind(), tables=tables)
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


def columns(row):
    """The columns of one row that hold something."""
    values = {c.key: getattr(row, c.key) for c in row.__mapper__.column_attrs}
    return {name: plain(value) for name, value in values.items() if value is not None}


def plain(value):
    """A value that JSON knows; the models declare some floats as decimals."""
    if isinstance(value, Decimal):
        return float(value)
    return value if isinstance(value, int | float | str) else str(value)


def all_of(session, model, **where):
    key = next(iter(model.__mapper__.primary_key))
    return session.scalars(select(model).filter_by(**where).order_by(key)).all()


def read_run(session, run):
    group = run.DataCollectionGroup
    sample = session.get(models.BLSample, group.blSampleId)
    ssx = all_of(
        session, models.SSXDataCollection, dataCollectionId=run.dataCollectionId
    )
    return {
        "collection": columns(run),
        "group": columns(group),
        "visit": group.BLSession.visit_number,
        "proposal": group.BLSession.Proposal.proposalNumber,
        "sample": sample.name,
        "crystal": columns(sample.Crystal),
        "protein": columns(sample.Crystal.Protein),
        "detector": columns(run.Detector),
        "ssx": [columns(row) for row in ssx],
        "chains": [
            {"name": chain.name, "events": [read_event(e) for e in chain.events]}
            for chain in all_of(
                session, models.EventChain, dataCollectionId=run.dataCollectionId
            )
        ],
        "programs": [
            read_program(program)
            for program in all_of(
                session, models.AutoProcProgram, dataCollectionId=run.dataCollectionId
            )
        ],
    }


def read_event(event):
    component = event.Component
    return {
        "type": event.EventType.name,
        "component": component and component.name,
        "component_type": component and component.ComponentType.name,
        **columns(event),
    }


def read_program(program):
    """A program and its files, which py-ISPyB reads from disk at every request."""
    files = {}
    for attachment in program.AutoProcProgramAttachments:
        path = Path(attachment.filePath) / attachment.fileName
        files.setdefault(attachment.fileName, []).append(
            {"fileType": attachment.fileType, "body": json.loads(path.read_text())}
        )
    return {**columns(program), "files": files}


def main():
    engine = create_engine(os.environ["ORACLE_URL"])
    with Session(engine) as session:
        if sys.argv[1] == "create":
            create(session)
            return
        runs = [
            read_run(session, run) for run in all_of(session, models.DataCollection)
        ]
        json.dump(runs, sys.stdout)


main()
