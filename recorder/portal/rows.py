"""Rows of the people's tables, read in bulk and written one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, Protocol

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    String,
    Table,
    and_,
    delete,
    func,
    insert,
    select,
    update,
)

from recorder.ispyb.schema.live_schema import LiveSchema
from recorder.ispyb.schema.rows import Rows
from recorder.portal.wanted import Values

CHUNK = 500
"""Values that one query asks for: SQLite takes 32,766, and MariaDB's optimiser keeps to
the index. Chosen, not tuned."""
Row = dict[str, Any]
"""Values by column."""


class ConflictError(Exception):
    """A row is not any more as it was read: somebody else changed it meanwhile."""


class Reader:
    """Reads rows of many objects at once.

    Args:
        connection: In a transaction.
        live: The columns that the database has.
    """

    def __init__(self, connection: Connection, live: LiveSchema) -> None:
        self._rows = Rows(connection, live)
        self._live = live
        self._plain = connection.dialect.name == "sqlite"

    def where(self, table: Table, name: str, values: Iterable[Any]) -> Iterator[Row]:
        """The rows whose column has one of these values; text without regard to case.

        A table or column that is not there has none.
        """
        if self._live.column(table.name, name) is None:
            return
        column: ColumnElement[Any] = table.c[name]
        wanted = sorted(set(values))
        if self._plain and isinstance(column.type, String):
            column, wanted = func.lower(column), [v.lower() for v in wanted]
        names = self._live.columns_of(table)
        for first in range(0, len(wanted), CHUNK):
            part = wanted[first : first + CHUNK]
            query = select(*(table.c[n] for n in names)).where(column.in_(part))
            for row in self._rows.read(query):
                yield dict(zip(names, row, strict=True))


class Writer(Protocol):
    """What is done to rows; either to the database or to nothing."""

    def insert(self, table: Table, values: Values) -> int:
        """Insert a row; its key."""

    def link(self, table: Table, values: Values) -> None:
        """Insert a row whose key nobody needs, at the latest with :meth:`flush`."""

    def update(
        self, table: Table, key: int, changes: Mapping[str, tuple[Any, Any]]
    ) -> None:
        """Change columns of a row.

        Raises:
            ConflictError: It is not as it was read.
        """

    def update_link(
        self,
        table: Table,
        keys: Mapping[str, int],
        changes: Mapping[str, tuple[Any, Any]],
    ) -> None:
        """The same, of a row with a key of two columns."""

    def delete(self, table: Table, keys: Mapping[str, int]) -> None:
        """Remove a row of links."""

    def flush(self) -> None:
        """Write what waits."""


class NoWriter:
    """Writes nothing; new rows have keys below 0."""

    def __init__(self, keys: Iterator[int] | None = None) -> None:
        self._keys = keys or count(-1, -1)

    def insert(self, table: Table, values: Values) -> int:
        """A key that no row has."""
        return next(self._keys)

    def link(self, table: Table, values: Values) -> None:
        """Nothing."""

    def update(
        self, table: Table, key: int, changes: Mapping[str, tuple[Any, Any]]
    ) -> None:
        """Nothing."""

    def update_link(
        self,
        table: Table,
        keys: Mapping[str, int],
        changes: Mapping[str, tuple[Any, Any]],
    ) -> None:
        """Nothing."""

    def delete(self, table: Table, keys: Mapping[str, int]) -> None:
        """Nothing."""

    def flush(self) -> None:
        """Nothing."""


class DatabaseWriter:
    """Writes within one transaction.

    Args:
        connection: In a transaction.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: dict[tuple[str, tuple[str, ...]], tuple[Table, list[Row]]] = {}

    def insert(self, table: Table, values: Values) -> int:
        """Insert a row; its key."""
        result = self._connection.execute(insert(table).values(**values))
        key = result.inserted_primary_key
        if key is None or key[0] is None:
            raise ConflictError(f"{table.name}: the database gave no id for a new row")
        return int(key[0])

    def link(self, table: Table, values: Values) -> None:
        """Insert a row with the others of its form."""
        form = table.name, tuple(sorted(values))
        self._waiting.setdefault(form, (table, []))[1].append(dict(values))

    def update(
        self, table: Table, key: int, changes: Mapping[str, tuple[Any, Any]]
    ) -> None:
        """Change columns of a row, if it is as it was read."""
        (column,) = table.primary_key.columns
        self._update(table, [column == key], changes)

    def update_link(
        self,
        table: Table,
        keys: Mapping[str, int],
        changes: Mapping[str, tuple[Any, Any]],
    ) -> None:
        """Change columns of a row of links, if it is as it was read."""
        self._update(table, _where(table, keys), changes)

    def _update(
        self,
        table: Table,
        where: Sequence[ColumnElement[bool]],
        changes: Mapping[str, tuple[Any, Any]],
    ) -> None:
        same = [
            table.c[name].is_not_distinct_from(old)
            for name, (old, _) in changes.items()
            if isinstance(table.c[name].type, String | Integer | LargeBinary)
        ]
        values = {name: new for name, (_, new) in changes.items()}
        done = self._connection.execute(
            update(table).where(and_(*where, *same)).values(**values)
        )
        if not done.rowcount:
            raise ConflictError(f"a row of {table.name} was changed meanwhile")

    def delete(self, table: Table, keys: Mapping[str, int]) -> None:
        """Remove rows of links."""
        self._connection.execute(delete(table).where(*_where(table, keys)))

    def flush(self) -> None:
        """Insert what waits, each form in one statement."""
        for table, rows in self._waiting.values():
            self._connection.execute(insert(table), rows)
        self._waiting.clear()


def _where(table: Table, keys: Mapping[str, int]) -> list[ColumnElement[bool]]:
    return [table.c[name] == key for name, key in keys.items()]
