"""How far each sink came, which records it refused, and the ids that it got."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from recorder.journal.file import dump
from recorder.journal.records import Record, RecordKind, Records, Seq
from recorder.journal.run_index import RunIndex
from recorder.records import Json
from recorder.runtime.host_clock import arrival_ns


class Cursors(Records, RunIndex):
    """The journal as sinks and ``recorder spool`` see it."""

    def cursor(self, sink: str) -> Seq:
        """The last record that a sink has done with."""
        row = self._one("SELECT seq FROM cursors WHERE sink = ?", (sink,))
        return int(row[0]) if row else 0

    def advance(
        self,
        sink: str,
        seq: Seq,
        run: str | None,
        ids: Json | None,
        upto: Seq | None = None,
    ) -> None:
        """Move a sink's cursor past a record, and keep the ids that the sink got.

        Args:
            sink: Name of the sink.
            seq: Number of the record.
            run: Uid of the record's run; None if it has none.
            ids: Ids that the report is to show; None leaves the known ones.
            upto: The last record that it has done with, if not this one.
        """
        with self._transaction() as db:
            self._done(db, sink, seq, upto)
            if run is not None and ids:
                db.execute(
                    "INSERT OR REPLACE INTO ids VALUES (?, ?, ?)",
                    (sink, run, dump(ids)),
                )

    @staticmethod
    def _done(
        db: sqlite3.Connection, sink: str, seq: Seq, upto: Seq | None = None
    ) -> None:
        """Past a record: the cursor never goes back, also for one tried again."""
        db.execute("DELETE FROM retries WHERE sink = ? AND seq = ?", (sink, seq))
        db.execute(
            "INSERT INTO cursors VALUES (?, ?) ON CONFLICT (sink) "
            "DO UPDATE SET seq = MAX(seq, excluded.seq)",
            (sink, seq if upto is None else upto),
        )

    def park(
        self, sink: str, record: Record, error: str, upto: Seq | None = None
    ) -> None:
        """Park a record that a sink refuses for good; later records go on.

        Args:
            sink: Name of the sink.
            record: What it refuses.
            error: Why, for people.
            upto: The last record that it has done with, if not this one.
        """
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO parked VALUES (?, ?, ?, ?, ?)",
                (sink, record.seq, record.run, error, arrival_ns()),
            )
            self._done(db, sink, record.seq, upto)

    def unpark(self, sink: str, seqs: Sequence[Seq] | None = None) -> int:
        """Have parked records tried again, all or some; how many.

        The cursor stays, so records written since then are not written again.
        """
        chosen = "" if seqs is None else f"AND seq IN ({','.join('?' * len(seqs))})"
        values = (sink, *(seqs or ()))
        with self._transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO retries SELECT sink, seq, run FROM parked "
                f"WHERE sink = ? {chosen}",
                values,
            )
            done = db.execute(f"DELETE FROM parked WHERE sink = ? {chosen}", values)
            return int(done.rowcount)

    def retries(self, sink: str) -> list[Record]:
        """Records that a sink refused and that are to be tried again, in order."""
        rows = self._query(
            "SELECT r.seq, r.run, r.kind, r.time_ns, r.body FROM retries t "
            "JOIN records r ON r.seq = t.seq WHERE t.sink = ? ORDER BY r.seq",
            (sink,),
        )
        return [Record(s, r, k, t, json.loads(b)) for s, r, k, t, b in rows]

    def written(self, sink: str, run: str, kinds: Sequence[RecordKind]) -> bool:
        """Whether a sink has written a run: nothing waits, nothing was refused.

        Args:
            sink: Name of the sink.
            run: Uid of the run.
            kinds: Kinds of records that the sink writes.
        """
        cursor, refused, again = self.sink_state(sink, run)
        left = refused is not None or again
        return not left and cursor >= self.last_seq(run, kinds)

    def sink_state(self, sink: str, run: str) -> tuple[Seq, str | None, bool]:
        """How a sink is with a run.

        Returns:
            The last record that it has done with, of any run; why it refused the first
            one of this run, None if it refused none; whether some are tried again.
        """
        cursor, refused, again = self._one(
            "SELECT (SELECT seq FROM cursors WHERE sink = ?1), "
            "(SELECT error FROM parked WHERE sink = ?1 AND run = ?2 "
            "ORDER BY seq LIMIT 1), "
            "EXISTS (SELECT 1 FROM retries WHERE sink = ?1 AND run = ?2)",
            (sink, run),
        )
        return int(cursor or 0), refused, bool(again)

    def waiting_since(self, sink: str, kinds: Sequence[RecordKind]) -> int | None:
        """When the oldest record was made that a sink has to write (Unix ns).

        None if nothing waits. Records that it was given ahead of its cursor count.
        """
        after = self.cursor(sink)
        times = [
            self._one(
                "SELECT time_ns FROM records WHERE kind = ? AND seq > ? "
                "ORDER BY seq LIMIT 1",
                (kind, after),
            )
            for kind in kinds
        ]
        return min((int(row[0]) for row in times if row), default=None)

    def parked_count(self, sink: str) -> int:
        """Records that a sink refused."""
        row = self._one("SELECT COUNT(*) FROM parked WHERE sink = ?", (sink,))
        return int(row[0])

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

    def parked_runs(self, sink: str) -> list[tuple[str | None, str, int]]:
        """Uids of runs of which a sink refused records, why first, and how many."""
        rows = self._query(  # SQLite takes `error` from the row that has the minimum
            "SELECT run, error, COUNT(*), MIN(seq) AS first FROM parked "
            "WHERE sink = ? GROUP BY run ORDER BY first",
            (sink,),
        )
        return [(run, str(error), int(count)) for run, error, count, _ in rows]

    def ids(self, sink: str, run: str) -> Json:
        """The ids that a sink was given for a run."""
        row = self._one("SELECT body FROM ids WHERE sink = ? AND run = ?", (sink, run))
        return dict(json.loads(row[0])) if row else {}

    def all_ids(self, run: str) -> Json:
        """The ids that any sink was given for a run."""
        rows = self._query("SELECT body FROM ids WHERE run = ? ORDER BY sink", (run,))
        return {
            name: value for (body,) in rows for name, value in json.loads(body).items()
        }

    def ids_of_others(self, run: str, name: str) -> set[int]:
        """The ids of a name, numbered or not, that sinks were given for other runs.

        Args:
            run: Uid of the run that does not count.
            name: Of the id; ``name_2`` and so on are of the same kind.
        """
        rows = self._query(
            "SELECT body FROM ids WHERE run != ? AND instr(body, ?) > 0", (run, name)
        )
        return {
            int(value)
            for (body,) in rows
            for key, value in json.loads(body).items()
            if key.startswith(name)
        }

    def backlog(self, sink: str, kinds: Sequence[RecordKind]) -> int:
        """Records that a sink still has to apply."""
        waiting = self.count(after=self.cursor(sink), kinds=kinds)
        (again,) = self._one("SELECT COUNT(*) FROM retries WHERE sink = ?", (sink,))
        return waiting + int(again)
