"""Columns of several tables in one row: asked for, and taken apart again.

What a database lacks is null. Text that is looked for is compared only where the
column's character set can hold it: MariaDB refuses the comparison otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    false,
    func,
    literal,
    null,
    select,
)

from recorder.ispyb.schema.live_schema import LiveSchema
from recorder.ispyb.schema.rows import Rows

T = TypeVar("T")
_CODECS = {"latin1": "cp1252", "ascii": "ascii"}
"""Character sets of a server, and what Python calls them."""
_WIDE = ("utf8", "utf8mb3")
"""Character sets without what needs four bytes."""


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """Some of what was looked for."""

    total: int
    """How many there are in all."""
    results: tuple[T, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Which of them are wanted."""

    skip: int = 0
    limit: int = 25


@dataclass(frozen=True, slots=True)
class Part:
    """Columns of one table."""

    table: Table
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        unknown = set(self.names) - set(self.table.c.keys())
        if unknown:
            raise KeyError(f"{self.table.name} is described without {unknown}")

    def columns(self, live: LiveSchema) -> list[ColumnElement[Any]]:
        """To select; null where the database has no such column."""
        return [column(live, self.table, name) for name in self.names]


def column(live: LiveSchema, table: Table, name: str) -> ColumnElement[Any]:
    """A column, or null where the database has none."""
    if live.column(table.name, name) is None:
        return null().label(name)
    return table.c[name]


def has(live: LiveSchema, *tables: Table) -> bool:
    """Whether all these tables are there."""
    return all(live.has(table.name) for table in tables)


def columns(live: LiveSchema, parts: Iterable[Part]) -> list[ColumnElement[Any]]:
    """All their columns."""
    return [found for part in parts for found in part.columns(live)]


def apart(row: Sequence[Any], parts: Iterable[Part]) -> list[dict[str, Any]]:
    """A row's values by column, part by part."""
    rest = iter(row)
    return [{name: next(rest) for name in part.names} for part in parts]


def joined(live: LiveSchema, start: Any, *steps: tuple[Table, Any]) -> Any:
    """Outer joins to those tables that are there.

    Args:
        live: What is there.
        start: Table or join.
        steps: A table and its condition; it is left out with its table.
    """
    for table, condition in steps:
        if has(live, table):
            start = start.outerjoin(table, condition)
    return start


def paged(rows: Rows, query: Select[Any], page: Page) -> tuple[int, list[Any]]:
    """How many rows a query has, and some of them.

    Args:
        rows: The database.
        query: Has one row for each thing, in an order without doubt.
        page: Which ones.
    """
    counted = select(func.count()).select_from(query.order_by(None).subquery())
    ((total,),) = rows.read(counted)
    if page.skip >= total:
        return total, []
    return total, list(rows.read(query.offset(page.skip).limit(page.limit)))


def holds(live: LiveSchema, of: ColumnElement[Any], value: str) -> bool:
    """Whether a column could hold a text at all."""
    table = getattr(of, "table", None)
    found = live.column(table.name, of.name) if table is not None else None
    if found is None:
        return False
    if found.charset in _WIDE and any(ord(c) > 0xFFFF for c in value):
        return False
    try:
        value.encode(_CODECS.get(found.charset, "utf-8"))
    except UnicodeEncodeError:
        return False
    return True


def equal(live: LiveSchema, of: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    """That a column has a text, without regard to case."""
    if not holds(live, of, value):
        return false()
    return func.lower(of) == value.lower()


def holding(
    live: LiveSchema, of: ColumnElement[Any], value: str
) -> ColumnElement[bool]:
    """That a text is somewhere in a column, without regard to case."""
    if not holds(live, of, value):
        return false()
    return func.lower(of).contains(value.lower(), autoescape=True)


def named(
    live: LiveSchema, one: ColumnElement[Any], other: ColumnElement[Any], value: str
) -> ColumnElement[bool]:
    """That two columns make a text together, such as a proposal's code and number."""
    if not (holds(live, one, value) and holds(live, other, value)):
        return false()
    return func.lower(one + other) == literal(value.lower())
