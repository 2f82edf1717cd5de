"""How one object of a proposal is written, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table

from recorder.portal.choosing import Choice
from recorder.portal.fitting import UnfitError, changes, fitted
from recorder.portal.people import People, made
from recorder.portal.place import Place
from recorder.portal.report import Action, Entry
from recorder.portal.rows import Row, Writer
from recorder.portal.wanted import Person


@dataclass(slots=True)
class Objects:
    """Writes objects within one transaction.

    Args:
        place: What the database takes.
        people: Everybody of this call.
        writer: Of the transaction.
        entries: Get what became of each object.
    """

    place: Place
    people: People
    writer: Writer
    entries: list[Entry]

    def say(self, kind: str, name: str, action: Action, **more: Any) -> None:
        """Add an entry."""
        self.entries.append(Entry(kind, name, action, **more))

    def person(self, person: Person) -> int | None:
        """The key of a person, who is written if they are not yet; None: cannot be."""
        return self.people.key_of(person, self.writer, self.entries)

    def chosen(
        self, kind: str, name: str, table: Table, values: Row, choice: Choice[Any]
    ) -> int | None:
        """Write an object as it was chosen; its key, None if it has none."""
        if choice.problem:
            self.say(kind, name, Action.SKIPPED, reason=choice.problem)
            return None
        return self.put(kind, name, table, values, choice.row)

    def put(
        self, kind: str, name: str, table: Table, values: Row, row: Row | None
    ) -> int | None:
        """Create or change a row.

        Returns:
            Its key, also if nothing of it could be written; None if there is no row.
        """
        (column,) = table.primary_key.columns
        key = None if row is None else int(row[column.name])
        done = self.fitted(kind, name, table, values, key)
        if done is None:
            return key
        if row is None or key is None:
            key = self.writer.insert(table, done)
            self.say(kind, name, Action.CREATED, changes=made(done), row=key)
        elif differing := changes(self.place.live, table, row, done):
            self.writer.update(table, key, differing)
            self.say(kind, name, Action.CHANGED, changes=differing, row=key)
        else:
            self.say(kind, name, Action.UNCHANGED, row=key)
        return key

    def fitted(
        self, kind: str, name: str, table: Table, values: Row, key: int | None
    ) -> Row | None:
        """Values that can be written; None if one does not fit, which is said."""
        try:
            self.place.require_right(table)
            done = fitted(self.place.live, table, values)
            self.place.require_targets(table, done.values)
        except UnfitError as error:
            self.say(kind, name, Action.SKIPPED, reason=str(error), row=key)
            return None
        self.place.notes.update(done.notes)
        return dict(done.values)

    def link(
        self,
        kind: str,
        name: str,
        table: Table,
        keys: Mapping[str, int],
        several: Sequence[Mapping[str, Any]],
        row: Row | None,
    ) -> None:
        """Link a person, with what is said of the link.

        Args:
            kind: Of the entry.
            name: Of the entry.
            table: Of the links.
            keys: Both ends.
            several: Values, once for each mention.
            row: The link, if it is there.
        """
        values, reason = _agreed(several)
        done = self.fitted(kind, name, table, values, None)
        if done is None:
            return
        if row is None:
            self.writer.link(table, {**keys, **done})
            told = made(done)
            self.say(kind, name, Action.CREATED, changes=told, reason=reason)
        elif differing := changes(self.place.live, table, row, done):
            self.writer.update_link(table, keys, differing)
            self.say(kind, name, Action.CHANGED, changes=differing, reason=reason)
        else:
            self.say(kind, name, Action.UNCHANGED, reason=reason)

    def close(
        self, kind: str, table: Table, keys: Mapping[str, int], absent: set[int]
    ) -> None:
        """Remove links to persons that are not named any more."""
        for person in sorted(absent):
            self.writer.delete(table, {**keys, "personId": person})
            self.say(kind, f"person {person}", Action.CLOSED, row=person)

    def keep(self, kind: str, absent: set[int]) -> None:
        """Say why links stay that should be removed."""
        why = "not closed: a person of the list cannot be told, and may be this one"
        for person in sorted(absent):
            self.say(kind, f"person {person}", Action.SKIPPED, reason=why, row=person)


def _agreed(several: Sequence[Mapping[str, Any]]) -> tuple[Row, str]:
    """What several mentions say together, and where they differ."""
    found: Row = {}
    differing = set()
    for values in several:
        for name, value in values.items():
            if found.setdefault(name, value) != value:
                differing.add(name)
    if not differing:
        return found, ""
    left = {k: v for k, v in found.items() if k not in differing}
    listed = ", ".join(sorted(differing))
    return left, f"{listed}: the list says different things, left alone"
