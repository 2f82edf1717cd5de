"""What programs made of data collections, and how they ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, or_, select

from recorder.ispyb.reading.parts import Found, Page, Part, apart, column, has, paged
from recorder.ispyb.reading.processing_records import (
    CollectionStatus,
    Ended,
    MessageCounts,
    MessageStatuses,
    Program,
    ProgramNumbers,
    ProgramStatus,
    ScreeningStatus,
    Statuses,
)
from recorder.ispyb.reading.sight import COLLECTED, Sight
from recorder.ispyb.schema import read_run_tables as r
from recorder.ispyb.schema.live_schema import LiveSchema
from recorder.ispyb.schema.rows import Rows
from recorder.records.access import Rights

_ENDED: dict[str, Ended] = {"SUCCESS": 1, "1": 1, "FAILED": 0, "0": 0, "2": 2}
_PROGRAM = Part(
    r.program,
    (
        *("autoProcProgramId", "processingCommandLine", "processingPrograms"),
        *("processingStatus", "processingMessage", "processingStartTime"),
        *("processingEndTime", "processingEnvironment", "recordTimeStamp"),
    ),
)


def _ended(status: Any) -> Ended:
    return _ENDED.get(str(status).strip().upper()) if status is not None else None


def statuses(rows: Rows, rights: Rights, collections: Sequence[int]) -> Statuses:
    """How programs ended for collections that somebody may see.

    Args:
        rows: The database.
        rights: Of who asks.
        collections: Which ones; those that may not be seen are left out.
    """
    seen = visible_collections(rows, rights, collections)
    integrated = _by_name(rows, _integrated(rows.live, seen)) if seen else {}
    ran = _by_name(rows, _ran(rows.live, seen)) if seen else {}
    screened = _screened(rows, seen) if seen else {}
    return Statuses(
        {
            number: CollectionStatus(
                screened.get(number, {}),
                ran.get(number, {}),
                integrated.get(number, {}),
            )
            for number in seen
            if number in integrated or number in ran or number in screened
        }
    )


def visible_collections(
    rows: Rows, rights: Rights, collections: Sequence[int]
) -> list[int]:
    """Those of some collections that somebody may see."""
    if not collections or not has(rows.live, *COLLECTED):
        return []
    c, group = r.collection.c, r.group.c
    query = (
        select(c.dataCollectionId)
        .join(r.group, group.dataCollectionGroupId == c.dataCollectionGroupId)
        .where(
            c.dataCollectionId.in_(collections),
            Sight(rows.live, rights).session(group.sessionId),
        )
        .order_by(c.dataCollectionId)
    )
    return [number for (number,) in rows.read(query)]


def _integrated(live: LiveSchema, seen: list[int]) -> Select[Any] | None:
    """Programs that a row of AutoProcIntegration names."""
    if not has(live, r.program, r.integration):
        return None
    of, c = r.integration.c, r.program.c
    return (
        select(*_named(live, of.dataCollectionId))
        .select_from(
            r.program.join(r.integration, of.autoProcProgramId == c.autoProcProgramId)
        )
        .where(of.dataCollectionId.in_(seen))
        .distinct()
        .order_by(c.autoProcProgramId)
    )


def _ran(live: LiveSchema, seen: list[int]) -> Select[Any] | None:
    """The other programs: of the collection, or of a job for it."""
    number = _of_collection(live)
    if number is None:
        return None
    query = select(*_named(live, number)).select_from(_with_jobs(live))
    if has(live, r.integration):
        of = r.integration.c
        query = query.where(
            r.program.c.autoProcProgramId.not_in(
                select(of.autoProcProgramId).where(
                    of.autoProcProgramId.is_not(None), of.dataCollectionId.in_(seen)
                )
            )
        )
    return query.where(number.in_(seen)).order_by(r.program.c.autoProcProgramId)


def _of_collection(live: LiveSchema) -> ColumnElement[Any] | None:
    """The collection of a program; None where the tables do not say."""
    if not has(live, r.program):
        return None
    if live.column(r.program.name, "dataCollectionId"):
        return r.program.c.dataCollectionId
    return r.job.c.dataCollectionId if has(live, r.job) else None


def _with_jobs(live: LiveSchema) -> Any:
    if live.column(r.program.name, "dataCollectionId"):
        return r.program
    return r.program.join(r.job, r.job.c.processingJobId == r.program.c.processingJobId)


def _named(live: LiveSchema, number: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    names = ("processingPrograms", "processingStatus")
    more = [column(live, r.program, name) for name in names]
    return [number, r.program.c.autoProcProgramId, *more]


def _by_name(
    rows: Rows, query: Select[Any] | None
) -> dict[int, dict[str, tuple[ProgramStatus, ...]]]:
    found: dict[int, dict[str, tuple[ProgramStatus, ...]]] = defaultdict(dict)
    for collection, program, name, status in [] if query is None else rows.read(query):
        mine, known = found[collection], name or "unknown"
        one = ProgramStatus(_ended(status), program)
        mine[known] = (*mine.get(known, ()), one)
    return found


def _screened(
    rows: Rows, seen: list[int]
) -> dict[int, dict[str, tuple[ScreeningStatus, ...]]]:
    live = rows.live
    found: dict[int, dict[str, tuple[ScreeningStatus, ...]]] = defaultdict(dict)
    if not has(live, r.screening, r.screening_output):
        return found
    c, out, one = r.collection.c, r.screening_output.c, r.screening.c
    of_one = column(live, r.screening, "dataCollectionId") == c.dataCollectionId
    of_all = column(live, r.screening, "dataCollectionGroupId")
    query = (
        select(
            c.dataCollectionId,
            column(live, r.screening, "programVersion"),
            out.strategySuccess,
            out.indexingSuccess,
        )
        .select_from(
            r.collection.join(
                r.screening, or_(of_one, of_all == c.dataCollectionGroupId)
            ).join(r.screening_output, out.screeningId == one.screeningId)
        )
        .where(c.dataCollectionId.in_(seen))
        .order_by(out.screeningOutputId)
    )
    for collection, name, strategy, indexing in rows.read(query):
        mine, known = found[collection], name or "unknown"
        status = ScreeningStatus(_ended(strategy), _ended(indexing))
        mine[known] = (*mine.get(known, ()), status)
    return found


def message_statuses(
    rows: Rows, rights: Rights, collections: Sequence[int]
) -> MessageStatuses:
    """How many messages programs left; most sites have no table of them."""
    live = rows.live
    number = _of_collection(live)
    if number is None or not has(live, r.program_message):
        return MessageStatuses({})
    seen = visible_collections(rows, rights, collections)
    if not seen:
        return MessageStatuses({})
    of = r.program_message.c
    counts = [
        func.sum(case((of.severity == word, 1), else_=0))
        for word in ("ERROR", "WARNING", "INFO")
    ]
    source = _with_jobs(live).join(
        r.program_message, of.autoProcProgramId == r.program.c.autoProcProgramId
    )
    query = select(number, *counts).select_from(source).where(number.in_(seen))
    return MessageStatuses(
        {key: MessageCounts(*n) for key, *n in rows.read(query.group_by(number))}
    )


def programs(
    rows: Rows, rights: Rights, page: Page, collection: int | None
) -> Found[Program]:
    """Programs that ran on a collection; nothing where none is named.

    Args:
        rows: The database.
        rights: Of who asks.
        page: Which ones.
        collection: The collection.
    """
    live = rows.live
    number = _of_collection(live)
    seen = visible_collections(rows, rights, () if collection is None else [collection])
    if number is None or not seen:
        return Found(0)
    query = (
        select(*_PROGRAM.columns(live))
        .select_from(_with_jobs(live))
        .where(number.in_(seen))
        .order_by(r.program.c.autoProcProgramId)
    )
    total, found = paged(rows, query, page)
    files = _files(rows, [row[0] for row in found])
    return Found(
        total, tuple(_program(apart(row, (_PROGRAM,))[0], files) for row in found)
    )


def _files(rows: Rows, ids: list[int]) -> dict[int, int]:
    if not ids or not has(rows.live, r.program_attachment):
        return {}
    c = r.program_attachment.c
    query = select(c.autoProcProgramId, func.count()).where(
        c.autoProcProgramId.in_(ids)
    )
    return dict(rows.read(query.group_by(c.autoProcProgramId)))


def _program(own: dict[str, Any], files: dict[int, int]) -> Program:
    own["processingStatus"] = _ended(own["processingStatus"])
    number = own["autoProcProgramId"]
    return Program(**own, metadata=ProgramNumbers(files.get(number, 0)))
