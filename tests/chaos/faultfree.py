"""What the database would hold if nothing had ever failed, row by row.

The journal is written once more, from its first record on, into a new database of the
same flavour, with nothing in the way. Every row of every table must be the same.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from recorder.config import Settings
from tests.chaos.stage import Stage
from tests.ispyb import write
from tests.servers import Database

Rows = Counter[tuple[tuple[str, Any], ...]]
OF_THE_WRITE = frozenset(
    {"bltimeStamp", "createdTimeStamp", "lastUpdate", "recordTimeStamp", "source"}
)
"""Columns with the time of the write itself, or the account."""
SHOWN = 3


@dataclass
class Comparison:
    """The rows of both databases."""

    rows: int = 0
    """Of the database that lived through the faults."""
    doubled: int = 0
    lost: int = 0
    different: int = 0
    shown: list[str] = field(default_factory=list)
    """Some of the rows that are different."""

    @property
    def good(self) -> bool:
        """Nothing is lost, doubled or different."""
        return not self.different

    def __str__(self) -> str:
        return f"{self.rows} rows compared, lost {self.lost}, doubled {self.doubled}"

    def add(self, table: str, found: Rows, wanted: Rows) -> None:
        """Compare the rows of a table."""
        self.rows += found.total()
        more, fewer = found - wanted, wanted - found
        self.doubled += max(0, found.total() - wanted.total())
        self.lost += max(0, wanted.total() - found.total())
        for sign, rows in (("+", more), ("-", fewer)):
            self.different += rows.total()
            self.shown += [
                f"{table} {sign}{count} {dict(row)}"
                for row, count in list(rows.items())[:SHOWN]
            ]


def compare(stage: Stage) -> Comparison:
    """Compare a stage's database with one that is written without faults."""
    clean = stage.new_database()
    folder = stage.folder / "faultfree"
    write(_settings(stage, clean, folder))
    comparison = Comparison()
    found, wanted = _tables(stage.database), _tables(clean)
    for table in sorted(found.keys() | wanted.keys()):
        comparison.add(table, found.get(table, Counter()), wanted.get(table, Counter()))
    clean.drop()
    shutil.rmtree(folder)
    return comparison


def _settings(stage: Stage, clean: Database, folder: Path) -> Settings:
    """For a copy of the journal that no sink has read yet."""
    settings = stage.settings
    copied = settings.model_copy(
        update={
            "state_directory": folder,
            # the names of result files stand in the database
            "results_directory": settings.results,
            "ispyb": settings.ispyb.model_copy(
                update={"url": clean.url, "password": SecretStr(clean.password)}
            ),
        }
    )
    copied.journal_path.parent.mkdir(parents=True)
    with (
        closing(sqlite3.connect(settings.journal_path)) as journal,
        closing(sqlite3.connect(copied.journal_path)) as copy,
    ):
        journal.backup(copy)
        with copy:
            for table in ("ids", "cursors", "parked", "retries", "dropped"):
                copy.execute(f"DELETE FROM {table}")
    return copied


def _tables(database: Database) -> dict[str, Rows]:
    """The rows of all tables that have some."""
    owners = _owners(database)
    names = database.rows(
        "SELECT TABLE_NAME AS name FROM information_schema.TABLES "
        "WHERE TABLE_SCHEMA=%s AND TABLE_TYPE='BASE TABLE'",
        database.name,
    )
    found = {
        row["name"]: database.rows(f"SELECT * FROM {row['name']}") for row in names
    }
    ranks = {
        column: {n: i for i, n in enumerate(sorted(r[column] for r in found[table]))}
        for column, table in owners.items()
    }
    return {
        table: Counter(_comparable(row, table, owners, ranks) for row in rows)
        for table, rows in found.items()
        if rows
    }


def _owners(database: Database) -> dict[str, str]:
    """Names of columns that count up, and the table in which each does."""
    rows = database.rows(
        "SELECT TABLE_NAME AS name, COLUMN_NAME AS col FROM information_schema.COLUMNS "
        "WHERE TABLE_SCHEMA=%s AND EXTRA LIKE '%%auto_increment%%'",
        database.name,
    )
    return {row["col"]: row["name"] for row in rows}


def _comparable(
    row: Mapping[str, Any],
    table: str,
    owners: Mapping[str, str],
    ranks: Mapping[str, Mapping[int, int]],
) -> tuple[tuple[str, Any], ...]:
    """Without its own id; ids of other rows as their places in their tables.

    Ids have gaps where a transaction was undone.
    """
    values = []
    for column, value in row.items():
        own = owners.get(column) == table or column in OF_THE_WRITE
        if value is not None and not own:
            values.append((column, ranks.get(column, {}).get(value, value)))
    return tuple(values)
