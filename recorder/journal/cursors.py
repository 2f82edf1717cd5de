"""How far each sink came, what it refused, and the ids that it was given."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from recorder.journal.file import JournalFile, dump
from recorder.journal.records import Record, Seq
from recorder.records import Json


class Cursors(JournalFile):
    """The journal as sinks and ``recorder spool`` see it."""

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
                    (sink, run, dump(ids)),
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
