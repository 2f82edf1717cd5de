"""Sessions that somebody may see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import Select, case, exists, extract, false, func, or_, select
from sqlalchemy.sql import ColumnElement

from recorder.ispyb.people.scoping import visible
from recorder.ispyb.reading.options import Options
from recorder.ispyb.reading.persons import persons_by
from recorder.ispyb.reading.proposals import proposal_name
from recorder.ispyb.reading.tables import Tables, record
from recorder.ispyb.schema import people_tables as p
from recorder.ispyb.schema.read_values import as_text, as_whole
from recorder.records.access import Rights

SOON = timedelta(minutes=20)
"""How long before its start and after its end a session is about to be on. Chosen, not
tuned."""


@dataclass(frozen=True, slots=True)
class Setup:
    """How a beamline was set up: ring, undulators, optics."""

    beamLineSetupId: int | None = None
    synchrotronName: str | None = None
    synchrotronMode: str | None = None
    undulatorType1: str | None = None
    undulatorType2: str | None = None
    undulatorType3: str | None = None
    focalSpotSizeAtSample: float | None = None
    focusingOptic: str | None = None
    beamDivergenceHorizontal: float | None = None
    beamDivergenceVertical: float | None = None
    polarisation: float | None = None
    monochromatorType: str | None = None
    setupDate: datetime | None = None
    recordTimeStamp: datetime | None = None


@dataclass(frozen=True, slots=True)
class SessionMetadata:
    """What is counted of a session, and whether it is on."""

    datacollections: int = 0
    uiGroups: tuple[str, ...] = ()
    persons: int = 0
    active: bool = False
    active_soon: bool = False
    sessionTypes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """A session."""

    sessionId: int | None = None
    proposalId: int | None = None
    session: str | None = None
    """Name of the proposal, and the visit; null without a visit."""
    proposal: str = ""
    visit_number: int | None = None
    startDate: datetime | None = None
    endDate: datetime | None = None
    beamLineName: str | None = None
    beamLineOperator: str | None = None
    scheduled: int | None = None
    nbShifts: int | None = None
    sessionTitle: str | None = None
    comments: str | None = None
    bltimeStamp: datetime | None = None
    """When the row was made; null in an embedded file of an earlier recorder."""
    beamLineSetupId: int | None = None
    BeamLineSetup: Setup | None = None
    metadata: Annotated[SessionMetadata, Field(serialization_alias="_metadata")] = (
        field(default_factory=SessionMetadata)
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which sessions; what is None does not matter."""

    session_id: int | None = None
    proposal: str | None = None
    beamlines: tuple[str, ...] | None = None
    scheduled: bool | None = None
    upcoming: bool = False
    """Those that go on, too."""
    previous: bool = False
    kind: str | None = None
    """Of ``SessionType``."""
    month: int | None = None
    year: int | None = None


def sessions(
    tables: Tables,
    rights: Rights,
    options: Options,
    wanted: Wanted,
    now: datetime,
    skip: int = 0,
    limit: int = 1,
) -> tuple[int, tuple[Session, ...]]:
    """How many there are, and some of them, the latest first.

    Args:
        tables: The database.
        rights: Of the one who asks.
        options: Say of which kind beamlines are.
        wanted: Which.
        now: Local time of the facility, naive.
        skip: How many to leave out.
        limit: How many at most.
    """
    query = _select(tables, rights).where(*_conditions(tables, wanted, now))
    columns = p.session.c
    unknown = case((columns.startDate.is_(None), 1), else_=0)
    query = query.order_by(unknown, columns.startDate.desc(), columns.sessionId.desc())
    total, rows = tables.page(query, skip, limit)
    return total, _sessions(tables, rows, options, now)


def latest_of_beamlines(
    tables: Tables,
    rights: Rights,
    options: Options,
    wanted: Wanted,
    now: datetime,
    skip: int = 0,
    limit: int = 1,
) -> tuple[int, tuple[Session, ...]]:
    """As :func:`sessions`: of each beamline the session that began last."""
    columns = p.session.c
    latest = (
        select(columns.beamLineName, func.max(columns.startDate).label("start"))
        .join_from(p.session, p.proposal, columns.proposalId == p.proposal.c.proposalId)
        .where(visible(rights), columns.startDate.is_not(None))
        .where(*_conditions(tables, wanted, now))
        .group_by(columns.beamLineName)
        .subquery()
    )
    newest = (
        select(func.max(columns.sessionId).label("id"))
        .join_from(p.session, p.proposal, columns.proposalId == p.proposal.c.proposalId)
        .join(
            latest,
            (latest.c.beamLineName == columns.beamLineName)
            & (latest.c.start == columns.startDate),
        )
        .where(visible(rights))
        .group_by(columns.beamLineName)
    )
    query = _select(tables, rights).where(columns.sessionId.in_(newest))
    query = query.order_by(columns.beamLineName)
    total, rows = tables.page(query, skip, limit)
    return total, _sessions(tables, rows, options, now)


