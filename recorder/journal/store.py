"""The journal's file: SQLite in WAL mode.

Whatever must survive is committed here before anyone is told about it. With
``synchronous=FULL`` each commit is synced to disk, so it survives a power cut as well
as ``kill -9``; with ``NORMAL`` a power cut may take the last commits, but never half of
one: the log's frames carry checksums, and what is not whole is not there.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from recorder.errors import JournalError
from recorder.records import Json

Seq = int
IMAGES_PER_CHUNK = 16_384
"""Image ids that are packed together, see :mod:`recorder.journal.chunks`."""
FORMAT = "3"
WAL_BYTES = 64 << 20
"""The write-ahead log is cut back to so much once it is in the file."""
DAMAGED = (
    "the file is damaged: move it away (keep it) and start again; what the sinks wrote "
    "is not lost"
)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS records (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT, kind TEXT NOT NULL,
  time_ns INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS records_by_run ON records (run, kind);
CREATE INDEX IF NOT EXISTS records_by_kind ON records (kind, seq);
CREATE TABLE IF NOT EXISTS run_ids (id INTEGER PRIMARY KEY, uid TEXT UNIQUE NOT NULL);
CREATE TABLE IF NOT EXISTS images (
  run INTEGER NOT NULL, image_id INTEGER NOT NULL, outcome TEXT NOT NULL,
  start_time_ns INTEGER, stop_time_ns INTEGER, received_ns INTEGER NOT NULL,
  spots INTEGER NOT NULL, resolution REAL, background REAL,
  saturated INTEGER NOT NULL, detail TEXT,
  solvent REAL, learned INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (run, image_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS chunks (
  run TEXT NOT NULL, kind TEXT NOT NULL, number INTEGER NOT NULL,
  upto INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (run, kind, number));
CREATE TABLE IF NOT EXISTS cursors (sink TEXT PRIMARY KEY, seq INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS parked (
  sink TEXT NOT NULL, seq INTEGER NOT NULL, run TEXT, error TEXT NOT NULL,
  time_ns INTEGER NOT NULL, PRIMARY KEY (sink, seq));
CREATE TABLE IF NOT EXISTS dropped (
  sink TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (sink, seq));
CREATE TABLE IF NOT EXISTS ids (
  sink TEXT NOT NULL, run TEXT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (sink, run));
"""


_MIGRATIONS = {
    "1": (
        "ALTER TABLE images ADD COLUMN solvent REAL",
        "ALTER TABLE images ADD COLUMN learned INTEGER NOT NULL DEFAULT 0",
        "UPDATE meta SET value = '2' WHERE key = 'format'",
    ),
    "2": ("UPDATE meta SET value = '3' WHERE key = 'format'",),
}
"""Statements that bring a journal of an older format to the next one."""


@dataclass(frozen=True, slots=True)
class Record:
    """One journal entry."""

    seq: Seq
    run: str | None
    kind: str
    time_ns: int
    body: Json


@dataclass(frozen=True, slots=True)
class ImageRow:
    """What became of one image."""

    run: str
    image_id: int
    outcome: str
    start_time_ns: int | None = None
    stop_time_ns: int | None = None
    received_ns: int = 0
    spots: int = 0
    resolution: float | None = None
    background: float | None = None
    saturated: int = 0
    detail: str | None = None
    """JSON: lattices of an indexed image, reason of an unprocessed one."""
    solvent: float | None = None
    learned: int = 0


@dataclass(frozen=True, slots=True)
class NewRecord:
    """An entry to append."""

    kind: str
    run: str | None
    body: Any
    time_ns: int


