"""Proposals that somebody may see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import String, case, cast, func, or_, select
from sqlalchemy.sql import ColumnElement

from recorder.ispyb.people.scoping import proposal_visible, visible
from recorder.ispyb.reading.options import Options
from recorder.ispyb.reading.persons import persons_by
from recorder.ispyb.reading.tables import Tables, parts, record
from recorder.ispyb.schema import people_tables as p
from recorder.ispyb.schema.read_values import as_text, as_whole
from recorder.records.access import Rights


@dataclass(frozen=True, slots=True)
class ProposalMetadata:
    """What is counted of a proposal: sessions only as far as they may be seen."""

    persons: int = 0
    sessions: int = 0
    beamLines: tuple[str, ...] = ()
    uiGroups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal."""

    proposalId: int | None = None
    proposalCode: str | None = None
    proposalNumber: str | None = None
    proposal: str = ""
    """Code and number."""
    title: str | None = None
    state: str | None = None
    metadata: Annotated[ProposalMetadata, Field(serialization_alias="_metadata")] = (
        field(default_factory=ProposalMetadata)
    )


def proposal_name() -> ColumnElement[str]:
    """Code and number of ``Proposal``, as text."""
    return func.coalesce(p.proposal.c.proposalCode, "") + func.coalesce(
        p.proposal.c.proposalNumber, ""
    )


def session_name() -> ColumnElement[Any]:
    """Name of ``BLSession``; NULL where it has no visit."""
    visit = p.session.c.visit_number
    return case((visit.is_not(None), proposal_name() + "-" + cast(visit, String(11))))


def proposals(
    tables: Tables,
    rights: Rights,
    options: Options,
    *,
    search: str | None = None,
    name: str | None = None,
    proposal_id: int | None = None,
    skip: int = 0,
    limit: int = 1,
) -> tuple[int, tuple[Proposal, ...]]:
    """How many there are, and some of them, the latest first.

    Args:
        tables: The database.
        rights: Of the one who asks.
        options: Say of which kind beamlines are.
        search: A part of the name or the title.
        name: The whole name.
        proposal_id: Its number in the database.
        skip: How many to leave out.
        limit: How many at most.
    """
    known = tables.known(p.proposal, p.proposal.name)
    number = p.proposal.c.proposalId
    query = select(*known.of(Proposal)).where(proposal_visible(rights, number))
    if search is not None:
        like = proposal_name().contains(search, autoescape=True)
        title = known["title"]
        query = query.where(
            or_(like, title.contains(search, autoescape=True))
            if known.has("title")
            else like
        )
    if name is not None:
        query = query.where(proposal_name() == name)
    if proposal_id is not None:
        query = query.where(number == proposal_id)
    total, rows = tables.page(query.order_by(number.desc()), skip, limit)
    found = [_proposal(row) for row in rows]
    return total, tuple(_counted(tables, rights, options, found))


def _proposal(row: Mapping[str, Any]) -> Proposal:
    code, number = as_text(row["proposalCode"]), as_text(row["proposalNumber"])
    return record(Proposal, row, proposal=f"{code or ''}{number or ''}")


def _counted(
    tables: Tables, rights: Rights, options: Options, found: list[Proposal]
) -> Iterator[Proposal]:
    """The same with what is counted of each."""
    ids = [one.proposalId for one in found if one.proposalId is not None]
    persons = persons_by(tables, p.proposal_person, "proposalId", ids)
    beamlines = _beamlines(tables, rights, ids)
    for one in found:
        names = beamlines.get(one.proposalId or 0, [])
        there = tuple(dict.fromkeys(name for name in names if name))
        kinds = (kind for name in there for kind in options.ui_groups(name))
        yield replace(
            one,
            metadata=ProposalMetadata(
                persons.get(one.proposalId or 0, 0),
                len(names),
                there,
                tuple(dict.fromkeys(kinds)),
            ),
        )


def _beamlines(
    tables: Tables, rights: Rights, ids: list[int]
) -> dict[int, list[str | None]]:
    """The beamline of each session that may be seen, by proposal."""
    found: dict[int, list[str | None]] = {}
    key, name = p.session.c.proposalId, p.session.c.beamLineName
    for part in parts(ids):
        query = (
            select(key.label("key"), name.label("name"))
            .join_from(p.session, p.proposal, key == p.proposal.c.proposalId)
            .where(key.in_(part), visible(rights))
            .order_by(p.session.c.sessionId)
        )
        for row in tables.rows(query):
            found.setdefault(as_whole(row["key"]) or 0, []).append(as_text(row["name"]))
    return found
