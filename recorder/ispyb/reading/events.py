"""What happened in sessions: groups of runs, or the runs of a group."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    String,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    or_,
    select,
)

from recorder.ispyb.people.scoping import visible
from recorder.ispyb.reading.collections import SERIAL
from recorder.ispyb.reading.proposals import proposal_name, session_name
from recorder.ispyb.reading.tables import LiveTable, Tables, record
from recorder.ispyb.schema import people_tables as p
from recorder.ispyb.schema.read_values import as_text
from recorder.records.access import Rights

SUCCESS = ("SUCCESS", "1")
"""``processingStatus`` of a program that did its work: a word, at Diamond a number."""
FAILURE = ("FAILED", "0")
STATUSES = ("success", "failed", "processed", "processerror")
"""What ``status`` may be."""
KINDS = ("dc", "robot", "xrf", "es")
"""Kinds of events; the recorder knows runs (``dc``) only."""


@dataclass(frozen=True, slots=True)
class EventRow:
    """A group of runs, or a run."""

    id: int = 0
    """The run; of a group the latest one."""
    startTime: datetime | None = None
    endTime: datetime | None = None
    count: int = 0
    """How many runs."""
    session: str | None = None
    sessionId: int | None = None
    proposal: str | None = None
    blSampleId: int | None = None
    dataCollectionGroupId: int | None = None


@dataclass(frozen=True, slots=True)
class EventsWanted:
    """Which events; what is None does not matter."""

    session: str | None = None
    sessionId: int | None = None
    proposal: str | None = None
    proposalId: int | None = None
    beamLineName: str | None = None
    dataCollectionId: int | None = None
    dataCollectionGroupId: int | None = None
    blSampleId: int | None = None
    proteinId: int | None = None
    status: str | None = None
    eventType: str | None = None


class _Joined:
    """Runs, each with its group, session and proposal: never one twice."""

    def __init__(self, tables: Tables) -> None:
        tables.require(
            DataCollection=("dataCollectionId", "dataCollectionGroupId"),
            DataCollectionGroup=("dataCollectionGroupId", "sessionId"),
        )
        self.tables = tables
        self.run = tables.table("DataCollection")
        self.group = tables.table("DataCollectionGroup")
        run, group = self.run, self.group
        key = "dataCollectionGroupId"
        self.clause: FromClause = (
            run.clause.join(group.clause, run[key] == group[key])
            .join(p.session, p.session.c.sessionId == group["sessionId"])
            .join(p.proposal, p.proposal.c.proposalId == p.session.c.proposalId)
        )

    @property
    def latest(self) -> ColumnElement[Any]:
        """When a run ended; of one that has no end, when it began."""
        return func.coalesce(self.run["endTime"], self.run["startTime"])


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
    joined = _Joined(tables)
    single = wanted.dataCollectionGroupId or wanted.dataCollectionId
    query = _runs(joined, running) if single else _groups(joined, running)
    query = query.where(visible(rights), *conditions(joined, wanted))
    total, rows = tables.page(query, skip, limit)
    return total, tuple(record(EventRow, row) for row in rows)


def _runs(joined: _Joined, running: str | None) -> Select[Any]:
    run, group = joined.run, joined.group
    number = run["dataCollectionId"]
    return (
        select(
            number.label("id"),
            run["startTime"].label("startTime"),
            run["endTime"].label("endTime"),
            literal(1).label("count"),
            session_name().label("session"),
            p.session.c.sessionId.label("sessionId"),
            proposal_name().label("proposal"),
            group["blSampleId"].label("blSampleId"),
            group["dataCollectionGroupId"].label("dataCollectionGroupId"),
        )
        .select_from(joined.clause)
        .order_by(_goes_on(run, running).desc(), joined.latest.desc(), number.desc())
    )


def _groups(joined: _Joined, running: str | None) -> Select[Any]:
    run, group = joined.run, joined.group
    key, number = group["dataCollectionGroupId"], func.max(run["dataCollectionId"])
    return (
        select(
            number.label("id"),
            func.min(run["startTime"]).label("startTime"),
            func.max(run["endTime"]).label("endTime"),
            func.count(run["dataCollectionId"]).label("count"),
            func.max(session_name()).label("session"),
            func.max(p.session.c.sessionId).label("sessionId"),
            func.max(proposal_name()).label("proposal"),
            func.max(group["blSampleId"]).label("blSampleId"),
            key.label("dataCollectionGroupId"),
        )
        .select_from(joined.clause)
        .group_by(key)
        .order_by(
            func.max(_goes_on(run, running)).desc(),
            func.max(joined.latest).desc(),
            number.desc(),
        )
    )


def _goes_on(run: LiveTable, running: str | None) -> ColumnElement[Any]:
    """1 for the run that goes on, else 0."""
    if running is None or not run.has("comments"):
        return func.abs(0)  # a number alone would be taken for a column's place
    text = run.typed("comments", str)
    return case((text.contains(running, autoescape=True), 1), else_=0)


def conditions(joined: _Joined, wanted: EventsWanted) -> Iterator[ColumnElement[bool]]:
    """Which runs are wanted."""
    run, group, session = joined.run, joined.group, p.session.c
    if wanted.sessionId is not None:
        yield session.sessionId == wanted.sessionId
    if wanted.session is not None:
        yield session_name() == wanted.session
    if wanted.proposal is not None:
        yield proposal_name() == wanted.proposal
    if wanted.proposalId is not None:
        yield p.proposal.c.proposalId == wanted.proposalId
    if wanted.beamLineName is not None:
        yield session.beamLineName == wanted.beamLineName
    if wanted.dataCollectionId is not None:
        yield run["dataCollectionId"] == wanted.dataCollectionId
    if wanted.dataCollectionGroupId is not None:
        yield group["dataCollectionGroupId"] == wanted.dataCollectionGroupId
    if wanted.blSampleId is not None:
        yield group["blSampleId"] == wanted.blSampleId
    if wanted.proteinId is not None:
        yield group["blSampleId"].in_(_samples_of(joined.tables, wanted.proteinId))
    if wanted.eventType is not None:
        yield _of_kind(group, wanted.eventType)
    if wanted.status is not None:
        yield _has_status(joined, wanted.status)


def _samples_of(tables: Tables, protein_id: int) -> Select[Any]:
    sample, crystal = tables.table("BLSample"), tables.table("Crystal")
    return (
        select(sample["blSampleId"])
        .select_from(
            sample.clause.join(
                crystal.clause, crystal["crystalId"] == sample["crystalId"]
            )
        )
        .where(crystal["proteinId"] == protein_id)
    )


def _of_kind(group: LiveTable, kind: str) -> ColumnElement[bool]:
    """``dc`` is any run; else the type of the experiment, under any of its names."""
    if kind in KINDS:
        return group["dataCollectionGroupId"].is_not(None) if kind == "dc" else false()
    names = [kind, *(name for name, shown in SERIAL.items() if shown == kind)]
    return cast(group["experimentType"], String(100)).in_(names)


def _has_status(joined: _Joined, status: str) -> ColumnElement[bool]:
    text = joined.run.typed("runStatus", str)
    if status == "success":
        return text.like("%success%")
    if status == "failed":
        return text.not_like("%success%")
    words = SUCCESS if status == "processed" else FAILURE
    programs = list(_programs(joined, words))
    return or_(*programs) if programs else false()


def _programs(joined: _Joined, words: tuple[str, ...]) -> Iterator[ColumnElement[bool]]:
    """Whether a program of a run ended so; the flavours link them in two ways."""
    tables, number = joined.tables, joined.run["dataCollectionId"]
    program, link = tables.table("AutoProcProgram"), tables.table("AutoProcIntegration")
    if not program.has("processingStatus"):
        return
    # as text: ESRF's is an enumeration, whose comparison with a number counts places
    ended = cast(program["processingStatus"], String(20)).in_(words)
    if program.has("dataCollectionId"):
        mine = program["dataCollectionId"] == number
        yield exists().select_from(program.clause).where(mine, ended)
    key = "autoProcProgramId"
    if link.has("dataCollectionId") and link.has(key):
        both = link.clause.join(program.clause, program[key] == link[key])
        mine = link["dataCollectionId"] == number
        yield exists().select_from(both).where(mine, ended)


@dataclass(frozen=True, slots=True)
class EventType:
    """A kind of events that there is."""

    eventTypeName: str
    eventType: str


def event_types(
    tables: Tables, rights: Rights, wanted: EventsWanted
) -> tuple[EventType, ...]:
    """The types of experiments of the runs that are wanted."""
    joined = _Joined(tables)
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
    return tuple(EventType(name, name) for name in shown)


@dataclass(frozen=True, slots=True)
class RunRow:
    """What is asked of a run that may be seen."""

    dataCollectionId: int = 0
    dataCollectionNumber: int | None = None
    numberOfImages: int | None = None
    runStatus: str | None = None
    comments: str | None = None


def visible_runs(
    tables: Tables, rights: Rights, ids: tuple[int, ...]
) -> dict[int, RunRow]:
    """Of some runs those that somebody may see, in the order given."""
    joined = _Joined(tables)
    query = (
        select(*joined.run.of(RunRow))
        .select_from(joined.clause)
        .where(visible(rights), joined.run["dataCollectionId"].in_(ids))
    )
    rows = [record(RunRow, row) for row in tables.rows(query)] if ids else []
    found = {row.dataCollectionId: row for row in rows}
    return {number: found[number] for number in ids if number in found}