class Journal:
    """One connection to the journal; use each from one thread at a time.

    Args:
        path: The file; made with its folder unless ``read_only``.
        read_only: For commands that only look.
        owner: Take the lock that only one recorder may hold.
        synchronous: ``full`` or ``normal``, see above.

    Raises:
        JournalError: No such file, another format, or another owner.
    """

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool = False,
        owner: bool = False,
        synchronous: Literal["full", "normal"] = "full",
    ) -> None:
        self.path = path
        self._synchronous = synchronous
        self._lock_file: IO[str] | None = None
        self._lock = threading.Lock()
        if read_only and not path.is_file():
            raise JournalError(f"{path}: no journal yet; nothing has been recorded")
        try:
            if not read_only:
                path.parent.mkdir(parents=True, exist_ok=True)
            if owner:
                self._lock_file = _take_lock(path)
            self._db = sqlite3.connect(
                f"{path.resolve().as_uri()}{'?mode=ro' if read_only else ''}",
                uri=True,
                timeout=30.0,
                isolation_level=None,
                check_same_thread=False,
            )
            self._open(read_only)
        except sqlite3.DatabaseError as error:
            damaged = not isinstance(error, sqlite3.OperationalError)
            raise JournalError(
                f"{path}: cannot open the journal: {error}; "
                + (DAMAGED if damaged else "check the folder's owner and free space")
            ) from error
        except OSError as error:
            raise JournalError(
                f"{path}: cannot open the journal: {error}; check the folder's owner "
                "and free space"
            ) from error

    def _open(self, read_only: bool) -> None:
        if not read_only:
            # only a new file takes it: then removed rows give their space back
            self._db.execute("PRAGMA auto_vacuum=INCREMENTAL")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute(f"PRAGMA journal_size_limit={WAL_BYTES}")
            self._db.execute(f"PRAGMA synchronous={self._synchronous.upper()}")
            self._db.executescript(_SCHEMA)
            self._db.execute(
                "INSERT OR IGNORE INTO meta VALUES ('format', ?)", (FORMAT,)
            )
            while (steps := _MIGRATIONS.get(self._format())) is not None:
                with self._transaction() as db:
                    for step in steps:
                        db.execute(step)
        if (found := self._format()) != FORMAT:
            raise JournalError(
                f"{self.path}: journal format {found}, this recorder reads {FORMAT}; "
                "move the file away to start a new journal"
            )

    def _format(self) -> str:
        row = self._db.execute("SELECT value FROM meta WHERE key='format'").fetchone()
        return str(row[0]) if row else "none"

    def close(self) -> None:
        """Close the file and give the lock back."""
        self._db.close()
        if self._lock_file is not None:
            self._lock_file.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise JournalError(f"{self.path}: cannot write: {error}") from error
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _query(self, statement: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        """The rows of a query, as they are asked for."""
        try:
            yield from self._db.execute(statement, values)
        except sqlite3.DatabaseError as error:
            raise JournalError(f"{self.path}: cannot read: {error}") from error

    def _one(self, statement: str, values: Sequence[Any] = ()) -> Any:
        """The first row of a query, None if there is none."""
        try:
            return self._db.execute(statement, values).fetchone()
        except sqlite3.DatabaseError as error:
            raise JournalError(f"{self.path}: cannot read: {error}") from error

    # -- writing ------------------------------------------------------------------

    def write(
        self, records: Iterable[NewRecord] = (), images: Sequence[ImageRow] = ()
    ) -> None:
        """Append records and image rows in one transaction; an image stays one row."""
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO records (kind, run, body, time_ns) VALUES (?, ?, ?, ?)",
                [(r.kind, r.run, _dump(r.body), r.time_ns) for r in records],
            )
            if images:
                ids = self._run_ids(db, {row.run for row in images})
                db.executemany(
                    "INSERT OR IGNORE INTO images VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
                    [
                        (
                            ids[row.run], row.image_id, row.outcome,
                            row.start_time_ns, row.stop_time_ns, row.received_ns,
                            row.spots, row.resolution, row.background,
                            row.saturated, row.detail, row.solvent, row.learned,
                        )
                        for row in images
                    ],
                )  # fmt: skip
                db.executemany(
                    "DELETE FROM chunks WHERE run=? AND kind='images' AND number=?",
                    {(row.run, row.image_id // IMAGES_PER_CHUNK) for row in images},
                )

    def _run_ids(self, db: sqlite3.Connection, uids: set[str]) -> dict[str, int]:
        db.executemany(
            "INSERT OR IGNORE INTO run_ids (uid) VALUES (?)", [(uid,) for uid in uids]
        )
        found = db.execute(
            f"SELECT uid, id FROM run_ids WHERE uid IN ({','.join('?' * len(uids))})",
            tuple(uids),
        )
        return dict(found.fetchall())

    # -- reading ------------------------------------------------------------------

    def records(
        self,
        *,
        after: Seq = 0,
        kinds: Sequence[str] = (),
        run: str | None = None,
        limit: int = -1,
    ) -> list[Record]:
        """Records in order."""
        where, values = ["seq > ?"], [after]
        parameters: list[Any] = list(values)
        if kinds:
            where.append(f"kind IN ({','.join('?' * len(kinds))})")
            parameters += kinds
        if run is not None:
            where.append("run = ?")
            parameters.append(run)
        rows = self._query(
            "SELECT seq, run, kind, time_ns, body FROM records "
            f"WHERE {' AND '.join(where)} ORDER BY seq LIMIT ?",
            (*parameters, limit),
        )
        return [Record(s, r, k, t, json.loads(b)) for s, r, k, t, b in rows]

    def latest(self, kind: str, run: str) -> Record | None:
        """The last record of a kind for a run."""
        row = self._one(
            "SELECT seq, run, kind, time_ns, body FROM records "
            "WHERE run = ? AND kind = ? ORDER BY seq DESC LIMIT 1",
            (run, kind),
        )
        if row is None:
            return None
        seq, uid, name, time_ns, body = row
        return Record(seq, uid, name, time_ns, json.loads(body))

    def run_uids(self) -> list[str]:
        """All runs, oldest first."""
        rows = self._query(
            "SELECT run FROM records WHERE kind = 'run' GROUP BY run ORDER BY MIN(seq)"
        )
        return [uid for (uid,) in rows]

    def image_columns(self, run: str, first: int, end: int) -> list[tuple[Any, ...]]:
        """Columns that a run keeps in memory, detail last, by image_id.

        Args:
            run: Its uid.
            first: Lowest image_id.
            end: Highest image_id plus one.
        """
        return list(
            self._query(
                "SELECT image_id, outcome, start_time_ns, stop_time_ns, spots, "
                "resolution, solvent, detail "
                "FROM images JOIN run_ids ON run_ids.id = images.run WHERE uid = ? "
                "AND image_id >= ? AND image_id < ? ORDER BY image_id",
                (run, first, end),
            )
        )

    def last_image(self, run: str) -> int | None:
        """Highest image_id of a run, None if it has none."""
        row = self._one(
            "SELECT MAX(image_id) FROM images "
            "WHERE run = (SELECT id FROM run_ids WHERE uid = ?)",
            (run,),
        )
        return None if row[0] is None else int(row[0])

    def image_rows(
        self, run: str, image_id: int | None = None, *, after: int = 0
    ) -> Iterator[ImageRow]:
        """Image rows of a run by id, from ``after`` on, or the one asked for."""
        one = "AND image_id >= ? " if image_id is None else "AND image_id = ? "
        rows = self._query(
            "SELECT uid, image_id, outcome, start_time_ns, stop_time_ns, received_ns, "
            "spots, resolution, background, saturated, detail, solvent, learned "
            "FROM images "
            f"JOIN run_ids ON run_ids.id = images.run WHERE uid = ? {one}"
            "ORDER BY image_id",
            (run, after if image_id is None else image_id),
        )
        return (ImageRow(*row) for row in rows)

    def indexed_details(self, run: str, step: int = 1) -> list[str]:
        """Details of every ``step``-th image_id that is indexed."""
        rows = self._query(
            "SELECT detail FROM images JOIN run_ids ON run_ids.id = images.run "
            "WHERE uid = ? AND outcome = 'indexed' AND image_id % ? = 0 "
            "ORDER BY image_id",
            (run, step),
        )
        return [detail for (detail,) in rows if detail]

    def image_count(self) -> int:
        """Image rows of all runs."""
        return int(self._one("SELECT COUNT(*) FROM images")[0])

    # -- chunks: packed copies of rows, see recorder.journal.chunks ---------------

    def chunk(self, run: str, kind: str, number: int) -> tuple[Seq, bytes] | None:
        """A chunk, and the last record in it."""
        row = self._one(
            "SELECT upto, body FROM chunks WHERE run = ? AND kind = ? AND number = ?",
            (run, kind, number),
        )
        return None if row is None else (int(row[0]), bytes(row[1]))

    def chunk_numbers(self, run: str, kind: str) -> set[int]:
        """The chunks that a run has."""
        rows = self._query(
            "SELECT number FROM chunks WHERE run = ? AND kind = ?", (run, kind)
        )
        return {int(number) for (number,) in rows}

    def keep_chunk(
        self, run: str, kind: str, number: int, upto: Seq, body: bytes
    ) -> None:
        """Keep a chunk of what does not change any more."""
        with self._transaction() as db:
            self._insert_chunk(db, run, kind, number, upto, body)

    def make_image_chunk(
        self,
        run: str,
        number: int,
        size: int,
        pack: Callable[[list[tuple[Any, ...]]], bytes],
    ) -> None:
        """Pack a range of images; nobody writes into it meanwhile."""
        with self._transaction() as db:
            rows = self.image_columns(run, number * size, (number + 1) * size)
            self._insert_chunk(db, run, "images", number, 0, pack(rows))

    @staticmethod
    def _insert_chunk(db: sqlite3.Connection, *values: Any) -> None:
        db.execute("INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?, ?)", values)

    # -- size -----------------------------------------------------------------------

    def used_bytes(self) -> int:
        """Bytes of the file that are in use."""
        (pages,) = self._one("PRAGMA page_count")
        (free,) = self._one("PRAGMA freelist_count")
        (size,) = self._one("PRAGMA page_size")
        return int((pages - free) * size)

    def give_back(self) -> None:
        """Give unused space back to the file system."""
        with self._lock:
            try:  # a script is stepped to its end, which `execute` does not do here
                self._db.executescript("PRAGMA incremental_vacuum")
            except sqlite3.Error as error:
                raise JournalError(f"{self.path}: cannot shrink: {error}") from error

    def drop_chunks(self, run: str) -> None:
        """Remove a run's chunks."""
        with self._transaction() as db:
            db.execute("DELETE FROM chunks WHERE run = ?", (run,))

    def drop_images(self, run: str, most: int) -> int:
        """Remove at most so many images of a run; how many were removed."""
        with self._transaction() as db:
            done = db.execute(
                "DELETE FROM images WHERE (run, image_id) IN (SELECT run, image_id "
                "FROM images WHERE run = (SELECT id FROM run_ids WHERE uid = ?) "
                "LIMIT ?)",
                (run, most),
            )
            return int(done.rowcount)

    def drop_records(self, run: str, kinds: Sequence[str], most: int) -> int:
        """Remove at most so many records of a run; how many were removed."""
        with self._transaction() as db:
            done = db.execute(
                "DELETE FROM records WHERE seq IN (SELECT seq FROM records "
                f"WHERE run = ? AND kind IN ({','.join('?' * len(kinds))}) LIMIT ?)",
                (run, *kinds, most),
            )
            return int(done.rowcount)

    # -- sinks --------------------------------------------------------------------

    def cursor(self, sink: str) -> Seq:
        """The last record that a sink has done with."""
        row = self._one("SELECT seq FROM cursors WHERE sink = ?", (sink,))
        return int(row[0]) if row else 0

    def advance(self, sink: str, seq: Seq, run: str | None, ids: Json | None) -> None:
        """A sink has done with a record; remember the ids it was given."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (sink, seq))
            if run is not None and ids:
                db.execute(
                    "INSERT OR REPLACE INTO ids VALUES (?, ?, ?)",
                    (sink, run, _dump(ids)),
                )

    def park(self, sink: str, record: Record, error: str) -> None:
        """A sink refuses a record for good: keep why, let the rest pass."""
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO parked VALUES (?, ?, ?, ?, ?)",
                (sink, record.seq, record.run, error, time.time_ns()),
            )
            db.execute(
                "INSERT OR REPLACE INTO cursors VALUES (?, ?)", (sink, record.seq)
            )

    def unpark(self, sink: str, seqs: Sequence[Seq] | None = None) -> int:
        """Put a sink's cursor back before parked records, all or some; how many."""
        chosen = "" if seqs is None else f"AND seq IN ({','.join('?' * len(seqs))})"
        values = (sink, *(seqs or ()))
        with self._transaction() as db:
            first, count = db.execute(
                f"SELECT MIN(seq), COUNT(*) FROM parked WHERE sink = ? {chosen}", values
            ).fetchone()
            if count:
                db.execute(f"DELETE FROM parked WHERE sink = ? {chosen}", values)
                db.execute(
                    "UPDATE cursors SET seq = MIN(seq, ?) WHERE sink = ?",
                    (first - 1, sink),
                )
        return int(count)

    def drop_parked(self, sink: str, seqs: Sequence[Seq]) -> int:
        """Give up records that a sink refused, for good; how many."""
        with self._transaction() as db:
            db.executemany(
                "INSERT OR IGNORE INTO dropped VALUES (?, ?)", [(sink, s) for s in seqs]
            )
            done = db.execute(
                "DELETE FROM parked WHERE sink = ? "
                f"AND seq IN ({','.join('?' * len(seqs))})",
                (sink, *seqs),
            )
            return int(done.rowcount)

    def dropped(self, sink: str) -> set[Seq]:
        """Records that a sink is never to get."""
        rows = self._query("SELECT seq FROM dropped WHERE sink = ?", (sink,))
        return {int(seq) for (seq,) in rows}

    def parked_records(self, sink: str) -> list[tuple[Record, str]]:
        """The records that a sink refused, in order, and why."""
        rows = self._query(
            "SELECT r.seq, r.run, r.kind, r.time_ns, r.body, p.error FROM parked p "
            "JOIN records r ON r.seq = p.seq WHERE p.sink = ? ORDER BY r.seq",
            (sink,),
        )
        return [(Record(s, r, k, t, json.loads(b)), e) for s, r, k, t, b, e in rows]

    def parked(self, sink: str, run: str) -> str | None:
        """Why a sink refused a run first, None if it did not; the rest follows."""
        row = self._one(
            "SELECT error FROM parked WHERE sink = ? AND run = ? ORDER BY seq",
            (sink, run),
        )
        return str(row[0]) if row else None

    def ids(self, sink: str, run: str) -> Json:
        """The ids that a sink was given for a run."""
        row = self._one("SELECT body FROM ids WHERE sink = ? AND run = ?", (sink, run))
        return dict(json.loads(row[0])) if row else {}

    def backlog(self, sink: str, kinds: Sequence[str]) -> int:
        """Records that a sink still has to apply."""
        row = self._one(
            "SELECT COUNT(*) FROM records "
            f"WHERE kind IN ({','.join('?' * len(kinds))}) AND seq > ?",
            (*kinds, self.cursor(sink)),
        )
        return int(row[0])

    def last_seq(self, run: str, kinds: Sequence[str]) -> Seq:
        """The last record of these kinds for a run, 0 if there is none."""
        row = self._one(
            "SELECT MAX(seq) FROM records WHERE run = ? "
            f"AND kind IN ({','.join('?' * len(kinds))})",
            (run, *kinds),
        )
        return int(row[0] or 0)


def _take_lock(path: Path) -> IO[str]:
    file = path.with_suffix(".lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise JournalError(
            f"{path}: another recorder uses this journal; stop it, or give this one "
            "its own state_directory"
        ) from error
    return file


def _dump(body: Any) -> str:
    return json.dumps(body, separators=(",", ":"), default=str, allow_nan=False)
