"""Persons and laboratories of a call, written when the first proposal needs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from recorder.ispyb.schema import people_tables as t
from recorder.portal.fitting import UnfitError, changes, fitted
from recorder.portal.identities import Identities, Someone
from recorder.portal.laboratories import Laboratories, Somewhere
from recorder.portal.place import Place
from recorder.portal.report import Action, Entry
from recorder.portal.rows import Reader, Row, Writer
from recorder.portal.texts import external_bytes
from recorder.portal.wanted import Body, Person, Values


class People:
    """All persons of a call, and where they work.

    Args:
        bodies: All of the call.
        place: What the database takes.
    """

    def __init__(self, bodies: Sequence[Body], place: Place) -> None:
        self._place = place
        self._live = place.live
        mentions = [mention for body in bodies for mention in body.mentions()]
        self._persons = Identities(mentions)
        self._laboratories = Laboratories(
            m.laboratory for m in mentions if m.laboratory is not None
        )
        self._undo: list[Callable[[], None]] = []

    def load(self, reader: Reader) -> None:
        """Find the rows of all of them."""
        persons, places = self._persons, self._laboratories
        numbers = [external_bytes(number) for number in persons.externals]
        found = [
            *reader.where(t.person, "login", persons.logins),
            *reader.where(t.person, "externalId", numbers),
        ]
        persons.settle({row["personId"]: row for row in found}.values())
        found = [
            *reader.where(t.laboratory, "laboratoryExtPk", places.numbers),
            *reader.where(t.laboratory, "name", places.names),
        ]
        places.settle({row["laboratoryId"]: row for row in found}.values())

    # -- one transaction -------------------------------------------------------------

    def begin(self) -> None:
        """What is written from now on belongs to one transaction."""
        self._undo.clear()

    def undo(self) -> None:
        """The transaction was rolled back: all is as it was before it."""
        for step in self._undo:
            step()
        self._undo.clear()

    def key_of(
        self, mention: Person, writer: Writer, entries: list[Entry]
    ) -> int | None:
        """The key of a mentioned person, who is written if they are not yet.

        Args:
            mention: Of a body of this call.
            writer: Of the transaction.
            entries: Get what became of person and laboratory, the first time.

        Returns:
            None if nothing can be written of them; an entry has said why.
        """
        someone = self._persons.of(mention)
        if not someone.done:
            before = someone.row
            self._undo.append(lambda: someone.forget(before))
            someone.done = True
            entries.append(self._write(someone, writer, entries))
        return None if someone.row is None else int(someone.row["personId"])

    def shown(self, mention: Person) -> str:
        """A person's name for people, the same at every mention."""
        return self._persons.of(mention).shown

    def _write(self, someone: Someone, writer: Writer, entries: list[Entry]) -> Entry:
        name = someone.shown
        if someone.problem:
            return Entry("person", name, Action.SKIPPED, reason=someone.problem)
        reasons = _differing(someone.said.differing)
        reasons += filter(None, [someone.login_kept])
        try:
            done = fitted(self._live, t.person, someone.values)
        except UnfitError as error:
            row = someone.row
            key = None if row is None else int(row["personId"])
            return Entry("person", name, Action.SKIPPED, reason=str(error), row=key)
        self._place.notes.update(done.notes)
        values = dict(done.values)
        if self._live.column("Person", "laboratoryId") is not None:
            self._add_laboratory(someone, values, reasons, writer, entries)
        row, reason = someone.row or {}, "; ".join(reasons)
        if someone.row is None:
            key = writer.insert(t.person, values)
            someone.row = {"personId": key, **values}
            return Entry("person", name, Action.CREATED, made(values), reason, key)
        key = int(row["personId"])
        differing = changes(self._live, t.person, row, values)
        if not differing:
            return Entry("person", name, Action.UNCHANGED, reason=reason, row=key)
        writer.update(t.person, key, differing)
        someone.row = {**row, **values}
        return Entry("person", name, Action.CHANGED, differing, reason, key)

    def _add_laboratory(
        self,
        someone: Someone,
        values: Row,
        reasons: list[str],
        writer: Writer,
        entries: list[Entry],
    ) -> None:
        """Where they work, if that is said and can be told."""
        found = {id(s): s for s in map(self._laboratories.of, someone.laboratories)}
        if len(found) + someone.no_laboratory > 1:
            reasons.append("laboratory: this call says different things, left alone")
            return
        if someone.no_laboratory:
            values["laboratoryId"] = None
        for somewhere in found.values():
            present = (someone.row or {}).get("laboratoryId")
            if somewhere.problem and present in somewhere.rows:
                continue  # one of those that it may be: nothing says otherwise
            problem = somewhere.problem or self._written(somewhere, writer, entries)
            if somewhere.row is not None:
                values["laboratoryId"] = somewhere.row["laboratoryId"]
            else:
                reasons.append(f"laboratory {somewhere.shown}: {problem}, left alone")

    def _written(
        self, somewhere: Somewhere, writer: Writer, entries: list[Entry]
    ) -> str:
        """Write a laboratory, if it is not yet; why it could not be written."""
        if somewhere.done:
            return "see above"
        before = somewhere.rows
        self._undo.append(lambda: somewhere.forget(before))
        somewhere.done = True
        name, reason = somewhere.shown, "; ".join(_differing(somewhere.said.differing))
        row = somewhere.row
        key = None if row is None else int(row["laboratoryId"])
        try:
            self._place.require_right(t.laboratory)
            done = fitted(self._live, t.laboratory, somewhere.values)
        except UnfitError as error:
            entries.append(
                Entry("laboratory", name, Action.SKIPPED, reason=str(error), row=key)
            )
            return str(error)
        self._place.notes.update(done.notes)
        if row is None or key is None:
            key = writer.insert(t.laboratory, done.values)
            somewhere.rows = {key: {"laboratoryId": key, **done.values}}
            told = made(done.values)
            entries.append(Entry("laboratory", name, Action.CREATED, told, reason, key))
            return ""
        differing = changes(self._live, t.laboratory, row, done.values)
        action = Action.CHANGED if differing else Action.UNCHANGED
        entries.append(Entry("laboratory", name, action, differing, reason, key))
        if differing:
            writer.update(t.laboratory, key, differing)
            somewhere.rows = {key: {**row, **done.values}}
        return ""


def made(values: Values) -> dict[str, tuple[None, Any]]:
    """The values of a new row as changes."""
    return {name: (None, value) for name, value in values.items() if value is not None}


def _differing(columns: set[str]) -> list[str]:
    if not columns:
        return []
    listed = ", ".join(sorted(columns))
    return [f"{listed}: this call says different things, left alone"]
