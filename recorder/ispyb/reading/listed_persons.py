"""People of sessions and proposals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import ColumnElement, Select, false, func, or_, select, true

from recorder.ispyb.reading.parts import Found, Page, Part, has, named, paged
from recorder.ispyb.reading.sight import Sight
from recorder.ispyb.schema.live_schema import LiveSchema
from recorder.ispyb.schema.people_tables import (
    person,
    proposal,
    proposal_person,
    session,
    session_person,
)
from recorder.ispyb.schema.rows import Rows
from recorder.records.access import Rights

_PERSON = Part(person, ("personId", "givenName", "familyName"))


@dataclass(frozen=True, slots=True)
class PersonNumbers:
    """What sessions that the asker may see say of a person."""

    sessions: int = 0
    lastSession: datetime | None = None
    role: str | None = None
    """Of the session that was asked for."""
    remote: bool | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """A person."""

    personId: int
    givenName: str | None
    familyName: str | None
    metadata: Annotated[PersonNumbers, Field(serialization_alias="_metadata")] = (
        PersonNumbers()
    )


@dataclass(frozen=True, slots=True)
class PersonFilter:
    """Which persons are wanted; None wants all."""

    proposal: str | None = None
    session: int | None = None
    everybody: bool = False
    """Also those of no session that the asker may see; they need the right to."""


def persons(
    rows: Rows, rights: Rights, page: Page, wanted: PersonFilter = PersonFilter()
) -> Found[Person]:
    """Persons of the sessions and proposals that somebody may see.

    Args:
        rows: The database.
        rights: Of who asks.
        page: Which ones.
        wanted: Of what.
    """
    live, sight = rows.live, Sight(rows.live, rights)
    if not has(live, person, session_person):
        return Found(0)
    query = (
        select(*_PERSON.columns(live))
        .where(_those(live, sight, wanted))
        .order_by(person.c.familyName, person.c.givenName, person.c.personId)
    )
    total, found = paged(rows, query, page)
    ids = [row[0] for row in found]
    counted = _counted(rows, sight, ids)
    roles = _roles(rows, sight, ids, wanted.session)
    return Found(
        total,
        tuple(
            Person(
                number,
                given,
                family,
                PersonNumbers(
                    *counted.get(number, (0, None)), *roles.get(number, (None, None))
                ),
            )
            for number, given, family in found
        ),
    )


def _those(live: LiveSchema, sight: Sight, wanted: PersonFilter) -> ColumnElement[bool]:
    narrowed = wanted.session is not None or wanted.proposal is not None
    if wanted.everybody and not narrowed:
        return true()
    number = person.c.personId
    found = [number.in_(_of_sessions(live, sight, wanted))]
    if wanted.session is None and has(live, proposal_person):
        found.append(number.in_(_of_proposals(live, sight, wanted)))
    return or_(false(), *found)


def _of_sessions(live: LiveSchema, sight: Sight, wanted: PersonFilter) -> Select[Any]:
    link = session_person.c
    query = (
        select(link.personId)
        .join(session, session.c.sessionId == link.sessionId)
        .join(proposal, proposal.c.proposalId == session.c.proposalId)
        .where(sight.session(link.sessionId))
    )
    if wanted.session is not None:
        query = query.where(link.sessionId == wanted.session)
    return _of_proposal(query, live, wanted)


def _of_proposals(live: LiveSchema, sight: Sight, wanted: PersonFilter) -> Select[Any]:
    link = proposal_person.c
    query = (
        select(link.personId)
        .join(proposal, proposal.c.proposalId == link.proposalId)
        .where(sight.proposals(link.proposalId))
    )
    return _of_proposal(query, live, wanted)


def _of_proposal(
    query: Select[Any], live: LiveSchema, wanted: PersonFilter
) -> Select[Any]:
    if wanted.proposal is None:
        return query
    code, digits = proposal.c.proposalCode, proposal.c.proposalNumber
    return query.where(named(live, code, digits, wanted.proposal))


def _counted(
    rows: Rows, sight: Sight, ids: list[int]
) -> dict[int, tuple[int, datetime | None]]:
    """Number of sessions, and the last one's start."""
    link = session_person.c
    query = (
        select(link.personId, func.count(), func.max(session.c.startDate))
        .select_from(
            session_person.join(session, session.c.sessionId == link.sessionId)
        )
        .where(link.personId.in_(ids), sight.session(link.sessionId))
        .group_by(link.personId)
    )
    return {number: (count, last) for number, count, last in rows.read(query)}


def _roles(
    rows: Rows, sight: Sight, ids: list[int], wanted: int | None
) -> dict[int, tuple[str | None, bool | None]]:
    """What they are in one session."""
    if wanted is None:
        return {}
    link = session_person.c
    parts = Part(session_person, ("personId", "role", "remote"))
    query = select(*parts.columns(rows.live)).where(
        link.personId.in_(ids),
        link.sessionId == wanted,
        sight.session(link.sessionId),
    )
    return {
        number: (role, None if remote is None else bool(remote))
        for number, role, remote in rows.read(query)
    }
