"""The rows of some proposals, read in bulk, and which of them a body means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Table

from recorder.ispyb.schema import people_tables as t
from recorder.portal.rows import Reader, Row
from recorder.portal.texts import external_bytes, external_number
from recorder.portal.wanted import Body, Protein, Session, folded


class AmbiguousError(Exception):
    """Which row is meant cannot be told; the text says why."""


@dataclass(slots=True)
class Held:
    """What the database has of one proposal."""

    row: Row | None = None
    persons: set[int] = field(default_factory=set)
    contacts: list[Row] = field(default_factory=list)
    sessions: list[Row] = field(default_factory=list)
    members: dict[int, dict[int, Row]] = field(default_factory=dict)
    """Rows of ``Session_has_Person`` by session and person."""
    proteins: list[Row] = field(default_factory=list)

    @property
    def key(self) -> int | None:
        """Of the proposal."""
        return None if self.row is None else int(self.row["proposalId"])


def load(reader: Reader, bodies: Sequence[Body]) -> list[Held | str]:
    """What the database has of each body, or why that cannot be told."""
    numbers = [external_bytes(b.external) for b in bodies if b.external is not None]
    found = [
        *reader.where(t.proposal, "proposalNumber", (b.number for b in bodies)),
        *reader.where(t.proposal, "externalId", numbers),
    ]
    rows = {int(row["proposalId"]): row for row in found}
    by_name: dict[str, dict[int, Row]] = {}
    by_number: dict[bytes, dict[int, Row]] = {}
    for key, row in rows.items():
        by_name.setdefault(_name(row), {})[key] = row
        if row.get("externalId") is not None:
            by_number.setdefault(row["externalId"], {})[key] = row
    held: list[Held | str] = []
    for body in bodies:
        try:
            held.append(Held(_proposal(body, by_name, by_number)))
        except AmbiguousError as error:
            held.append(str(error))
    _fill(reader, [h for h in held if isinstance(h, Held)])
    return held


def _name(row: Row) -> str:
    return folded(f"{row.get('proposalCode') or ''}\0{row.get('proposalNumber') or ''}")


def _proposal(
    body: Body,
    by_name: dict[str, dict[int, Row]],
    by_number: dict[bytes, dict[int, Row]],
) -> Row | None:
    named = by_name.get(folded(f"{body.code}\0{body.number}"), {})
    if body.external is None:
        return _only(named, f"proposal {body.name}")
    numbered = by_number.get(external_bytes(body.external), {})
    by_id = _only(numbered, f"externalId {body.external}")
    if by_id is not None:
        if by_id["proposalId"] not in named:
            theirs = f"{by_id.get('proposalCode')}{by_id.get('proposalNumber')}"
            raise AmbiguousError(
                f"externalId {body.external} is proposal {theirs} (row "
                f"{by_id['proposalId']}), not {body.name}: proposals are neither "
                "renamed nor merged"
            )
        return by_id
    row = _only(named, f"proposal {body.name}")
    _require_free(row, body.external, f"proposal {body.name}")
    return row


def _only(found: dict[int, Row], what: str) -> Row | None:
    if len(found) > 1:
        raise AmbiguousError(f"{what} is that of several rows: {_listed(found)}")
    return next(iter(found.values()), None)


def _listed(found: Iterable[int]) -> str:
    return ", ".join(str(key) for key in sorted(found))


def _require_free(row: Row | None, number: int, what: str) -> None:
    """A row that was found otherwise must not have another number of the portal."""
    theirs = None if row is None else row.get("externalId")
    if theirs is not None:
        raise AmbiguousError(
            f"{what} has externalId {external_number(theirs)}, not {number}"
        )


def _fill(reader: Reader, held: Sequence[Held]) -> None:
    """Everything that hangs on proposals."""
    by_key = {h.key: h for h in held if h.key is not None}
    for link in reader.where(t.proposal_person, "proposalId", by_key):
        by_key[link["proposalId"]].persons.add(int(link["personId"]))
    parts: tuple[tuple[Table, str], ...] = (
        (t.lab_contact, "contacts"),
        (t.session, "sessions"),
        (t.protein, "proteins"),
    )
    for table, name in parts:
        for row in reader.where(table, "proposalId", by_key):
            getattr(by_key[row["proposalId"]], name).append(row)
    owners = {int(s["sessionId"]): h for h in held for s in h.sessions}
    for link in reader.where(t.session_person, "sessionId", owners):
        session = int(link["sessionId"])
        members = owners[session].members.setdefault(session, {})
        members[int(link["personId"])] = link


def session_row(held: Held, session: Session, *, numbers: bool) -> Row | None:
    """The row of a session of the proposal.

    Args:
        held: What the database has of the proposal.
        session: As the portal has it.
        numbers: Whether the database has ``expSessionPk``.

    Raises:
        AmbiguousError: It cannot be told.
    """
    if session.external is None and not numbers:
        raise AmbiguousError(
            "BLSession.expSessionPk is not in this database: send externalId"
        )
    numbered = _having(held.sessions, "expSessionPk", session.number, "sessionId")
    if session.external is None:
        return _only(numbered, session.shown)
    key = external_bytes(session.external)
    by_id = _only(_having(held.sessions, "externalId", key, "sessionId"), session.shown)
    if by_id is not None:
        if numbered and by_id["sessionId"] not in numbered:
            raise AmbiguousError(
                f"{session.shown} is row {by_id['sessionId']}, but expSessionPk "
                f"{session.number} is row {_listed(numbered)}"
            )
        return by_id
    what = f"expSessionPk {session.number}"
    row = _only(numbered, what)
    _require_free(row, session.external, what)
    return row


def protein_row(held: Held, protein: Protein) -> Row | None:
    """The row of a protein of the proposal.

    Raises:
        AmbiguousError: It cannot be told.
    """
    what = f"acronym {protein.acronym}"
    named = {
        int(row["proteinId"]): row
        for row in held.proteins
        if folded(row.get("acronym") or "") == folded(protein.acronym)
    }
    if protein.external is None:
        return _only(named, what)
    key = external_bytes(protein.external)
    found = _having(held.proteins, "externalId", key, "proteinId")
    by_id = _only(found, f"externalId {protein.external}")
    if by_id is not None:
        return by_id
    row = _only(named, what)
    _require_free(row, protein.external, what)
    return row


def contact_row(held: Held, card: str) -> Row | None:
    """The row of a card of the proposal.

    Raises:
        AmbiguousError: It cannot be told.
    """
    named = {
        int(row["labContactId"]): row
        for row in held.contacts
        if folded(row.get("cardName") or "") == folded(card)
    }
    return _only(named, f"card {card}")


def _having(rows: Iterable[Row], name: str, value: Any, key: str) -> dict[int, Row]:
    if value is None:
        return {}
    return {int(row[key]): row for row in rows if row.get(name) == value}
