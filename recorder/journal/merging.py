"""Takes whole runs over from another journal: all of them in one transaction, or none.

A replay on another host writes a journal of its own; the one that people look at has
one writer. What is copied is what the other journal says, and nothing else: records in
their order, image rows, packed copies. Whoever reads sees a run whole, or not at all.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from recorder.errors import JournalError
from recorder.journal.changes import note_changes
from recorder.journal.file import JournalFile, dump, is_at_rest
from recorder.journal.file_angles import ANGLES
from recorder.journal.kept_labels import FACTS, LABELS
from recorder.journal.records import SINK_KINDS, Record, Seq
from recorder.journal.schema import FORMAT
from recorder.journal.snapshots_table import SNAPSHOT_ROWS
from recorder.records import Json
from recorder.records.outcome_codec import JOURNAL_COLUMNS

Described = Callable[[Record], Json]
"""Gives the body of a description or report as it is to stand here."""
_COLUMNS = ", ".join(JOURNAL_COLUMNS)
_RECORDS = "INSERT INTO main.records (seq, run, kind, time_ns, body) VALUES (?,?,?,?,?)"
_PACKED = "INSERT INTO main.chunks SELECT run, kind, number, ?, body FROM other.chunks "

_LABELS = (
    "INSERT INTO main.chunks SELECT run, kind, number, upto, body FROM other.chunks "
    "WHERE run = ? AND kind IN (?, ?, ?)"
)


class Merging(JournalFile):
    """Writes runs of another journal."""

    def take_over(
        self,
        path: Path,
        runs: Sequence[str],
        described: Described,
        marks: Mapping[str, str],
    ) -> bool:
        """Take runs over, with marks about them, in one transaction.

        Args:
            path: The other journal, of the same format; nobody writes it any more.
            runs: Their uids.
            described: Changes what is said of them, such as their number.
            marks: Words about this whole journal that are kept with them.

        Returns:
            False if one of them is here already: then nothing was done.

        Raises:
            JournalError: One of the two cannot be read or written; nothing was done.
        """
        with self._attached(path), self._transaction() as db:
            here = f"run IN ({','.join('?' * len(runs))})"
            known = f"SELECT 1 FROM main.records WHERE {here} LIMIT 1"
            if db.execute(known, tuple(runs)).fetchone():
                return False
            for run in runs:
                _take_records(db, run, described)
                _take_images(db, run)
            db.executemany(
                "INSERT OR REPLACE INTO main.meta VALUES (?, ?)", marks.items()
            )
        return True

    @contextmanager
    def _attached(self, path: Path) -> Iterator[None]:
        """The other journal, within, as the schema ``other``."""
        # nobody writes it: so it needs neither locks nor shared memory, which a file
        # server may not have
        rests = is_at_rest(path)  # else whoever wrote it did not come to its end
        how = "?mode=ro&immutable=1" if rests else "?mode=ro"
        uri = f"{path.resolve().as_uri()}{how}"
        try:
            self._db.execute("ATTACH ? AS other", (uri,))
        except sqlite3.Error as error:
            raise JournalError(f"{path}: cannot read: {error}") from error
        try:
            found = self._one("SELECT value FROM other.meta WHERE key = 'format'")
            if found is None or found[0] != FORMAT:
                raise JournalError(f"{path}: its format is not {FORMAT}, as it is here")
            yield
        finally:
            self._db.execute("DETACH other")


def _take_records(db: sqlite3.Connection, run: str, described: Described) -> None:
    """Records in order, and packed copies, which tell the last record in each."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name='records'").fetchone()
    last = int(row[0]) if row else 0
    packed = dict(
        db.execute(
            "SELECT number, upto FROM other.chunks WHERE run = ? AND kind = 'events'",
            (run,),
        )
    )
    wanted, moved = set(packed.values()), dict[Seq, Seq]()

    def rows() -> Iterator[tuple[Seq, str, str, int, str]]:
        found = db.execute(
            "SELECT seq, kind, time_ns, body FROM other.records WHERE run = ? "
            "ORDER BY seq",
            (run,),
        )
        for seq, (old, kind, time_ns, body) in enumerate(found, start=last + 1):
            if old in wanted:
                moved[old] = seq
            text = body
            if kind in SINK_KINDS:
                text = dump(
                    described(Record(seq, run, kind, time_ns, json.loads(body)))
                )
            yield seq, run, kind, time_ns, text

    db.executemany(_RECORDS, rows())
    for number, upto in packed.items():
        if upto in moved:
            which = "WHERE run = ? AND kind = 'events' AND number = ?"
            db.execute(_PACKED + which, (moved[upto], run, number))
    db.execute(_PACKED + "WHERE run = ? AND kind = 'images'", (0, run))
    # not the chip, which names the run's number; labels tell their revision
    db.execute(_LABELS, (run, LABELS, FACTS, ANGLES))


def _take_images(db: sqlite3.Connection, run: str) -> None:
    """Image rows, and word of them for those who follow what changes."""
    row = db.execute("SELECT id FROM other.run_ids WHERE uid = ?", (run,)).fetchone()
    if row is None:  # it has no images
        return
    db.execute("INSERT OR IGNORE INTO main.run_ids (uid) VALUES (?)", (run,))
    (own,) = db.execute("SELECT id FROM main.run_ids WHERE uid = ?", (run,)).fetchone()
    db.execute(
        f"INSERT INTO main.images (run, {_COLUMNS}) SELECT ?, {_COLUMNS} "
        "FROM other.images WHERE run = ? ORDER BY image_id",
        (own, row[0]),
    )
    ids = db.execute(
        "SELECT image_id FROM other.images WHERE run = ? ORDER BY image_id", (row[0],)
    )
    while some := ids.fetchmany(SNAPSHOT_ROWS):
        note_changes(db, {own: [image_id for (image_id,) in some]})
