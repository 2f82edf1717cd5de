"""One transaction's view of the rows: found, inserted, updated, never deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    Executable,
    Select,
    Table,
    and_,
    insert,
    select,
    type_coerce,
    update,
)
from sqlalchemy.types import NULLTYPE

from recorder.errors import SinkError
from recorder.ispyb.schema.live_schema import LiveSchema
from recorder.ispyb.schema.read_values import read_value
from recorder.ispyb.schema.values import fit


class Rows:
    """Reads and writes rows within one transaction.

    Args:
        connection: In a transaction.
        live: The columns that the database has; values are fitted to them.
    """

    def __init__(self, connection: Connection, live: LiveSchema) -> None:
        self._connection = connection
        self.live = live

    def run(self, statement: Executable) -> None:
        """Run a statement that gives no rows."""
        self._connection.execute(statement)

    def read(self, query: Select[Any]) -> list[tuple[Any, ...]]:
        """The rows of a query; every value is what its column's type promises, or None.

        What a driver makes of zero dates, or of text in a column of numbers, does not
        get beyond here (:mod:`recorder.ispyb.schema.read_values`).
        """
        columns = list(query.selected_columns)
        plain = query.with_only_columns(
            *(type_coerce(c, NULLTYPE).label(f"c{n}") for n, c in enumerate(columns)),
            maintain_column_froms=True,
        )
        return [
            tuple(
                read_value(c.type, value) for c, value in zip(columns, row, strict=True)
            )
            for row in self._connection.execute(plain)
        ]

    def insert(self, table: Table, values: Mapping[str, Any]) -> int:
        """Insert one row; its new id.

        Raises:
            SinkError: A value does not fit, or the database gave no id.
        """
        row = fit(self.live, table, dict(values))
        result = self._connection.execute(insert(table).values(**row))
        key = result.inserted_primary_key
        if key is None:
            raise SinkError(f"{table.name}: the database gave no id for a new row")
        return int(key[0])

    def insert_many(
        self,
        table: Table,
        rows: Sequence[Mapping[str, Any]],
        *,
        but_those_there: bool = False,
    ) -> None:
        """Insert rows whose ids nobody needs, in one statement.

        Args:
            table: Where.
            rows: Values; all have the same columns.
            but_those_there: Leave rows alone whose key is taken: another's word stays.
        """
        fitted = [fit(self.live, table, dict(row)) for row in rows]
        statement = insert(table)
        if but_those_there:
            sqlite = self._connection.dialect.name == "sqlite"
            statement = statement.prefix_with("OR IGNORE" if sqlite else "IGNORE")
        if fitted:
            self._connection.execute(statement, fitted)

    def update(self, table: Table, key: int, values: Mapping[str, Any]) -> None:
        """Change columns of a row.

        Args:
            table: Its table.
            key: Its primary key.
            values: New values by column; columns that the database lacks are left out.
        """
        fitted = fit(self.live, table, dict(values))
        if fitted:
            self._connection.execute(
                update(table).where(_key(table) == key).values(**fitted)
            )

    def ids(self, table: Table, **match: Any) -> list[int]:
        """Primary keys of the rows that match, ascending.

        Columns that the database does not have match everything.
        """
        fitted = fit(self.live, table, match)
        where = and_(True, *(table.c[name] == value for name, value in fitted.items()))
        found = self.read(select(_key(table)).where(where).order_by(_key(table)))
        return [number for (number,) in found]

    def find_or_create(
        self, table: Table, match: Mapping[str, Any], more: Mapping[str, Any]
    ) -> int:
        """The id of the first row that matches, else of a new one.

        Args:
            table: Where to look.
            match: Values by column that the row must have.
            more: Further values by column, for a new row only.
        """
        found = self.ids(table, **match)
        return found[0] if found else self.insert(table, {**match, **more})

    def names(self, table: Table, name: str = "name") -> dict[str, int]:
        """Ids of a table of types, by name."""
        found = self.read(select(table.c[name], _key(table)))
        return {text: number for text, number in found if text is not None}


def _key(table: Table) -> Any:
    return next(iter(table.primary_key.columns))
