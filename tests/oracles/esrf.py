"""The models that MAX IV publishes of its ISPyB and of ESRF's common tables.

Runs in the oracle's own environment. ``esrf.py create`` makes the tables and what a
user office would enter; ``esrf.py read`` prints what is in them.
"""

import warnings

warnings.simplefilter("ignore")

from ispyb import models  # noqa: E402
from reading import (  # noqa: E402
    all_of,
    columns,
    main,
    read_files,
    read_program,
    read_run,
    user_office,
)


def create(session):
    metadata = models.Proposal.metadata
    tables = [t for t in metadata.tables.values() if not t.name.startswith("v_")]
    metadata.create_all(session.get_bind(), tables=tables)
    user_office(session, models)


def read(session):
    return [read_all(session, run) for run in all_of(session, models.DataCollection)]


def read_all(session, run):
    mine = {"dataCollectionId": run.dataCollectionId}
    return {
        **read_run(session, models, run),
        "programs": [
            read_program(session, models, program)
            for program in all_of(session, models.AutoProcProgram, **mine)
        ],
        "results": [
            read_result(session, result)
            for result in all_of(session, models.SSXProcessingResult, **mine)
        ],
    }


def read_result(session, result):
    attachments = all_of(
        session,
        models.SSXProcessingResultAttachment,
        ssxProcessingResultId=result.ssxProcessingResultId,
    )
    return {**columns(result), "files": read_files(attachments)}


main(create, read, models)
