"""One run of a journal as a journal of its own: copied, and compared row by row."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from recorder.errors import JournalError
from recorder.journal.file_angles import ANGLES
from recorder.journal.kept_labels import CHIP, FACTS, LABELS
from recorder.journal.schema import FORMAT, INDEX, SCHEMA
from recorder.records.outcome_codec import JOURNAL_COLUMNS
from recorder.runtime.host_clock import arrival_ns

ARCHIVED = "archived"
"""Name in the table ``meta`` of a file that has one run of a journal."""
COPIED_KINDS = (FACTS, LABELS, CHIP, ANGLES)
"""Snapshots that go with a run: those of images and events say what rows say."""
_RECORDS = "seq, run, kind, time_ns, body"
_CHUNKS = "run, kind, number, upto, body"
_IMAGES = ", ".join(JOURNAL_COLUMNS)


def copy_run(
    journal: Path, journal_id: str, run: str, names: list[str], to: Path
) -> None:
    """Write a run as a journal of its own.

    Args:
        journal: The journal's file; it is only read.
        journal_id: Its id.
        run: Uid of the run.
        names: Under which names its events stand.
        to: A file that is there and empty.

    Raises:
        JournalError: It cannot be read or written.
    """
    with _attached(to, journal) as db:
        db.execute("PRAGMA main.journal_mode=OFF")
        db.execute("PRAGMA main.synchronous=OFF")  # it is read again before it counts
        db.executescript(SCHEMA)
        told = {"run": run, "time_ns": arrival_ns()}
        meta = [("format", FORMAT), ("id", journal_id), (ARCHIVED, json.dumps(told))]
        db.executemany("INSERT INTO main.meta VALUES (?, ?)", meta)
        db.execute("BEGIN")
        for step in INDEX:
            db.execute(step)
        marks = ",".join("?" * len(names))
        db.execute(
            f"INSERT INTO main.records ({_RECORDS}) SELECT {_RECORDS} "
            f"FROM live.records WHERE run IN ({marks}) ORDER BY seq",
            names,
        )
        db.execute(
            "INSERT INTO main.run_ids SELECT * FROM live.run_ids WHERE uid = ?", (run,)
        )
        db.execute(
            f"INSERT INTO main.images (run, {_IMAGES}) SELECT run, {_IMAGES} "
            "FROM live.images WHERE run = (SELECT id FROM live.run_ids WHERE uid = ?) "
            "ORDER BY image_id",
            (run,),
        )
        kinds = ",".join("?" * len(COPIED_KINDS))
        db.execute(
            f"INSERT INTO main.chunks ({_CHUNKS}) SELECT {_CHUNKS} FROM live.chunks "
            f"WHERE run = ? AND kind IN ({kinds})",
            (run, *COPIED_KINDS),
        )
        db.execute("INSERT INTO main.ids SELECT * FROM live.ids WHERE run = ?", (run,))
        db.execute("COMMIT")


def compare_run(
    journal: Path, run: str, names: list[str], copy: Path
) -> tuple[int, int]:
    """See that a copy has every row of a run, and no other.

    Args:
        journal: The journal's file.
        run: Uid of the run.
        names: Under which names its events stand.
        copy: Where :func:`copy_run` wrote.

    Returns:
        How many images there are, and how many records.

    Raises:
        JournalError: They differ: the run changed meanwhile, or a disk lies.
    """
    marks = ",".join("?" * len(names))
    mine = "(SELECT id FROM live.run_ids WHERE uid = ?)"
    with _attached(copy, journal) as db:
        db.execute("BEGIN")
        images = _equal(
            db, "images", ("image_id",), JOURNAL_COLUMNS, f"run = {mine}", [run]
        )
        columns = tuple(_RECORDS.split(", "))
        records = _equal(db, "records", ("seq",), columns, f"run IN ({marks})", names)
        kinds = ",".join("?" * len(COPIED_KINDS))
        _equal(
            db,
            "chunks",
            ("run", "kind", "number"),
            tuple(_CHUNKS.split(", ")),
            f"run = ? AND kind IN ({kinds})",
            [run, *COPIED_KINDS],
        )
        db.execute("COMMIT")
    return images, records


def missing_rows(
    journal: Path, run: str, names: list[str], copy: Path, but: Sequence[str]
) -> tuple[int, int]:
    """Rows of a copy that a journal does not have as they are there.

    Args:
        journal: The journal's file.
        run: Uid of the run.
        names: Under which names its events stand.
        copy: Where :func:`copy_run` wrote.
        but: Kinds of records that do not count.

    Returns:
        Images, and records.

    Raises:
        JournalError: One of them cannot be read.
    """
    known, kinds = ",".join("?" * len(names)), ",".join("?" * len(but))
    mine = "l.run = (SELECT id FROM live.run_ids WHERE uid = ?)"
    same = _same(JOURNAL_COLUMNS)
    columns = tuple(_RECORDS.split(", "))
    with _attached(copy, journal) as db:
        (images,) = db.execute(
            "SELECT COUNT(*) FROM main.images AS c LEFT JOIN live.images AS l "
            f"ON {mine} AND l.image_id = c.image_id WHERE NOT ({same})",
            (run,),
        ).fetchone()
        (records,) = db.execute(
            "SELECT COUNT(*) FROM main.records AS c LEFT JOIN live.records AS l "
            f"ON l.seq = c.seq WHERE c.run IN ({known}) AND c.kind NOT IN ({kinds}) "
            f"AND NOT ({_same(columns)})",
            (*names, *but),
        ).fetchone()
    return int(images), int(records)


def _same(columns: tuple[str, ...]) -> str:
    """That two rows have the same in these columns."""
    return " AND ".join(f"l.{name} IS c.{name}" for name in columns)


def _equal(
    db: sqlite3.Connection,
    table: str,
    key: tuple[str, ...],
    columns: tuple[str, ...],
    mine: str,
    values: list[str],
) -> int:
    """How many rows both have, of a table of the attached journals."""
    (live,) = db.execute(
        f"SELECT COUNT(*) FROM live.{table} WHERE {mine}", values
    ).fetchone()
    (there,) = db.execute(f"SELECT COUNT(*) FROM main.{table}").fetchone()
    on = " AND ".join(f"l.{name} = c.{name}" for name in key)
    if table == "images":
        on = f"l.run = c.run AND {on}"
    (both,) = db.execute(
        f"SELECT COUNT(*) FROM main.{table} AS c JOIN live.{table} AS l ON {on} "
        f"WHERE {_same(columns)}"
    ).fetchone()
    if not live == there == both:
        raise JournalError(
            f"table {table}: {live} rows in the journal, {there} in the archive, of "
            f"which {both} are the same; nothing was removed from the journal"
        )
    return int(live)


@contextmanager
def _attached(main: Path, live: Path) -> Iterator[sqlite3.Connection]:
    """A connection to one journal, with another beside it that is only read."""
    try:
        uri = main.resolve().as_uri()
        made = sqlite3.connect(uri, uri=True, timeout=30.0, isolation_level=None)
        with closing(made) as db:
            db.execute("ATTACH ? AS live", (f"{live.resolve().as_uri()}?mode=ro",))
            yield db
    except sqlite3.Error as error:
        raise JournalError(f"{main}: cannot archive: {error}") from error
