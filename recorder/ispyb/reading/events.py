"""What happened in sessions: runs or groups of them, energy scans, spectra."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    case,
    cast,
    func,
    literal,
    select,
    union_all,
)

from recorder.ispyb.people.scoping import visible
from recorder.ispyb.reading.collections import SERIAL
from recorder.ispyb.reading.named_files import OWNER, FileOwner
from recorder.ispyb.reading.proposals import proposal_name, session_name
from recorder.ispyb.reading.run_conditions import EventsWanted, Joined, conditions
from recorder.ispyb.reading.scan_events import scan_types, scans, sources
from recorder.ispyb.reading.tables import LiveTable, Tables, record
from recorder.ispyb.schema import people_tables as p
from recorder.ispyb.schema.read_values import as_text
from recorder.records.access import Rights

RUN = "DataCollection"


@dataclass(frozen=True, slots=True)
class EventRow:
    """A group of runs, or a run; or an energy scan, or a spectrum."""

    type: str = "dc"
    id: int = 0
    """The run; of a group the latest one; else the scan or spectrum."""
    startTime: datetime | None = None
    endTime: datetime | None = None
    count: int = 0
    """How many runs."""
    session: str | None = None
    sessionId: int | None = None
    proposal: str | None = None
    blSampleId: int | None = None
    dataCollectionGroupId: int | None = None


def events(
    tables: Tables,
    rights: Rights,
    wanted: EventsWanted,
    running: str | None,
    skip: int,
    limit: int,
) -> tuple[int, tuple[EventRow, ...]]:
    """How many there are, and some of them: what goes on first, then the latest end.

    With a group given, or a run, one for each run; else one for each group.

    Args:
        tables: The database.
        rights: Of the one who asks.
        wanted: Which.
        running: Marker in the comments of the run that goes on.
        skip: How many to leave out.
        limit: How many at most.
    """
    joined = Joined(tables)
    single = wanted.dataCollectionGroupId or wanted.dataCollectionId
    query = _runs(joined, running) if single else _groups(joined, running)
    query = query.where(visible(rights), *conditions(joined, wanted))
    others = [scans(tables, rights, wanted, one) for one in sources(tables, wanted)]
    if others:
        every = union_all(query, *others).subquery()
        query = select(every)
        order: Any = every.c
    else:
        order = query.selected_columns
    query = query.order_by(
        order["going"].desc(), order["latest"].desc(), order["id"].desc()
    )
    total, rows = tables.page(query, skip, limit)
    return total, tuple(record(EventRow, row) for row in rows)


def _runs(joined: Joined, running: str | None) -> Select[Any]:
    run, group = joined.run, joined.group
    number = run["dataCollectionId"]
    return select(
        literal("dc").label("type"),
        number.label("id"),
        run["startTime"].label("startTime"),
        run["endTime"].label("endTime"),
        literal(1).label("count"),
        session_name().label("session"),
        p.session.c.sessionId.label("sessionId"),
        proposal_name().label("proposal"),
        group["blSampleId"].label("blSampleId"),
        group["dataCollectionGroupId"].label("dataCollectionGroupId"),
        _goes_on(run, running).label("going"),
        joined.latest.label("latest"),
    ).select_from(joined.clause)


def _groups(joined: Joined, running: str | None) -> Select[Any]:
    run, group = joined.run, joined.group
    key, number = group["dataCollectionGroupId"], func.max(run["dataCollectionId"])
    return (
        select(
            literal("dc").label("type"),
            number.label("id"),
            func.min(run["startTime"]).label("startTime"),
            func.max(run["endTime"]).label("endTime"),
            func.count(run["dataCollectionId"]).label("count"),
            func.max(session_name()).label("session"),
            func.max(p.session.c.sessionId).label("sessionId"),
            func.max(proposal_name()).label("proposal"),
            func.max(group["blSampleId"]).label("blSampleId"),
            key.label("dataCollectionGroupId"),
            func.max(_goes_on(run, running)).label("going"),
            func.max(joined.latest).label("latest"),
        )
        .select_from(joined.clause)
        .group_by(key)
    )


def _goes_on(run: LiveTable, running: str | None) -> ColumnElement[Any]:
    """1 for the run that goes on, else 0."""
    if running is None or not run.has("comments"):
        return func.abs(0)  # a number alone would be taken for a column's place
    text = run.typed("comments", str)
    return case((text.contains(running, autoescape=True), 1), else_=0)


def attached(
    tables: Tables, rows: Iterable[EventRow], *, grouped: bool
) -> dict[int, int]:
    """How many files are attached to the runs of events, by the event's id.

    Args:
        tables: The database.
        rows: The events.
        grouped: They are groups of runs.
    """
    file, run = tables.table("DataCollectionFileAttachment"), tables.table(RUN)
    number = "dataCollectionId"
    if not file.has(number):
        return {}
    key = run["dataCollectionGroupId"] if grouped else run[number]
    known = {
        (r.dataCollectionGroupId if grouped else r.id): r.id
        for r in rows
        if r.type == "dc"
    }
    joined = run.clause.join(file.clause, file[number] == run[number])
    ids = [value for value in known if value is not None]
    counted = tables.counts(joined, key, func.count(), ids)
    return {known[value]: count for value, count in counted.items()}


@dataclass(frozen=True, slots=True)
class EventType:
    """A kind of events that there is."""

    eventTypeName: str
    eventType: str


def event_types(
    tables: Tables, rights: Rights, wanted: EventsWanted
) -> tuple[EventType, ...]:
    """The types of experiments of the runs that are wanted."""
    joined = Joined(tables)
    kind = cast(joined.group["experimentType"], String(100)).label("kind")
    query = (
        select(kind)
        .select_from(joined.clause)
        .where(visible(rights), *conditions(joined, wanted))
        .distinct()
        .order_by(kind)
    )
    names = (as_text(row["kind"]) for row in tables.rows(query))
    shown = dict.fromkeys(SERIAL.get(name, name) for name in names if name)
    runs = tuple(EventType(name, name) for name in shown)
    return (*runs, *(EventType(*one) for one in scan_types(tables, rights, wanted)))


_NOBODYS = FileOwner()


@dataclass(frozen=True, slots=True)
class RunRow:
    """What is asked of a run that may be seen."""

    dataCollectionId: int = 0
    dataCollectionNumber: int | None = None
    numberOfImages: int | None = None
    runStatus: str | None = None
    comments: str | None = None
    owner: FileOwner = _NOBODYS


def visible_runs(
    tables: Tables, rights: Rights, ids: tuple[int, ...]
) -> dict[int, RunRow]:
    """Of some runs those that somebody may see, in the order given."""
    joined = Joined(tables)
    query = (
        select(
            *joined.run.of(RunRow),
            *OWNER,
        )
        .select_from(joined.clause)
        .where(visible(rights), joined.run["dataCollectionId"].in_(ids))
    )
    rows = tables.rows(query) if ids else ()
    read = [record(RunRow, row, owner=record(FileOwner, row)) for row in rows]
    found = {row.dataCollectionId: row for row in read}
    return {number: found[number] for number in ids if number in found}
