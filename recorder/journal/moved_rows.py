"""The journal's rows as they are, for runs that are moved out of it and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from recorder.journal.file import JournalFile
from recorder.records.outcome_codec import JOURNAL_COLUMNS

RECORD_COLUMNS = ("seq", "run", "kind", "time_ns", "body")
CHUNK_COLUMNS = ("run", "kind", "number", "upto", "body")
Row = tuple[Any, ...]


class MovedRows(JournalFile):
    """Reads rows without looking into them, and puts them back."""

    def record_rows(self, names: Sequence[str]) -> Iterator[Row]:
        """All records of a run, as RECORD_COLUMNS.

        Args:
            names: Under which names they stand.
        """
        marks = ",".join("?" * len(names))
        return self._query(
            f"SELECT {', '.join(RECORD_COLUMNS)} FROM records WHERE run IN ({marks}) "
            "ORDER BY seq",
            tuple(names),
        )

    def outcome_rows(self, run: str) -> Iterator[Row]:
        """All images of a run, as JOURNAL_COLUMNS."""
        return self._query(
            f"SELECT {', '.join(JOURNAL_COLUMNS)} FROM images "
            "WHERE run = (SELECT id FROM run_ids WHERE uid = ?) ORDER BY image_id",
            (run,),
        )

    def chunk_rows(self, run: str) -> Iterator[Row]:
        """All snapshots of a run, as CHUNK_COLUMNS."""
        return self._query(
            f"SELECT {', '.join(CHUNK_COLUMNS)} FROM chunks WHERE run = ?", (run,)
        )

    def put_back(self, table: str, rows: Sequence[Row], uid: str) -> None:
        """Put rows back that were there before; those that are there stay.

        Args:
            table: ``records``, ``images`` or ``chunks``.
            rows: As the readers give them.
            uid: Of their run.
        """
        columns: tuple[str, ...] = RECORD_COLUMNS
        if table == "chunks":
            columns = CHUNK_COLUMNS
        with self._transaction() as db:
            if table == "images":
                columns = ("run", *JOURNAL_COLUMNS)
                db.execute("INSERT OR IGNORE INTO run_ids (uid) VALUES (?)", (uid,))
                (run,) = db.execute(
                    "SELECT id FROM run_ids WHERE uid = ?", (uid,)
                ).fetchone()
                rows = [(run, *row) for row in rows]
            db.executemany(
                f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) "
                f"VALUES (?{', ?' * (len(columns) - 1)})",
                rows,
            )

    def count_rows(self, names: Sequence[str], but: Sequence[str]) -> int:
        """Records of a run.

        Args:
            names: Under which names they stand.
            but: Kinds that do not count.
        """
        row = self._one(
            f"SELECT COUNT(*) FROM records WHERE run IN ({','.join('?' * len(names))}) "
            f"AND kind NOT IN ({','.join('?' * len(but))})",
            (*names, *but),
        )
        return int(row[0])

    def unmark(self, uid: str, kinds: Sequence[str], whole: Callable[[], bool]) -> bool:
        """Take back that a run's images were removed; False if that is not so.

        Args:
            uid: Of the run.
            kinds: Kinds of the records that say so.
            whole: Whether all of it is there; asked while nobody writes.
        """
        with self._transaction() as db:
            if not whole():
                return False
            db.execute(
                "DELETE FROM records WHERE run = ? "
                f"AND kind IN ({','.join('?' * len(kinds))})",
                (uid, *kinds),
            )
            db.execute("UPDATE runs SET pruned = NULL WHERE run = ?", (uid,))
        return True
