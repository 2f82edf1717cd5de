"""The models that Diamond publishes of its ISPyB.

Runs in the oracle's own environment. ``diamond.py create`` makes the tables and what a
user office would enter; ``diamond.py read`` prints what is in them.
"""

from ispyb import sqlalchemy as models
from reading import all_of, columns, main, read_program, read_run, user_office

# Diamond's ids of the two serial types that its readers know, and two made-up ones.
EXPERIMENT_TYPES = {38: "Serial Fixed", 39: "Serial Jet", 40: "OSC", 37: "Mesh3D"}


def create(session):
    models.Base.metadata.create_all(session.get_bind())
    session.add_all(
        models.ExperimentType(experimentTypeId=number, name=name, proposalType="mx")
        for number, name in EXPERIMENT_TYPES.items()
    )
    user_office(session, models)


def read(session):
    return [read_all(session, run) for run in all_of(session, models.DataCollection)]


def read_all(session, run):
    """The programs are those of the run's integrations, as zocalo finds them."""
    found = read_run(session, models, run)
    ids = [row["autoProcProgramId"] for row in found["integrations"]]
    programs = [session.get(models.AutoProcProgram, number) for number in ids]
    events = [e for chain in found["chains"] for e in chain["events"]]
    detections = [e for e in events if e["type"] == "XrayDetection"]
    group = session.get(models.DataCollectionGroup, run.dataCollectionGroupId)
    number = group.experimentTypeId
    kind = number and session.get(models.ExperimentType, number)
    return {
        **found,
        "experiment_type": columns(kind or None),
        "programs": [read_program(session, models, p) for p in programs],
        # zocalo: sum of the repetitions of the X-ray detections
        "shots_per_image": sum(e["repetition"] for e in detections),
    }


main(create, read, models)
