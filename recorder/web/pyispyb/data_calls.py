"""What hangs on data collections, and what programs made of them."""

from __future__ import annotations

from recorder.ispyb.reading import processings, run_data
from recorder.ispyb.reading.processing_records import (
    MessageStatuses,
    Program,
    ProgramFile,
    ProgramMessage,
    Screening,
    Statuses,
)
from recorder.ispyb.reading.run_data import FileAttachment, ImageQuality, WorkflowStep
from recorder.ispyb.reading.screenings import screenings
from recorder.ispyb.reading.tables import Tables
from recorder.web.pyispyb import parameters as given
from recorder.web.pyispyb.call import Asked, Call, Page, listing
from recorder.web.pyispyb.root import ROOT
from recorder.web.pyispyb.sample_calls import page_of


def _wanted(asked: Asked) -> run_data.RunFilter:
    return run_data.RunFilter(asked["dataCollectionId"], asked["dataCollectionGroupId"])


def list_attachments(asked: Asked, tables: Tables) -> Page[FileAttachment]:
    """`GET /datacollections/attachments`."""
    found = run_data.attachments(
        tables.described, asked.rights, page_of(asked), ROOT, _wanted(asked)
    )
    return asked.page(found.total, found.results)


def image_quality(asked: Asked, tables: Tables) -> Page[ImageQuality]:
    """`GET /datacollections/quality`: one entry, whose lists have a page of images."""
    found = run_data.quality(
        tables.described, asked.rights, page_of(asked), _wanted(asked)
    )
    return asked.page(found.total, found.results)


def list_steps(asked: Asked, tables: Tables) -> Page[WorkflowStep]:
    """`GET /datacollections/workflows/steps`."""
    found = run_data.workflow_steps(
        tables.described, asked.rights, page_of(asked), asked["workflowId"]
    )
    return asked.page(found.total, found.results)


def statuses(asked: Asked, tables: Tables) -> Statuses:
    """`GET /processings/status`."""
    return processings.statuses(
        tables.described, asked.rights, asked["dataCollectionIds"] or ()
    )


def message_statuses(asked: Asked, tables: Tables) -> MessageStatuses:
    """`GET /processings/messages/status`."""
    return processings.message_statuses(
        tables.described, asked.rights, asked["dataCollectionIds"] or ()
    )


def list_programs(asked: Asked, tables: Tables) -> Page[Program]:
    """`GET /processings`."""
    found = processings.programs(
        tables.described, asked.rights, page_of(asked), asked["dataCollectionId"]
    )
    return asked.page(found.total, found.results)


def list_screenings(asked: Asked, tables: Tables) -> Page[Screening]:
    """`GET /processings/screenings`."""
    found = screenings(
        tables.described, asked.rights, page_of(asked), asked["dataCollectionId"]
    )
    return asked.page(found.total, found.results)


def nothing(asked: Asked, tables: Tables) -> Page[None]:
    """What serial crystallography has none of: a list without entries."""
    return asked.page(0, ())


_COLLECTION = given.whole("dataCollectionId", "Number of a data collection.")
_GROUP = given.whole("dataCollectionGroupId", "Number of a group of them.")
_PROGRAM = given.whole("autoProcProgramId", "Number of a program's run.")
_IDS = given.listed(
    "dataCollectionIds", "Numbers of data collections, as a list of JSON."
)
DATA_CALLS = (
    listing(
        "/datacollections/attachments",
        "Files of data collections",
        FileAttachment,
        list_attachments,
        (_COLLECTION, _GROUP),
    ),
    listing(
        "/datacollections/quality",
        "Numbers of each image",
        ImageQuality,
        image_quality,
        (_COLLECTION, _GROUP),
    ),
    listing(
        "/datacollections/workflows/steps",
        "Steps of workflows",
        WorkflowStep,
        list_steps,
        (given.whole("workflowId", "Number of a workflow."),),
    ),
    Call(
        "/processings/status",
        "How programs ended",
        Statuses,
        statuses,
        parameters=(_IDS,),
    ),
    Call(
        "/processings/messages/status",
        "How many messages programs left",
        MessageStatuses,
        message_statuses,
        parameters=(_IDS,),
    ),
    listing(
        "/processings",
        "Programs that ran on a data collection",
        Program,
        list_programs,
        (_COLLECTION,),
    ),
    listing(
        "/processings/auto-integrations",
        "Integrated rotations: none",
        Program,
        nothing,
        (_COLLECTION,),
    ),
    listing(
        "/processings/screenings",
        "Screenings of a data collection",
        Screening,
        list_screenings,
        (_COLLECTION,),
    ),
    listing(
        "/processings/messages",
        "Messages of programs: none",
        ProgramMessage,
        nothing,
        (_COLLECTION, _PROGRAM),
    ),
    listing(
        "/processings/attachments",
        "Files of programs: none",
        ProgramFile,
        nothing,
        (_PROGRAM,),
    ),
)