def _select(tables: Tables, rights: Rights) -> Select[Any]:
    known = tables.known(p.session, p.session.name)
    columns = [one for one in known.of(Session) if one.name != "proposal"]
    return (
        select(*columns, proposal_name().label("proposal"))
        .join_from(
            p.session, p.proposal, p.session.c.proposalId == p.proposal.c.proposalId
        )
        .where(visible(rights))
    )


def _conditions(
    tables: Tables, wanted: Wanted, now: datetime
) -> Iterator[ColumnElement[bool]]:
    columns = p.session.c
    if wanted.session_id is not None:
        yield columns.sessionId == wanted.session_id
    if wanted.proposal is not None:
        yield proposal_name() == wanted.proposal
    if wanted.beamlines is not None:
        yield columns.beamLineName.in_(wanted.beamlines)
    if wanted.scheduled is not None:
        there = tables.known(p.session, p.session.name)["scheduled"]
        yield (there == 1) if wanted.scheduled else or_(there.is_(None), there != 1)
    if wanted.upcoming:
        yield or_(columns.endDate.is_(None), columns.endDate >= now)
    if wanted.previous:
        yield columns.endDate < now
    if wanted.month is not None:
        yield extract("month", columns.startDate) == wanted.month
    if wanted.year is not None:
        yield extract("year", columns.startDate) == wanted.year
    if wanted.kind is not None:
        kinds = tables.table("SessionType")
        typed = kinds["sessionId"] == columns.sessionId
        found = exists().select_from(kinds.clause)
        named = kinds["typeName"] == wanted.kind
        yield found.where(typed, named) if tables.has("SessionType") else false()


def _sessions(
    tables: Tables,
    rows: Sequence[Mapping[str, Any]],
    options: Options,
    now: datetime,
) -> tuple[Session, ...]:
    """Sessions of rows, with what hangs on them."""
    found = [_session(row) for row in rows]
    ids = [one.sessionId for one in found if one.sessionId is not None]
    setups = tables.by_id(
        Setup,
        "BeamLineSetup",
        "beamLineSetupId",
        (one.beamLineSetupId for one in found if one.beamLineSetupId is not None),
    )
    runs = _runs(tables, ids)
    persons = persons_by(tables, p.session_person, "sessionId", ids)
    kinds = _kinds(tables, ids)
    return tuple(
        replace(
            one,
            BeamLineSetup=next(iter(setups.get(one.beamLineSetupId or -1, [])), None),
            metadata=SessionMetadata(
                datacollections=runs.get(one.sessionId or 0, 0),
                uiGroups=options.ui_groups(one.beamLineName),
                persons=persons.get(one.sessionId or 0, 0),
                active=_is_on(one, now, timedelta()),
                active_soon=_is_on(one, now, SOON),
                sessionTypes=kinds.get(one.sessionId or 0, ()),
            ),
        )
        for one in found
    )


def _session(row: Mapping[str, Any]) -> Session:
    name, visit = as_text(row["proposal"]) or "", as_whole(row["visit_number"])
    session = None if visit is None else f"{name}-{visit}"
    return record(Session, row, proposal=name, session=session)


def _is_on(session: Session, now: datetime, spare: timedelta) -> bool:
    start, end = session.startDate, session.endDate
    if start is None or end is None:
        return False
    return start - spare <= now <= end + spare


def _runs(tables: Tables, ids: list[int]) -> dict[int, int]:
    """How many runs each session has."""
    group, run = tables.table("DataCollectionGroup"), tables.table("DataCollection")
    key = "dataCollectionGroupId"
    joined = group.clause.join(run.clause, run[key] == group[key])
    if not (run.has(key) and group.has(key) and group.has("sessionId")):
        return {}
    number = func.count(run["dataCollectionId"])
    return tables.counts(joined, group["sessionId"], number, ids)


@dataclass(frozen=True, slots=True)
class _Kind:
    sessionId: int | None = None
    typeName: str | None = None


def _kinds(tables: Tables, ids: list[int]) -> dict[int, tuple[str, ...]]:
    found = tables.by_id(_Kind, "SessionType", "sessionId", ids)
    return {
        key: tuple(one.typeName for one in kinds if one.typeName)
        for key, kinds in found.items()
    }
