"""The journal: everything that must survive, in one file with one writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from recorder.journal.cursors import Cursors
from recorder.journal.file import dump
from recorder.journal.image_rows import ImageRow, Images
from recorder.journal.records import NewRecord
from recorder.journal.snapshots_table import CHUNK, Packed


class Journal(Cursors, Images, Packed):
    """One connection to the journal; use each from one thread at a time."""

    def write(
        self, records: Iterable[NewRecord] = (), images: Sequence[ImageRow] = ()
    ) -> None:
        """Append records and image rows in one transaction; an image stays one row."""
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO records (kind, run, body, time_ns) VALUES (?, ?, ?, ?)",
                [(r.kind, r.run, dump(r.body), r.time_ns) for r in records],
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
                    {(row.run, row.image_id // CHUNK) for row in images},
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

    def make_image_chunk(
        self,
        run: str,
        number: int,
        pack: Callable[[list[tuple[Any, ...]]], bytes],
    ) -> None:
        """Pack a range of images; nobody writes into it meanwhile."""
        with self._transaction() as db:
            rows = self.image_columns(run, number * CHUNK, (number + 1) * CHUNK)
            self._insert_chunk(db, run, "images", number, 0, pack(rows))
