"""The journal: everything that must survive, in one file with one writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence

from recorder.journal.changes import Changes, note_changes
from recorder.journal.cursors import Cursors
from recorder.journal.file import dump
from recorder.journal.image_rows import Images
from recorder.journal.merging import Merging
from recorder.journal.moved_rows import MovedRows
from recorder.journal.reading_rows import ReadingRows
from recorder.journal.records import NewRecord
from recorder.journal.snapshots_table import OF_NO_RUN, SNAPSHOT_ROWS, Packed
from recorder.records import ImageOutcome
from recorder.records.outcome_codec import JOURNAL_COLUMNS, encode_row

_INTO = (
    f"INTO images (run, {', '.join(JOURNAL_COLUMNS)}) "
    f"VALUES (?{', ?' * len(JOURNAL_COLUMNS)})"
)
UNWRITABLE = (TypeError, ValueError, OverflowError)
"""What writing a value raises that neither JSON nor SQLite can hold."""


class Journal(Cursors, Images, Changes, Packed, Merging, MovedRows, ReadingRows):
    """One connection to the journal; use each from one thread at a time."""

    def another(self) -> Journal:
        """A further connection that may write, for another thread.

        Raises:
            JournalError: It cannot be opened.
        """
        return Journal(self.path, synchronous=self._synchronous)

    def write(
        self,
        records: Sequence[NewRecord] = (),
        images: Sequence[tuple[str, ImageOutcome]] = (),
        kept: Mapping[str, bytes] | None = None,
    ) -> list[str]:
        """Append in one transaction; an image stays one row.

        Args:
            records: The records.
            images: What became of images, each with its run's uid. The first word on
                an image stays; only that of a second look takes its place.
            kept: What is kept once, by kind, in the place of what was kept before.

        Returns:
            What no journal can hold, for people; all else is written.
        """
        try:
            with self._transaction() as db:
                self._append(db, records, images)
                self._keep(db, kept)
        except UNWRITABLE:
            return self._append_singly(records, images, kept)
        return []

    def write_if(self, holds: Callable[[], bool], records: Sequence[NewRecord]) -> bool:
        """Append records if something holds; it is asked while nobody else writes.

        Args:
            holds: What must hold.
            records: The records.

        Returns:
            Whether it did hold.
        """
        with self._transaction() as db:
            if not holds():
                return False
            self._append(db, records, ())
        return True

    def _keep(self, db: sqlite3.Connection, kept: Mapping[str, bytes] | None) -> None:
        for kind, body in (kept or {}).items():
            self._insert_snapshot(db, OF_NO_RUN, kind, 0, 0, body)

    def _append_singly(
        self,
        records: Sequence[NewRecord],
        images: Sequence[tuple[str, ImageOutcome]],
        kept: Mapping[str, bytes] | None,
    ) -> list[str]:
        """As :meth:`write`, an entry that cannot be written left out."""
        refused: list[str] = []
        with self._transaction() as db:
            self._keep(db, kept)
            for record in records:
                try:
                    self._append(db, [record], ())
                except UNWRITABLE as error:
                    what = f"{record.kind} of run {record.run}"
                    refused.append(f"{what}: {error}")
            for run, image in images:
                try:
                    self._append(db, (), [(run, image)])
                except UNWRITABLE as error:
                    what = f"image {image.image_id} of run {run}"
                    refused.append(f"{what}: {error}")
        return refused

    def _append(
        self,
        db: sqlite3.Connection,
        records: Sequence[NewRecord],
        images: Sequence[tuple[str, ImageOutcome]],
    ) -> None:
        db.executemany(
            "INSERT INTO records (kind, run, body, time_ns) VALUES (?, ?, ?, ?)",
            [(r.kind, r.run, dump(r.body), r.time_ns) for r in records],
        )
        if not images:
            return
        ids = self._run_ids(db, {run for run, _ in images})
        for again, what in ((False, "INSERT OR IGNORE"), (True, "INSERT OR REPLACE")):
            rows = [
                (ids[run], *encode_row(image))
                for run, image in images
                if (image.found.before is not None) is again
            ]
            db.executemany(f"{what} {_INTO}", rows)
        changed: dict[int, list[int]] = {}
        for run, image in images:
            changed.setdefault(ids[run], []).append(image.image_id)
        note_changes(db, changed)
        db.executemany(
            "DELETE FROM chunks WHERE run=? AND kind='images' AND number=?",
            {(run, image.image_id // SNAPSHOT_ROWS) for run, image in images},
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

    def make_image_snapshot(
        self,
        run: str,
        number: int,
        pack: Callable[[Iterable[ImageOutcome]], bytes],
    ) -> None:
        """Pack a range of images; nobody writes into it meanwhile."""
        with self._transaction() as db:
            images = self.image_rows(
                run, number * SNAPSHOT_ROWS, (number + 1) * SNAPSHOT_ROWS
            )
            self._insert_snapshot(db, run, "images", number, 0, pack(images))
