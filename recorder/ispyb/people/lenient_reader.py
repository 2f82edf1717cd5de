"""Reads tables that may be missing or denied: what is not there gives nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    null,
    select,
    type_coerce,
)
from sqlalchemy.exc import SQLAlchemyError

from recorder.ispyb.people.reading import is_denied
from recorder.ispyb.schema.live_schema import LiveSchema
from recorder.ispyb.schema.rows import Rows


class LenientReader:
    """Reads rows, and remembers what could not be read.

    Args:
        connection: In a transaction.
        live: The columns that the database shows this account.
    """

    def __init__(self, connection: Connection, live: LiveSchema) -> None:
        self._rows = Rows(connection, live)
        self._live = live
        self.problems: list[str] = []
        """Tables and columns that gave nothing, each once."""

    def read(
        self,
        columns: Sequence[Column[Any]],
        refine: Callable[[Select[Any]], Select[Any]],
        needed: Sequence[Column[Any]] | None = None,
    ) -> list[tuple[Any, ...]]:
        """Rows; none, and a problem, where a table cannot be read.

        Args:
            columns: What to read; what is not needed and not there is NULL.
            refine: Adds tables, conditions and order.
            needed: Columns without which nothing is read; None: all that are read.
        """
        if missing := self._missing(columns if needed is None else needed):
            self._tell(f"{missing} missing or denied")
            return []
        there = [self._or_null(column) for column in columns]
        query: Select[Any] = refine(select(*there))
        try:
            return self._rows.read(query)
        except SQLAlchemyError as error:
            if not is_denied(error):
                raise
            self._tell(f"SELECT on {_tables(columns)} denied")
            return []

    def _missing(self, columns: Sequence[Column[Any]]) -> str:
        for column in columns:
            table, name = column.table.name, column.name
            if not self._live.has(table):
                return f"table {table}"
            if self._live.column(table, name) is None:
                return f"column {table}.{name}"
        return ""

    def _or_null(self, column: Any) -> ColumnElement[Any]:
        if self._live.column(column.table.name, column.name) is not None:
            there: ColumnElement[Any] = column
            return there
        return type_coerce(null(), column.type)

    def _tell(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def _tables(columns: Sequence[Any]) -> str:
    return ", ".join(dict.fromkeys(column.table.name for column in columns))
