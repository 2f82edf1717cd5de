"""Persons by their number, and how many belong to something."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Table, func

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


def persons_by(
    tables: Tables, links: Table, name: str, ids: Iterable[int]
) -> dict[int, int]:
    """How many persons belong to each of some rows.

    Args:
        tables: The database.
        links: The table that links persons to these rows.
        name: Its column with their numbers.
        ids: The rows; one without persons, and all where the links cannot be read, are
            left out.
    """
    link = tables.known(links, links.name)
    if not (link.has(name) and link.has("personId")):
        return {}
    number = func.count(link["personId"].distinct())
    return tables.counts(link.clause, link[name], number, ids)
