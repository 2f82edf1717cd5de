"""Tables as a database has them: what a column promises, or nothing where it is not.

The flavours differ in columns and tables, and an account may not see all of them. A
record type names the columns that are read, its annotations say what they hold: a
column that is not there, or that holds something else, is None in the record.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar, cast, get_args, get_type_hints

from sqlalchemy import (
    Connection,
    DateTime,
    Float,
    FromClause,
    Integer,
    Select,
    String,
    column,
    func,
    null,
    select,
    table,
)
from sqlalchemy.sql import ColumnElement
from sqlalchemy.types import TypeEngine

from recorder.ispyb.people.reading import DatabaseAwayError
from recorder.ispyb.schema.live_schema import LiveSchema
from recorder.ispyb.schema.read_values import as_float, as_text, as_time, as_whole
from recorder.ispyb.schema.rows import Rows

T = TypeVar("T")
Row = Mapping[str, Any]
"""Columns by their labels."""
IDS_AT_ONCE = 500
"""Ids in one query: SQLite takes 999 parameters at least."""
_READERS: dict[type, Callable[[Any], Any]] = {
    int: as_whole,
    float: as_float,
    str: as_text,
    datetime: as_time,
}
_TYPES: dict[type, type[TypeEngine[Any]]] = {
    int: Integer,
    float: Float,
    str: String,
    datetime: DateTime,
}


@dataclass(frozen=True, slots=True)
class Known:
    """A field of a record that is a column."""

    name: str
    kind: type
    default: Any
    """Where nothing is known."""

    def read(self, value: Any) -> Any:
        """The value of a row as it is promised."""
        found = _READERS[self.kind](value)
        return self.default if found is None else found


def columns_of(kind: Any) -> tuple[Known, ...]:
    """The fields of a record type that are columns: numbers, texts and times."""
    return _columns_of(kind)


@lru_cache
def _columns_of(kind: Any) -> tuple[Known, ...]:
    hints = get_type_hints(kind)
    found = []
    for item in fields(kind):
        plain = _plain(hints[item.name])
        if plain is not None:
            default = None if item.default is MISSING else item.default
            found.append(Known(item.name, plain, default))
    return tuple(found)


def _plain(hint: Any) -> type | None:
    """``int`` for ``int`` and ``int | None``; None for what is no column."""
    parts = get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    kinds = [part for part in parts if part is not types.NoneType]
    return kinds[0] if len(kinds) == 1 and kinds[0] in _READERS else None


class LiveTable:
    """A table in one query.

    Args:
        clause: What stands in the query.
        name: Of the table in the database.
        live: The columns that are there.
    """

    def __init__(self, clause: FromClause, name: str, live: LiveSchema) -> None:
        self.clause = clause
        self._name = name
        self._live = live

    def has(self, name: str) -> bool:
        """Whether there is such a column."""
        return self._live.column(self._name, name) is not None

    def __getitem__(self, name: str) -> ColumnElement[Any]:
        """A column; NULL where it is not there."""
        return self.typed(name, None)

    def typed(self, name: str, kind: type | None) -> ColumnElement[Any]:
        """The same, of a type."""
        if not self.has(name):
            return null()
        if name in self.clause.c:
            return self.clause.c[name]
        return column(name, _TYPES[kind]() if kind else None, _selectable=self.clause)

    def of(self, kind: type, prefix: str = "") -> list[ColumnElement[Any]]:
        """The columns of a record type, labelled."""
        return [
            self.typed(item.name, None).label(f"{prefix}{item.name}")
            for item in columns_of(kind)
        ]


class Tables:
    """What one request reads.

    Args:
        connection: In a transaction.
        live: The columns that are there.
    """

    def __init__(self, connection: Connection, live: LiveSchema) -> None:
        self._connection = connection
        self.live = live

    @property
    def described(self) -> Rows:
        """The same, for queries over tables that are described."""
        return Rows(self._connection, self.live)

    def has(self, name: str) -> bool:
        """Whether there is such a table."""
        return self.live.has(name)

    def require(self, **columns: tuple[str, ...]) -> None:
        """See that columns are there, by table, without which nothing can be told.

        Raises:
            DatabaseAwayError: One is not, or this account may not read it.
        """
        for table_name, names in columns.items():
            for name in names:
                if self.live.column(table_name, name) is None:
                    raise DatabaseAwayError(
                        f"{table_name}.{name} cannot be read: grant the account of "
                        "web.ispyb.url SELECT on the tables that "
                        "docs/how-to/rights.md lists"
                    )

    def table(self, name: str, alias: str | None = None) -> LiveTable:
        """A table, by its name; see :meth:`has`."""
        clause: FromClause = table(name)
        return LiveTable(clause.alias(alias) if alias else clause, name, self.live)

    def known(self, clause: FromClause, name: str) -> LiveTable:
        """A table that is described, as it is."""
        return LiveTable(clause, name, self.live)

    def rows(self, query: Select[Any]) -> Sequence[Row]:
        """All rows."""
        found = self._connection.execute(query).mappings().all()
        return cast(Sequence[Row], found)

    def value(self, query: Select[Any]) -> Any:
        """The first value of the first row; None without one."""
        return self._connection.execute(query).scalar()

    def count(self, query: Select[Any]) -> int:
        """How many rows it has."""
        inner = query.order_by(None).subquery()
        return int(self.value(select(func.count()).select_from(inner)) or 0)

    def counts(
        self,
        source: FromClause,
        key: ColumnElement[Any],
        number: ColumnElement[Any],
        ids: Iterable[int],
    ) -> dict[int, int]:
        """What is counted of each of some rows; one of which nothing is, is left out.

        Args:
            source: What is read.
            key: Column of their ids.
            number: What is counted.
            ids: Which ones.
        """
        found: dict[int, int] = {}
        for part in parts(ids):
            query = select(key, number).select_from(source).where(key.in_(part))
            for row in self._connection.execute(query.group_by(key)):
                found[as_whole(row[0]) or 0] = as_whole(row[1]) or 0
        return found

    def page(
        self, query: Select[Any], skip: int, limit: int
    ) -> tuple[int, Sequence[Row]]:
        """How many rows there are, and some of them."""
        total = self.count(query)
        return total, self.rows(query.offset(skip).limit(limit)) if total > skip else ()

    def by_id(
        self, kind: type[T], name: str, key: str, ids: Iterable[int]
    ) -> dict[int, list[T]]:
        """Rows of a table by a column of ids, in the order of its first column.

        Args:
            kind: The record type.
            name: Of the table; where it is not there, nothing is found.
            key: The column; the record type has it.
            ids: Its values.
        """
        there = self.table(name)
        found: dict[int, list[T]] = {}
        if not there.has(key):
            return found
        for part in parts(ids):
            query = select(*there.of(kind)).select_from(there.clause)
            query = query.where(there[key].in_(part)).order_by(there[key])
            for row in self.rows(query):
                if (value := as_whole(row[key])) is not None:
                    found.setdefault(value, []).append(record(kind, row))
        return found


def parts(ids: Iterable[int]) -> Iterable[list[int]]:
    """Ids, each once, in parts that one query takes."""
    known = list(dict.fromkeys(ids))
    for first in range(0, len(known), IDS_AT_ONCE):
        yield known[first : first + IDS_AT_ONCE]


def record(kind: type[T], row: Mapping[str, Any], prefix: str = "", **more: Any) -> T:
    """A record of a row that has the columns of :meth:`LiveTable.of`."""
    values = {
        item.name: item.read(row[f"{prefix}{item.name}"])
        for item in columns_of(kind)
        if item.name not in more
    }
    return kind(**values, **more)
