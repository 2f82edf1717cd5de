"""The rows from which somebody's rights follow; a table that is denied gives none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func

from recorder.ispyb.people.lenient_reader import LenientReader
from recorder.ispyb.schema import people_tables as p
from recorder.ispyb.schema.live_schema import LiveSchema
from recorder.records.access import fold, same

BEAMLINE_GROUPS = "beamLineGroups"
"""Name of the row of ``AdminVar`` with py-ISPyB's groups of beamlines."""
NAMES_AT_ONCE = 10000
"""Names in one query: SQLite takes 32766 values. Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class PersonRow:
    """Of ``Person``."""

    person_id: int
    login: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group that somebody is in, with one of its permissions, if it has any."""

    group_id: int
    group: str
    permission_id: int | None
    permission: str | None


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session that somebody is a person of."""

    session_id: int
    proposal_id: int | None
    code: str | None
    number: str | None
    beamline: str | None
    visit: int | None
    starts: datetime | None
    ends: datetime | None
    role: str | None


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """A proposal by its parts."""

    proposal_id: int
    code: str | None
    number: str | None


@dataclass(frozen=True, slots=True)
class PersonRows:
    """All of one login."""

    persons: tuple[PersonRow, ...] = ()
    groups: tuple[GroupRow, ...] = ()
    sessions: tuple[SessionRow, ...] = ()
    proposals: tuple[ProposalRow, ...] = ()
    beamline_groups: str | None = None
    """Value of ``AdminVar``, JSON."""
    shared_names: frozenset[str] = frozenset()
    """Names, folded, that several proposals have: ``mx1``+``23`` and ``mx12``+``3``."""
    problems: tuple[str, ...] = field(default=(), compare=False)
    """Tables that gave nothing, and why."""


def proposal_name(code: str | None, number: str | None) -> str:
    """Code and number; empty if one is not there: then no run can name it."""
    return "" if code is None or number is None else f"{code}{number}".strip(" ")


class RowReader:
    """Reads what rights follow from.

    Args:
        connection: In a transaction.
        live: The columns that the database shows this account.
    """

    def __init__(self, connection: Connection, live: LiveSchema) -> None:
        self._lenient = LenientReader(connection, live)
        self._read = self._lenient.read

    def person_rows(self, login: str) -> PersonRows:
        """All of one login; without ``persons`` if nobody has it."""
        persons = self._persons(login)
        if not persons:
            return PersonRows(problems=tuple(self._lenient.problems))
        ids = [row.person_id for row in persons]
        sessions, proposals = self._sessions(ids), self._proposals(ids)
        names = {proposal_name(row.code, row.number) for row in sessions}
        names |= {proposal_name(row.code, row.number) for row in proposals}
        return PersonRows(
            tuple(persons),
            tuple(self._groups(ids)),
            tuple(sessions),
            tuple(proposals),
            self.beamline_groups(),
            frozenset(self.shared(names)),
            tuple(self._lenient.problems),
        )

    def problems(self) -> tuple[str, ...]:
        """Tables that would give nothing, found out without reading anybody's rows."""
        self._persons("")
        self._sessions(())
        self._proposals(())
        self._groups(())
        self.beamline_groups()
        return tuple(self._lenient.problems)

    def logins(self) -> tuple[str, ...]:
        """Of everybody."""
        found = self._read([p.person.c.login], lambda query: query)
        return tuple(login for (login,) in found if login)

    def _persons(self, login: str) -> list[PersonRow]:
        """Whoever has this login as the database compares it, and as we do."""
        t = p.person.c
        found = self._read(
            [t.personId, t.login, t.givenName, t.familyName],
            lambda query: query.where(t.login == login).order_by(t.personId),
            needed=[t.personId, t.login],
        )
        return [
            PersonRow(number, there, " ".join(filter(None, (given, family))))
            for number, there, given, family in found
            if number is not None and there and same(there, login)
        ]

    def _groups(self, ids: Sequence[int]) -> list[GroupRow]:
        member, has = p.group_person.c, p.group_permission.c
        group, permission = p.user_group.c, p.permission.c
        tables = p.group_person.join(
            p.user_group, group.userGroupId == member.userGroupId
        )
        tables = tables.outerjoin(
            p.group_permission, has.userGroupId == group.userGroupId
        ).outerjoin(p.permission, permission.permissionId == has.permissionId)
        columns = [
            group.userGroupId,
            group.name,
            permission.permissionId,
            permission.type,
        ]
        found = self._read(
            columns,
            lambda query: (
                query.select_from(tables)
                .where(member.personId.in_(ids))
                .order_by(group.userGroupId, permission.permissionId)
            ),
            needed=[*columns, member.personId, has.permissionId],
        )
        rows = (GroupRow(number, name or "", *more) for number, name, *more in found)
        return list(dict.fromkeys(rows))

    def _sessions(self, ids: Sequence[int]) -> list[SessionRow]:
        link, session, proposal = p.session_person.c, p.session.c, p.proposal.c
        tables = p.session_person.join(
            p.session, session.sessionId == link.sessionId
        ).outerjoin(p.proposal, proposal.proposalId == session.proposalId)
        found = self._read(
            [
                session.sessionId,
                session.proposalId,
                proposal.proposalCode,
                proposal.proposalNumber,
                session.beamLineName,
                session.visit_number,
                session.startDate,
                session.endDate,
                link.role,
            ],
            lambda query: (
                query.select_from(tables)
                .where(link.personId.in_(ids))
                .order_by(session.sessionId)
            ),
            needed=[link.personId, session.sessionId, proposal.proposalId],
        )
        by_id: dict[int, SessionRow] = {}
        for row in found:
            by_id.setdefault(row[0], SessionRow(*row))
        return list(by_id.values())

    def _proposals(self, ids: Sequence[int]) -> list[ProposalRow]:
        link, proposal = p.proposal_person.c, p.proposal.c
        columns = [proposal.proposalId, proposal.proposalCode, proposal.proposalNumber]
        tables = p.proposal_person.join(
            p.proposal, proposal.proposalId == link.proposalId
        )
        found = self._read(
            columns,
            lambda query: (
                query.select_from(tables)
                .where(link.personId.in_(ids))
                .order_by(proposal.proposalId)
            ),
            needed=[*columns, link.personId],
        )
        return list(dict.fromkeys(ProposalRow(*row) for row in found))

    def beamline_groups(self) -> str | None:
        """Value of the option; the last of them, as py-ISPyB takes it."""
        t = p.option.c
        found = self._read(
            [t.value],
            lambda query: query.where(t.name == BEAMLINE_GROUPS).order_by(t.varId),
        )
        return found[-1][0] if found else None

    def named(self, names: Iterable[str]) -> list[ProposalRow]:
        """Proposals of these names, as :func:`recorder.records.access.same` does."""
        wanted = sorted({fold(name) for name in names} - {""})
        t = p.proposal.c
        name = func.lower(func.rtrim(t.proposalCode + t.proposalNumber))
        found: list[ProposalRow] = []
        for part in _parts(wanted, NAMES_AT_ONCE):
            columns = [t.proposalId, t.proposalCode, t.proposalNumber]
            rows = self._read(columns, partial(_where, name.in_(part)))
            known = set(part)
            found += [
                row
                for row in (ProposalRow(*values) for values in rows)
                if fold(proposal_name(row.code, row.number)) in known
            ]
        return found

    def shared(self, names: Iterable[str]) -> set[str]:
        """Names, folded, that more than one proposal has."""
        seen: dict[str, int] = {}
        for row in self.named(names):
            name = fold(proposal_name(row.code, row.number))
            seen[name] = seen.get(name, 0) + 1
        return {name for name, count in seen.items() if count > 1}


def _where(condition: ColumnElement[bool], query: Select[Any]) -> Select[Any]:
    return query.where(condition)


def _parts(names: Sequence[str], size: int) -> Iterator[list[str]]:
    rest = iter(names)
    while part := list(islice(rest, size)):
        yield part
