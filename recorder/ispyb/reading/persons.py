"""Persons by their number, and how many belong to something."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Table, func, select

from recorder.ispyb.reading.tables import Tables, parts
from recorder.ispyb.schema.read_values import as_whole


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
    found: dict[int, int] = {}
    if not (link.has(name) and link.has("personId")):
        return found
    key = link[name]
    for part in parts(ids):
        number = func.count(link["personId"].distinct())
        query = select(key.label("key"), number.label("n")).where(key.in_(part))
        for row in tables.rows(query.group_by(key)):
            found[as_whole(row["key"]) or 0] = as_whole(row["n"]) or 0
    return found
