"""What hangs on data collections: files, numbers of each image, steps of workflows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import Select, Table, select

from recorder.ispyb.people.scoping import visible
from recorder.ispyb.reading.named_files import (
    NOTHING,
    OWNER,
    FileRoots,
    NamedFile,
    named_file,
)
from recorder.ispyb.reading.parts import Found, Page, Part, apart, column, has, paged
from recorder.ispyb.reading.sight import COLLECTED, Sight
from recorder.ispyb.schema import people_tables as q
from recorder.ispyb.schema import read_run_tables as r
from recorder.ispyb.schema.rows import Rows
from recorder.records.access import Rights

_FILE = Part(
    r.file_attachment,
    ("dataCollectionFileAttachmentId", "dataCollectionId", "fileType", "fileFullPath"),
)
_STEP = Part(
    r.workflow_step,
    ("workflowStepId", "workflowId", "workflowStepType", "status", "comments"),
)


@dataclass(frozen=True, slots=True)
class FileAddress:
    """Where a file is."""

    url: str
    fileName: str


@dataclass(frozen=True, slots=True)
class FileAttachment:
    """A file of a data collection; where it lies on the server's disk is not said."""

    dataCollectionFileAttachmentId: int
    dataCollectionId: int
    fileType: str | None
    metadata: Annotated[FileAddress, Field(serialization_alias="_metadata")]


@dataclass(frozen=True, slots=True)
class ImageQuality:
    """Numbers of images, as many in each list, and null where nobody knows.

    A list of which nothing is known is empty.
    """

    dataCollectionId: int | None = None
    imageNumber: tuple[int | None, ...] = ()
    totalIntegratedSignal: tuple[float | None, ...] = ()
    goodBraggCandidates: tuple[int | None, ...] = ()
    method2Res: tuple[float | None, ...] = ()
    spotTotal: tuple[int | None, ...] = ()


@dataclass(frozen=True, slots=True)
class StepFiles:
    """Which files of a step are to be had: none are served here."""

    attachments: dict[str, bool]


