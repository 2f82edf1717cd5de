"""One proposal with all that hangs on it, within one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recorder.ispyb.schema import people_tables as t
from recorder.portal.choosing import Choice, choose
from recorder.portal.objects import Objects
from recorder.portal.proposals import (
    Held,
    contact_row,
    protein_row,
    session_row,
)
from recorder.portal.report import Action
from recorder.portal.rows import Row
from recorder.portal.wanted import Body, Person, Protein, Session, folded


class ProposalError(Exception):
    """Nothing of a proposal can be written; the text says why."""


@dataclass(slots=True)
class OneProposal:
    """Writes one proposal.

    Args:
        body: What the portal says.
        held: What the database has.
        objects: Of the transaction.
        close_absent: Whether links to persons that are not named any more are removed.
    """

    body: Body
    held: Held
    objects: Objects
    close_absent: bool = False

    def write(self) -> None:
        """Write all of it; the entries get what became of each object.

        Raises:
            ProposalError: It is new, and cannot be created.
            ConflictError: Somebody else changed a row meanwhile.
        """
        for refused in self.body.refused:
            self.objects.say(
                refused.kind, refused.name, Action.SKIPPED, reason=refused.reason
            )
        persons = [(p, self.objects.person(p)) for p in self.body.persons or ()]
        proposal = self._proposal(persons)
        self._proposal_persons(proposal, persons)
        self._sessions(proposal)
        self._contacts(proposal)
        self._proteins(proposal)
        self.objects.writer.flush()

    # -- the proposal ----------------------------------------------------------------

    def _proposal(self, persons: Sequence[tuple[Person, int | None]]) -> int:
        body, row = self.body, self.held.row
        values: Row = dict(body.values)
        first = persons[0][1] if persons and body.first else None
        if first is not None:
            values["personId"] = first
        if row is None:
            if body.persons is None:
                raise ProposalError("is new, and names no persons, of which one is PI")
            if first is None:
                raise ProposalError("is new, and its first person cannot be written")
            values |= {"proposalCode": body.code, "proposalNumber": body.number}
        key = self.objects.put("proposal", body.name, t.proposal, values, row)
        if key is None:
            why = self.objects.entries[-1].reason
            raise ProposalError(f"is new, and cannot be created: {why}")
        return key

    def _proposal_persons(
        self, proposal: int, persons: Sequence[tuple[Person, int | None]]
    ) -> None:
        """Links to the persons that are named; others go on demand only."""
        kind, table = "proposal person", t.proposal_person
        named = {key: person for person, key in persons if key is not None}
        for key, person in named.items():
            row: Row | None = {} if key in self.held.persons else None
            keys = {"proposalId": proposal, "personId": key}
            name = f"{self.objects.people.shown(person)} of {self.body.name}"
            self.objects.link(kind, name, table, keys, [{}], row)
        if self.close_absent and self.body.persons is not None:
            absent = self.held.persons - named.keys()
            if self.body.whole and all(key is not None for _, key in persons):
                self.objects.close(kind, table, {"proposalId": proposal}, absent)
            else:
                self.objects.keep(kind, absent)

    # -- its sessions ----------------------------------------------------------------

    def _sessions(self, proposal: int) -> None:
        place = self.objects.place
        numbers = place.live.column("BLSession", "expSessionPk") is not None
        choices = choose(
            self.body.sessions,
            _session_keys,
            lambda session: session_row(self.held, session, numbers=numbers),
            "sessionId",
        )
        if place.unique_visits:
            self._refuse_visits(choices)
        for choice in choices:
            session = choice.item
            values: Row = dict(session.values)
            if choice.row is None:
                values["proposalId"] = proposal
                if place.unique_visits:
                    values.setdefault("visit_number", None)
                stamp = place.live.column("BLSession", "lastUpdate")
                if stamp is not None and not stamp.nullable:
                    # its default is the zero date in two flavours, which strict
                    # servers refuse
                    values.setdefault("lastUpdate", place.now)
            key = self.objects.chosen(
                "session", session.shown, t.session, values, choice
            )
            if key is not None:
                self._members(key, session)

    def _refuse_visits(self, choices: Sequence[Choice[Session]]) -> None:
        """Where a visit may be there once only, those that would be there twice."""
        others = {
            int(row["sessionId"]): row["visit_number"] for row in self.held.sessions
        }
        final = []
        for choice in choices:
            row, given = choice.row, choice.item.values
            known = None if row is None else others.pop(int(row["sessionId"]), None)
            final.append(given.get("visit_number", known))
        uses = Counter(v for v in (*final, *others.values()) if v is not None)
        for choice, visit in zip(choices, final, strict=True):
            if visit is not None and uses[visit] > 1 and not choice.problem:
                choice.problem = (
                    f"visit_number {visit} is that of another session of the proposal, "
                    "and this database has each once"
                )

    def _members(self, key: int, session: Session) -> None:
        """Persons of a session, with role and remote as far as they are given."""
        if session.members is None:
            return
        kind, table = "session person", t.session_person
        known = self.held.members.get(key, {})
        named: dict[int, list[Mapping[str, Any]]] = {}
        names: dict[int, str] = {}
        whole = session.whole
        for member in session.members:
            person = self.objects.person(member.person)
            if person is None:
                whole = False
                continue
            named.setdefault(person, []).append(member.values)
            names[person] = self.objects.people.shown(member.person)
        for person, several in named.items():
            name = f"{names[person]} of {session.shown}"
            keys = {"sessionId": key, "personId": person}
            self.objects.link(kind, name, table, keys, several, known.get(person))
        if self.close_absent:
            absent = known.keys() - named.keys()
            if whole:
                self.objects.close(kind, table, {"sessionId": key}, absent)
            else:
                self.objects.keep(kind, absent)

    # -- cards and proteins ----------------------------------------------------------

    def _contacts(self, proposal: int) -> None:
        """Cards; those that are there are completed only, since people edit them."""
        choices = choose(
            self.body.contacts,
            lambda contact: [folded(contact.card)],
            lambda contact: contact_row(self.held, contact.card),
            "labContactId",
        )
        persons = [self.objects.person(choice.item.person) for choice in choices]
        taken = Counter(
            [p for p, c in zip(persons, choices, strict=True) if c.row is None]
            + [int(row["personId"]) for row in self.held.contacts]
        )
        for choice, person in zip(choices, persons, strict=True):
            values: Row = dict(choice.item.values)
            if choice.row is not None:
                present = choice.row
                values = {k: v for k, v in values.items() if present.get(k) is None}
            elif person is None:
                choice.problem = choice.problem or "its person cannot be written"
            elif taken[person] > 1:
                choice.problem = choice.problem or "its person has another card here"
            else:
                values |= {"proposalId": proposal, "personId": person}
            card = choice.item.card
            self.objects.chosen("lab contact", card, t.lab_contact, values, choice)

    def _proteins(self, proposal: int) -> None:
        choices = choose(
            self.body.proteins,
            _protein_keys,
            lambda protein: protein_row(self.held, protein),
            "proteinId",
        )
        for choice in choices:
            protein = choice.item
            values: Row = dict(protein.values)
            if choice.row is None:
                values["proposalId"] = proposal
            if protein.no_person:
                values["personId"] = None
            elif protein.person is not None:
                person = self.objects.person(protein.person)
                if person is not None:
                    values["personId"] = person
            self.objects.chosen("protein", protein.acronym, t.protein, values, choice)


def _session_keys(session: Session) -> list[tuple[str, int]]:
    keys = (("externalId", session.external), ("expSessionPk", session.number))
    return [(name, number) for name, number in keys if number is not None]


def _protein_keys(protein: Protein) -> list[tuple[str, str | int]]:
    keys: list[tuple[str, str | int]] = [("acronym", folded(protein.acronym))]
    if protein.external is not None:
        keys.append(("externalId", protein.external))
    return keys
