"""Persons by their number."""

from __future__ import annotations

from dataclasses import dataclass

from recorder.ispyb.reading.tables import Tables


@dataclass(frozen=True, slots=True)
class PersonName:
    """Who somebody is."""

    personId: int | None = None
    login: str | None = None
    givenName: str | None = None
    familyName: str | None = None


def person(tables: Tables, person_id: int | None) -> PersonName | None:
    """A person; None if nobody has the number."""
    if person_id is None:
        return None
    found = tables.by_id(PersonName, "Person", "personId", (person_id,))
    return next(iter(found.get(person_id, [])), None)