@dataclass(frozen=True, slots=True)
class WorkflowStep:
    """A step of a workflow."""

    workflowStepId: int
    workflowId: int
    workflowStepType: str | None
    status: str | None
    comments: str | None
    metadata: Annotated[StepFiles, Field(serialization_alias="_metadata")]


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Of which collection, or group of them; None wants all."""

    collection: int | None = None
    group: int | None = None


def _seen(
    query: Select[Any], table: Table, rights: Rights, rows: Rows, wanted: RunFilter
) -> Select[Any]:
    """Rows of collections that may be seen; joins add none.

    Args:
        query: Of the table.
        table: Has a column with the collection.
        rights: Of who asks.
        rows: The database.
        wanted: Which collections.
    """
    c, group = r.collection.c, r.group.c
    source = table.join(
        r.collection, c.dataCollectionId == table.c.dataCollectionId
    ).join(r.group, group.dataCollectionGroupId == c.dataCollectionGroupId)
    query = query.select_from(source).where(
        Sight(rows.live, rights).session(group.sessionId)
    )
    if wanted.collection is not None:
        query = query.where(c.dataCollectionId == wanted.collection)
    if wanted.group is not None:
        query = query.where(group.dataCollectionGroupId == wanted.group)
    return query


def attachments(
    rows: Rows, rights: Rights, page: Page, root: str, wanted: RunFilter = RunFilter()
) -> Found[FileAttachment]:
    """Files of the collections that somebody may see.

    Args:
        rows: The database.
        rights: Of who asks.
        page: Which ones.
        root: Of the API, for addresses.
        wanted: Of which collections.
    """
    live, c = rows.live, r.file_attachment.c
    if not has(live, r.file_attachment, *COLLECTED):
        return Found(0)
    query = select(*_FILE.columns(live))
    query = _seen(query, r.file_attachment, rights, rows, wanted)
    query = query.order_by(c.dataCollectionFileAttachmentId)
    total, found = paged(rows, query, page)
    return Found(total, tuple(_file(apart(row, (_FILE,))[0], root) for row in found))


def attachment(rows: Rows, rights: Rights, number: int, roots: FileRoots) -> NamedFile:
    """The file of an attachment that somebody may see; none that is there otherwise.

    Args:
        rows: The database.
        rights: Of who asks.
        number: Of the attachment.
        roots: Know where files may lie.
    """
    live, c = rows.live, r.file_attachment.c
    if not has(live, r.file_attachment, *COLLECTED):
        return NOTHING
    c_run, group = r.collection.c, r.group.c
    query = (
        select(c.fileFullPath, *OWNER)
        .select_from(
            r.file_attachment.join(
                r.collection, c_run.dataCollectionId == c.dataCollectionId
            )
            .join(r.group, group.dataCollectionGroupId == c_run.dataCollectionGroupId)
            .join(q.session, q.session.c.sessionId == group.sessionId)
            .join(q.proposal, q.proposal.c.proposalId == q.session.c.proposalId)
        )
        .where(c.dataCollectionFileAttachmentId == number, visible(rights))
    )
    return named_file(rows.read(query), roots)


def _file(own: dict[str, Any], root: str) -> FileAttachment:
    name = PurePosixPath(own.pop("fileFullPath") or "").name
    key = own["dataCollectionFileAttachmentId"]
    return FileAttachment(
        **own, metadata=FileAddress(f"{root}/datacollections/attachments/{key}", name)
    )


def quality(
    rows: Rows, rights: Rights, page: Page, wanted: RunFilter = RunFilter()
) -> Found[ImageQuality]:
    """Numbers of the images of collections, in one entry; ``total`` counts images.

    Args:
        rows: The database.
        rights: Of who asks.
        page: Which images.
        wanted: Of which collections.
    """
    live, c = rows.live, r.quality.c
    none = ImageQuality(wanted.collection)
    if not has(live, r.quality, *COLLECTED) or not live.column(
        r.quality.name, "dataCollectionId"
    ):
        return Found(0, (none,))
    names = ("imageNumber", "totalIntegratedSignal", "goodBraggCandidates")
    more = ("method2Res", "spotTotal")
    query = select(*(column(live, r.quality, name) for name in names + more))
    query = _seen(query, r.quality, rights, rows, wanted)
    query = query.order_by(c.dataCollectionId, c.imageNumber)
    total, found = paged(rows, query, page)
    if not found:
        return Found(total, (none,))
    lists = (() if set(one) == {None} else one for one in zip(*found, strict=True))
    return Found(total, (ImageQuality(wanted.collection, *lists),))


def workflow_steps(
    rows: Rows, rights: Rights, page: Page, workflow: int | None = None
) -> Found[WorkflowStep]:
    """Steps of the workflows that somebody may see, each once.

    Args:
        rows: The database.
        rights: Of who asks.
        page: Which ones.
        workflow: Only those of one.
    """
    live, c, group = rows.live, r.workflow_step.c, r.group.c
    if not has(live, r.workflow_step, r.group) or not live.column(
        r.group.name, "workflowId"
    ):
        return Found(0)
    mine = select(group.workflowId).where(
        Sight(live, rights).session(group.sessionId), group.workflowId.is_not(None)
    )
    query = select(*_STEP.columns(live)).where(c.workflowId.in_(mine))
    if workflow is not None:
        query = query.where(c.workflowId == workflow)
    total, found = paged(rows, query.order_by(c.workflowStepId), page)
    files = ("imageResultFilePath", "resultFilePath", "htmlResultFilePath")
    none = StepFiles(dict.fromkeys(files, False))
    taken = (apart(row, (_STEP,))[0] for row in found)
    return Found(total, tuple(WorkflowStep(**own, metadata=none) for own in taken))
