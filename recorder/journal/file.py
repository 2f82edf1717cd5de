"""The journal's file: SQLite in WAL mode, its format, its lock, its transactions.

Whatever must survive is committed here before anyone is told about it. With
``synchronous=FULL`` each commit is synced to disk, so it survives a power cut as well
as ``kill -9``; with ``NORMAL`` a power cut may take the last commits, but never half of
one: the log's frames carry checksums, and SQLite leaves out a transaction that is not
whole.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import IO, Any, Literal

import numpy as np

from recorder.errors import JournalError
from recorder.journal.lock import take_lock
from recorder.journal.place import make_private, require_journal
from recorder.journal.schema import FORMAT, INDEX, INDEX_VIEW, MIGRATIONS, SCHEMA

WAL_BYTES = 64 << 20
"""The write-ahead log is cut back to so much once it is in the file."""
STEP_PAGES = 2000
"""Pages (8 MB at 4 kB) that one step gives back: the writer waits no longer than for
one. Chosen, not tuned."""
DAMAGED = (
    "the file is damaged: move it away (keep it) and start again; what the sinks wrote "
    "is not lost"
)


class JournalFile:
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
        self._rested: tuple[int, int] | None = None
        require_journal(path, may_be_missing=not read_only)
        try:
            if not read_only:
                make_private(path)
            if owner:
                self._lock_file = take_lock(path)
            self._db = _connected(path, "?mode=ro" if read_only else "")
            try:
                self._open(read_only)
            except sqlite3.OperationalError:
                if not (read_only and is_at_rest(path)):
                    raise
                self._open_at_rest()
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

    def _open_at_rest(self) -> None:
        """Read the file alone: nobody writes, and all that was written is in it.

        Who may not write into the folder cannot make the files that SQLite shares among
        readers and writers; a recorder that ended cleanly has taken them away.
        """
        self._db.close()
        self._db = _connected(self.path, "?mode=ro&immutable=1")
        self._rested = _file_mark(self.path)
        self._open(True)

    @property
    def is_outdated(self) -> bool:
        """Whether a recorder began to write into a file that was opened at rest.

        Then what was read may be wrong, and the journal is to be opened again.
        """
        if self._rested is None:
            return False
        return not is_at_rest(self.path) or _file_mark(self.path) != self._rested

    def _open(self, read_only: bool) -> None:
        if not read_only:
            # only a new file takes it: then removed rows give their space back
            self._db.execute("PRAGMA auto_vacuum=INCREMENTAL")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute(f"PRAGMA journal_size_limit={WAL_BYTES}")
            self._db.execute(f"PRAGMA synchronous={self._synchronous.upper()}")
            self._db.executescript(SCHEMA)
            self._db.execute(
                "INSERT OR IGNORE INTO meta VALUES ('format', ?)", (FORMAT,)
            )
            self._db.execute(
                "INSERT OR IGNORE INTO meta VALUES ('id', ?)", (secrets.token_hex(8),)
            )
            while (steps := MIGRATIONS.get(self._format())) is not None:
                with self._transaction() as db:
                    for step in steps:
                        db.execute(step)
        if (found := self._format()) != FORMAT:
            what_to_do = (
                "start `recorder run` once, which brings it up to date"
                if found in MIGRATIONS
                else "use the recorder that wrote it, or move the file away (keep it) "
                "to start a new journal"
            )
            raise JournalError(
                f"{self.path}: journal format {found}, this recorder reads {FORMAT}; "
                f"{what_to_do}"
            )
        self._index_runs(read_only)

    def _index_runs(self, read_only: bool) -> None:
        """See that there is an index of the runs.

        Who may only read a file that has none yet looks through all its records.
        """
        known = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'runs'"
        if self._db.execute(known).fetchone():
            return
        if read_only:
            self._db.execute(INDEX_VIEW)
            return
        with self._transaction() as db:
            for step in INDEX:
                db.execute(step)

    def _format(self) -> str:
        row = self._db.execute("SELECT value FROM meta WHERE key='format'").fetchone()
        return str(row[0]) if row else "none"

    @property
    def id(self) -> str:
        """Tells this journal from every other one; it stays when the file is moved."""
        return self.marked("id") or ""

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

    def mark(self, name: str, value: str) -> None:
        """Keep a word about the whole journal.

        Raises:
            JournalError: The disk refuses.
        """
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def marked(self, name: str) -> str | None:
        """A word about the whole journal, None if none was kept."""
        row = self._one("SELECT value FROM meta WHERE key = ?", (name,))
        return str(row[0]) if row else None

    def data_version(self) -> int:
        """Differs from an earlier answer once another connection has written."""
        return int(self._one("PRAGMA data_version")[0])

    def used_bytes(self) -> int:
        """Bytes of the file that are in use."""
        (pages,) = self._one("PRAGMA page_count")
        (free,) = self._one("PRAGMA freelist_count")
        (size,) = self._one("PRAGMA page_size")
        return int((pages - free) * size)

    def give_back(self) -> None:
        """Give unused space back to the file system.

        Raises:
            JournalError: The file cannot be shrunk.
        """
        left = -1
        while (free := int(self._one("PRAGMA freelist_count")[0])) and free != left:
            left = free
            with self._lock:  # in steps: the writer waits no longer than for one
                try:  # a script is stepped to its end, which `execute` does not do
                    self._db.executescript(f"PRAGMA incremental_vacuum({STEP_PAGES})")
                except sqlite3.Error as error:
                    text = f"{self.path}: cannot shrink: {error}"
                    raise JournalError(text) from error


def is_at_rest(path: Path) -> bool:
    """Whether all of a journal is in its file: nothing is in the log beside it."""
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size == 0
    except OSError:
        return True


def _file_mark(path: Path) -> tuple[int, int] | None:
    """Another one as soon as somebody wrote into the file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _connected(path: Path, how: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.resolve().as_uri()}{how}",
        uri=True,
        timeout=30.0,
        isolation_level=None,
        check_same_thread=False,
    )


def dump(body: Any) -> str:
    """A body as the journal stores it.

    Raises:
        ValueError: NaN or an infinity is in it, which readers refuse.
        TypeError: Something that JSON has no word for.
    """
    return json.dumps(body, separators=(",", ":"), default=_plain, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"a {type(value).__name__} cannot be journalled")
