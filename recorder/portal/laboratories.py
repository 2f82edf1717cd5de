"""Where people work: one row for each laboratory, as far as they can be told apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from recorder.portal.identities import Said
from recorder.portal.rows import Row
from recorder.portal.wanted import Laboratory, folded

PLACE = ("name", "city", "country")
"""Columns that tell laboratories without a number apart."""
Place = tuple[str, str, str]
"""Name, city and country, as they are compared."""


@dataclass(slots=True, eq=False)
class Somewhere:
    """One laboratory of a call, with all that is said of it."""

    shown: str
    number: int | None = None
    places: set[Place] = field(default_factory=set)
    said: Said = field(default_factory=Said)
    rows: dict[int, Row] = field(default_factory=dict)
    """Those that it may be; none: there is none yet."""
    problem: str = ""
    """Why none can be told."""
    done: bool = False

    @property
    def values(self) -> dict[str, Any]:
        """What is to be written; a place stays spelt as it is."""
        values = self.said.agreed
        row = self.row or {}
        for key in PLACE:
            value, known = values.get(key), row.get(key)
            if isinstance(value, str) and isinstance(known, str):
                if folded(value) == folded(known):
                    del values[key]
        return values

    def forget(self, rows: dict[int, Row]) -> None:
        """What was written was undone: it has the rows that it had before."""
        self.rows, self.done = rows, False

    @property
    def row(self) -> Row | None:
        """The only one."""
        return next(iter(self.rows.values())) if len(self.rows) == 1 else None


class Laboratories:
    """All laboratories of a call: by number, those without one by their place."""

    def __init__(self, mentions: Iterable[Laboratory]) -> None:
        self._by_number: dict[int, Somewhere] = {}
        self._by_place: dict[Place, Somewhere] = {}
        waiting = []
        for mention in mentions:
            if mention.number is None:
                waiting.append(mention)
            else:
                somewhere = self._by_number.setdefault(
                    mention.number, Somewhere(mention.shown, mention.number)
                )
                _add(somewhere, mention)
        numbered: dict[Place, list[Somewhere]] = {}
        for somewhere in self._by_number.values():
            for place in somewhere.places:
                numbered.setdefault(place, []).append(somewhere)
        for mention in waiting:
            self._place(mention, numbered)

    def _place(
        self, mention: Laboratory, numbered: dict[Place, list[Somewhere]]
    ) -> None:
        """One without number: the one that has a number in this place, if it is one."""
        place = mention.place
        if place is None:
            return
        theirs = numbered.get(place, [])
        somewhere = self._by_place.get(place)
        if somewhere is None:
            somewhere = theirs[0] if len(theirs) == 1 else Somewhere(mention.shown)
            self._by_place[place] = somewhere
        if len(theirs) > 1:
            listed = ", ".join(sorted(str(other.number) for other in theirs))
            somewhere.problem = f"it may be laboratoryExtPk {listed}"
        _add(somewhere, mention)

    def all(self) -> list[Somewhere]:
        """Each once."""
        both = (*self._by_number.values(), *self._by_place.values())
        return list({id(somewhere): somewhere for somewhere in both}.values())

    def of(self, mention: Laboratory) -> Somewhere:
        """Which one is mentioned."""
        if mention.number is not None:
            return self._by_number[mention.number]
        place = mention.place
        if place is None:
            raise KeyError(mention)
        return self._by_place[place]

    @property
    def numbers(self) -> set[int]:
        """All numbers of the portal."""
        return set(self._by_number)

    @property
    def names(self) -> set[str]:
        """All names, as they are compared."""
        return {place[0] for somewhere in self.all() for place in somewhere.places}

    def settle(self, rows: Iterable[Row]) -> None:
        """Find the rows of each.

        Args:
            rows: Of ``Laboratory``, all with one of our numbers or names.
        """
        by_number: dict[int, dict[int, Row]] = {}
        by_place: dict[Place, dict[int, Row]] = {}
        for row in rows:
            key = int(row["laboratoryId"])
            if row.get("laboratoryExtPk") is not None:
                by_number.setdefault(row["laboratoryExtPk"], {})[key] = row
            by_place.setdefault(_place_of(row), {})[key] = row
        for somewhere in self.all():
            number = somewhere.number
            found = by_number.get(number, {}) if number is not None else {}
            if not found:
                for place in somewhere.places:
                    found = {**found, **by_place.get(place, {})}
                if number is not None:  # another's number: another laboratory
                    found = {
                        key: row
                        for key, row in found.items()
                        if row.get("laboratoryExtPk") is None
                    }
            somewhere.rows = found
            if len(found) > 1 and not somewhere.problem:
                listed = ", ".join(str(key) for key in sorted(found))
                somewhere.problem = f"it may be any of the rows {listed}"


def _add(somewhere: Somewhere, mention: Laboratory) -> None:
    values = dict(mention.values)
    known = somewhere.said.values
    for key in PLACE:  # of several spellings one that no order decides
        value, other = values.get(key), known.get(key)
        if isinstance(value, str) and isinstance(other, str):
            if folded(value) == folded(other):
                values[key] = known[key] = min(value, other)
    somewhere.said.add(values)
    somewhere.shown = min(somewhere.shown, mention.shown)
    if mention.place is not None:
        somewhere.places.add(mention.place)


def _place_of(row: Row) -> Place:
    name, city, country = (folded(str(row.get(key) or "")) for key in PLACE)
    return name, city, country
