"""Which runs are wanted, as conditions over runs with their group and session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    String,
    cast,
    exists,
    false,
    func,
    or_,
    select,
)

from recorder.ispyb.reading.collections import SERIAL
from recorder.ispyb.reading.proposals import proposal_name, session_name
from recorder.ispyb.reading.tables import LiveTable, Tables
from recorder.ispyb.schema import people_tables as p

SUCCESS = ("SUCCESS", "1")
"""``processingStatus`` of a program that did its work: a word, at Diamond a number."""
FAILURE = ("FAILED", "0")
STATUSES = ("success", "failed", "processed", "processerror")
"""What ``status`` may be."""
KINDS = ("dc", "robot", "xrf", "es")
"""Kinds of events: runs, actions of robots (not shown), spectra, energy scans."""


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


class Joined:
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


def of_place(
    tables: Tables, sample: ColumnElement[Any], wanted: EventsWanted
) -> Iterator[ColumnElement[bool]]:
    """Of which session, proposal, beamline, sample and protein.

    Args:
        tables: The database.
        sample: Column of the sample.
        wanted: Which.
    """
    session = p.session.c
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
    if wanted.blSampleId is not None:
        yield sample == wanted.blSampleId
    if wanted.proteinId is not None:
        yield sample.in_(_samples_of(tables, wanted.proteinId))


def conditions(joined: Joined, wanted: EventsWanted) -> Iterator[ColumnElement[bool]]:
    """Which runs are wanted."""
    run, group = joined.run, joined.group
    yield from of_place(joined.tables, group["blSampleId"], wanted)
    if wanted.dataCollectionId is not None:
        yield run["dataCollectionId"] == wanted.dataCollectionId
    if wanted.dataCollectionGroupId is not None:
        yield group["dataCollectionGroupId"] == wanted.dataCollectionGroupId
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


def _has_status(joined: Joined, status: str) -> ColumnElement[bool]:
    text = joined.run.typed("runStatus", str)
    if status == "success":
        return text.like("%success%")
    if status == "failed":
        return text.not_like("%success%")
    words = SUCCESS if status == "processed" else FAILURE
    programs = list(_programs(joined, words))
    return or_(*programs) if programs else false()


def _programs(joined: Joined, words: tuple[str, ...]) -> Iterator[ColumnElement[bool]]:
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
