"""What was done in sessions, read for sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, null, or_, select

from recorder.ispyb.people.scoping import visible
from recorder.ispyb.reading.parts import (
    Found,
    Page,
    Part,
    column,
    equal,
    has,
    joined,
    paged,
)
from recorder.ispyb.reading.proposals import proposal_name, session_name
from recorder.ispyb.reading.samples import NEEDED
from recorder.ispyb.reading.sight import COLLECTED
from recorder.ispyb.reading.stat_records import (
    Action,
    BeamlineRun,
    Collected,
    SessionOf,
)
from recorder.ispyb.schema import read_run_tables as r
from recorder.ispyb.schema import read_tables as p
from recorder.ispyb.schema.live_schema import LiveSchema
from recorder.ispyb.schema.people_tables import proposal, session
from recorder.ispyb.schema.rows import Rows
from recorder.records.access import Rights

MAX_SESSIONS = 1000
"""Sessions of one answer, the latest: more than a proposal or a period of a beamline
has. Chosen, not tuned."""
MAX_ROWS = 20_000
"""Collections and actions of one answer, the latest: they cost 0.6 s. Chosen, not
tuned."""
_RUN = Part(r.beamline_run, ("runId", "run", "startDate", "endDate"))


@dataclass(frozen=True, slots=True)
class StatFilter:
    """What to sum up; one of session, name, proposal, or beamline with run."""

    session: int | None = None
    name: str | None = None
    """Of a session."""
    proposal: str | None = None
    beamline: str | None = None
    run: int | None = None
    """A period between shutdowns."""


def sessions_of(rows: Rows, rights: Rights, wanted: StatFilter) -> list[SessionOf]:
    """The sessions that are wanted and may be seen, the latest first."""
    c = session.c
    query = (
        select(c.sessionId, session_name(), c.beamLineName, c.startDate, c.endDate)
        .select_from(session.join(proposal, proposal.c.proposalId == c.proposalId))
        .where(visible(rights), *_conditions(rows, wanted))
        .order_by(c.startDate.desc(), c.sessionId.desc())
        .limit(MAX_SESSIONS)
    )
    return [SessionOf(*row) for row in rows.read(query)]


def _conditions(rows: Rows, wanted: StatFilter) -> list[ColumnElement[bool]]:
    c, found = session.c, []
    if wanted.session is not None:
        found.append(c.sessionId == wanted.session)
    if wanted.name is not None:
        found.append(session_name() == wanted.name)
    if wanted.proposal is not None:
        found.append(func.lower(proposal_name()) == wanted.proposal.lower())
    if wanted.beamline is not None:
        found.append(equal(rows.live, c.beamLineName, wanted.beamline))
    if wanted.run is not None:
        period = run_of(rows, wanted.run)
        if period is None:
            found.append(c.sessionId.is_(None))
        else:
            found.append(c.startDate.between(period.startDate, period.endDate))
    return found


def run_of(rows: Rows, number: int) -> BeamlineRun | None:
    """A period between shutdowns; None if there is none, or its dates are not known."""
    if not has(rows.live, r.beamline_run):
        return None
    query = select(*_RUN.columns(rows.live)).where(r.beamline_run.c.runId == number)
    found = [BeamlineRun(*row) for row in rows.read(query)]
    dated = [run for run in found if None not in (run.startDate, run.endDate)]
    return dated[0] if dated else None


def runs(rows: Rows, page: Page) -> Found[BeamlineRun]:
    """Periods between shutdowns, the latest first; they are of the site, of nobody."""
    if not has(rows.live, r.beamline_run):
        return Found(0)
    c = r.beamline_run.c
    query = select(*_RUN.columns(rows.live)).order_by(c.startDate.desc(), c.runId)
    total, found = paged(rows, query, page)
    return Found(total, tuple(BeamlineRun(*row) for row in found))


def collected(rows: Rows, sessions: list[int]) -> list[Collected]:
    """Collections of sessions, by their start; at most ``MAX_ROWS``, the latest."""
    if not sessions or not has(rows.live, *COLLECTED):
        return []
    group, c, live = r.group.c, r.collection.c, rows.live
    names = (
        *("startTime", "endTime", "runStatus", "wavelength", "exposureTime"),
        *("beamSizeAtSampleX", "beamSizeAtSampleY"),
        *("chiStart", "kappaStart", "phiStart"),
    )
    query = (
        select(
            c.dataCollectionId,
            group.sessionId,
            group.blSampleId,
            column(live, r.group, "experimentType"),
            *(column(live, r.collection, name) for name in names),
            *_names(live),
        )
        .select_from(
            _of_samples(
                live,
                r.collection.join(
                    r.group, group.dataCollectionGroupId == c.dataCollectionGroupId
                ),
                group.blSampleId,
            )
        )
        .where(group.sessionId.in_(sessions))
        .order_by(c.dataCollectionId.desc())
        .limit(MAX_ROWS)
    )
    found = [Collected(*row) for row in rows.read(query)]
    return sorted(found, key=lambda one: (one.start is None, one.start or 0, one.key))


def _of_samples(live: LiveSchema, source: Any, number: ColumnElement[Any]) -> Any:
    if not has(live, *NEEDED):
        return source
    return joined(
        live,
        source,
        (p.sample, p.sample.c.blSampleId == number),
        (p.crystal, p.crystal.c.crystalId == p.sample.c.crystalId),
        (p.protein, p.protein.c.proteinId == p.crystal.c.proteinId),
    )


def _names(live: LiveSchema) -> list[ColumnElement[Any]]:
    """Of sample and protein."""
    if not has(live, *NEEDED):
        return [null().label("sample"), null().label("protein")]
    return [p.sample.c.name, p.protein.c.name]


def actions(rows: Rows, sessions: list[int]) -> list[Action]:
    """What else took time, as far as the site has tables for it."""
    if not sessions:
        return []
    robot, scan, xrf, fault = r.robot.c, r.energy_scan.c, r.xrf.c, r.fault.c
    lost = (fault.beamtimelost_starttime, fault.beamtimelost_endtime)
    return [
        *_actions(
            rows,
            "robot",
            sessions,
            (robot.blsessionId, robot.blsampleId),
            (robot.startTimestamp, robot.endTimestamp, robot.actionType, robot.status),
        ),
        *_actions(
            rows,
            "edge",
            sessions,
            (scan.sessionId, scan.blSampleId),
            (scan.startTime, scan.endTime),
        ),
        *_actions(
            rows,
            "xrf",
            sessions,
            (xrf.sessionId, xrf.blSampleId),
            (xrf.startTime, xrf.endTime),
        ),
        *_faults(rows, sessions, lost),
        *_strategies(rows, sessions),
    ]


def _actions(
    rows: Rows,
    what: str,
    sessions: list[int],
    whose: tuple[Any, Any],
    values: tuple[Any, ...],
) -> list[Action]:
    """Rows of a table with session and sample."""
    of_session, of_sample = whose
    table = of_session.table
    if not has(rows.live, table):
        return []
    there = [column(rows.live, table, value.name) for value in values]
    key = next(iter(table.primary_key.columns))
    query = (
        select(of_session, of_sample, *there, *_names(rows.live))
        .select_from(_of_samples(rows.live, table, of_sample))
        .where(of_session.in_(sessions))
        .order_by(key.desc())
        .limit(MAX_ROWS)
    )
    return [
        Action(
            what,
            row[0],
            row[1],
            *row[2:-2],
            **dict(zip(("sample", "protein"), row[-2:], strict=True)),
        )
        for row in rows.read(query)
    ]


def _faults(rows: Rows, sessions: list[int], lost: tuple[Any, Any]) -> list[Action]:
    if not has(rows.live, r.fault):
        return []
    c = r.fault.c
    query = (
        select(c.sessionId, *(column(rows.live, r.fault, one.name) for one in lost))
        .where(c.sessionId.in_(sessions), c.beamtimelost == 1)
        .limit(MAX_ROWS)
    )
    return [
        Action("fault", number, None, start, end)
        for number, start, end in rows.read(query)
    ]


def _strategies(rows: Rows, sessions: list[int]) -> list[Action]:
    """From the end of a collection to its last screening."""
    if not has(rows.live, r.screening, *COLLECTED):
        return []
    group, c, live = r.group.c, r.collection.c, rows.live
    of_one = column(live, r.screening, "dataCollectionId")
    of_all = column(live, r.screening, "dataCollectionGroupId")
    screened = or_(of_one == c.dataCollectionId, of_all == group.dataCollectionGroupId)
    query = (
        select(group.sessionId, c.endTime, func.max(r.screening.c.bltimeStamp))
        .select_from(
            r.collection.join(
                r.group, group.dataCollectionGroupId == c.dataCollectionGroupId
            ).join(r.screening, screened)
        )
        .where(group.sessionId.in_(sessions))
        .group_by(c.dataCollectionId, group.sessionId, c.endTime)
        .limit(MAX_ROWS)
    )
    return [
        Action("strategy", number, None, end, last)
        for number, end, last in rows.read(query)
    ]
