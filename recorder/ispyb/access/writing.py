"""Writes rows of rights; a right that the account lacks is named with its table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from recorder.errors import SinkDeniedError, SinkError
from recorder.ispyb.people.reading import is_denied
from recorder.ispyb.schema.live_schema import LiveSchema
from recorder.ispyb.schema.rows import Rows
from recorder.ispyb.schema.values import fit


class Writer:
    """Finds, inserts and deletes rows in one transaction.

    Args:
        connection: In a transaction.
        live: The columns that the database shows this account.
    """

    def __init__(self, connection: Connection, live: LiveSchema) -> None:
        self._connection = connection
        self._rows = Rows(connection, live)
        self.live = live

    def all(self, table: Table, *columns: str) -> list[tuple[Any, ...]]:
        """All rows of a small table."""
        return self._select(table, columns, {})

    def where(self, table: Table, columns: str, **match: Any) -> list[tuple[Any, ...]]:
        """Rows that match; columns stand apart by blanks."""
        return self._select(table, tuple(columns.split()), match)

    def _select(
        self, table: Table, columns: tuple[str, ...], match: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        if not self.live.has(table.name):
            if self._connection.dialect.name == "sqlite":
                raise SinkDeniedError(_NO_TABLES.format(table.name))
            raise SinkDeniedError(_grant("SELECT", table, "cannot see"))
        query = select(*(table.c[name] for name in columns)).filter_by(**match)
        with self._naming(table, "SELECT"):
            return self._rows.read(query.order_by(*table.primary_key.columns))

    def insert(self, table: Table, **values: Any) -> int:
        """A new row; its id."""
        row = fit(self.live, table, values)
        with self._naming(table, "INSERT"):
            made = self._connection.execute(insert(table).values(**row))
        return int((made.inserted_primary_key or (0,))[0])

    def delete(self, table: Table, **match: Any) -> int:
        """Remove rows that match; how many there were."""
        with self._naming(table, "DELETE"):
            return self._connection.execute(delete(table).filter_by(**match)).rowcount

    def update(self, table: Table, key: int, **values: Any) -> None:
        """Change a row."""
        with self._naming(table, "UPDATE"):
            self._rows.update(table, key, values)

    @contextmanager
    def _naming(self, table: Table, right: str) -> Iterator[None]:
        """Say which right is wanting.

        Raises:
            SinkDeniedError: The account lacks it.
            SinkError: Somebody else was quicker.
        """
        try:
            yield
        except IntegrityError as error:
            raise SinkError(
                f"{table.name}: {error.orig}; somebody may have changed it at the same "
                "moment: call it again"
            ) from error
        except DBAPIError as error:
            if not is_denied(error):
                raise
            raise SinkDeniedError(_grant(right, table, f"may not {right}")) from error


_NO_TABLES = (
    "the SQLite file of ispyb.url has no table {}: it is none of ISPyB; leave "
    "ispyb.url out for the embedded database, which is made when it is needed"
)


def _grant(right: str, table: Table, what: str) -> str:
    return (
        f"the account of ispyb.url {what} table {table.name}: have it granted "
        f"({right} on {table.name}), or call this with the configuration of an account "
        "that has it (-c FILE); see docs/how-to/rights.md"
    )
