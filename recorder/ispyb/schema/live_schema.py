"""The columns that a database really has: what fits into them is decided by them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Engine, String, Table, inspect, text

from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.left_out import LeftOut
from recorder.ispyb.schema.people_tables import people
from recorder.ispyb.schema.read_run_tables import read_runs
from recorder.ispyb.schema.read_tables import read_only
from recorder.ispyb.schema.read_values import as_text

MAX_INT = 2**31 - 1
"""Largest value of a column of type INT, which has 32 bits and a sign."""
# Tables that are latin1 in every flavour, for a database that does not tell.
_LATIN1_TABLES = (
    "DataCollection",
    "DataCollectionGroup",
    "AutoProcProgram",
    "AutoProcProgramAttachment",
    "BLSample",
)
_MAXIMA = {
    "tinyint": 127,
    "smallint": 2**15 - 1,
    "mediumint": 2**23 - 1,
    "int": MAX_INT,
    "bigint": 2**63 - 1,
}


@dataclass(frozen=True, slots=True)
class LiveColumn:
    """What one column takes."""

    length: int | None = None
    """Characters; None if it is no text or takes any length."""
    charset: str = "utf8mb4"
    choices: tuple[str, ...] = ()
    """Values of an enumeration; empty if it is none."""
    maximum: int = MAX_INT
    """Largest whole number."""
    kind: str = ""
    """The database's word for its type; empty where that says nothing."""
    nullable: bool = True
    unsigned: bool = False


class LiveSchema:
    """Tables and columns as they are, by name and without regard to case.

    Args:
        columns: Columns by ``table`` and name.
    """

    def __init__(self, columns: Mapping[str, Mapping[str, LiveColumn]]) -> None:
        self._columns = {
            f"{table}.{name}".lower(): column
            for table, found in columns.items()
            for name, column in found.items()
        }
        self._tables = {table.lower() for table in columns}
        self.left_out = LeftOut()
        """What of runs was said not to fit."""

    def hiding(self, names: Iterable[str]) -> LiveSchema:
        """The same without columns (``Table.column``) that are not to be used."""
        hidden = {name.lower() for name in names}
        found = LiveSchema({})
        found._tables, found.left_out = self._tables, self.left_out
        found._columns = {k: v for k, v in self._columns.items() if k not in hidden}
        return found

    def has(self, table: str) -> bool:
        """Whether there is such a table that we may see."""
        return table.lower() in self._tables

    def column(self, table: str, name: str) -> LiveColumn | None:
        """What a column takes, None if it is not there."""
        return self._columns.get(f"{table}.{name}".lower())

    def columns_of(self, table: Table) -> list[str]:
        """The columns of ours that the table has."""
        return [c.name for c in table.columns if self.column(table.name, c.name)]

    @property
    def empty(self) -> bool:
        """No table at all."""
        return not self._tables


def read_live(engine: Engine) -> LiveSchema:
    """Read the columns of all tables that we know.

    A table on which the account has no right at all is not there for it.
    """
    if engine.dialect.name == "sqlite":
        return LiveSchema(_of_sqlite(engine))
    return LiveSchema(_of_mariadb(engine))


def _all_tables() -> list[Table]:
    """Those that are written last: what these say of a column counts."""
    return [
        table
        for metadata in (read_only, read_runs, t.metadata, t.optional, people)
        for table in metadata.sorted_tables
    ]


def _of_mariadb(engine: Engine) -> dict[str, dict[str, LiveColumn]]:
    query = text(
        "SELECT table_name, column_name, data_type, column_type, "
        "character_maximum_length, character_set_name, is_nullable "
        "FROM information_schema.columns WHERE table_schema = DATABASE()"
    )
    found: dict[str, dict[str, LiveColumn]] = {}
    with engine.connect() as db:
        for row in db.execute(query):
            texts = (as_text(value) or "" for value in row)
            table, name, kind, full, length, charset, nullable = texts
            found.setdefault(table, {})[name] = LiveColumn(
                length=None if not length or kind == "enum" else int(length),
                charset=charset or "utf8mb4",
                choices=_choices(full) if kind == "enum" else (),
                maximum=_maximum(kind, full),
                kind=kind,
                nullable=nullable == "YES",
                unsigned="unsigned" in full,
            )
    return found


def _choices(column_type: str) -> tuple[str, ...]:
    """The values of ``enum('a','b')``."""
    found = re.findall(r"'((?:[^']|'')*)'", column_type)
    return tuple(value.replace("''", "'") for value in found)


def _maximum(kind: str, column_type: str) -> int:
    largest = _MAXIMA.get(kind, MAX_INT)
    return 2 * largest + 1 if "unsigned" in column_type else largest


def _of_sqlite(engine: Engine) -> dict[str, dict[str, LiveColumn]]:
    """SQLite checks neither lengths nor character sets: take those of the schema."""
    inspector = inspect(engine)
    there = set(inspector.get_table_names())
    found: dict[str, dict[str, LiveColumn]] = {}
    for table in _all_tables():
        if table.name in there:
            free = {c["name"]: c["nullable"] for c in inspector.get_columns(table.name)}
            found.setdefault(table.name, {}).update(
                (
                    column.name,
                    replace(
                        _as_declared(table, column.type), nullable=free[column.name]
                    ),
                )
                for column in table.columns
                if column.name in free
            )
    return found


def _as_declared(table: Table, kind: object) -> LiveColumn:
    if not isinstance(kind, String):
        return LiveColumn()
    charset = "latin1" if table.name in _LATIN1_TABLES else "utf8mb4"
    return LiveColumn(kind.length, charset)
