"""The journal's records: what happened, in order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from recorder.journal.file import JournalFile
from recorder.records import Json

Seq = int

LOOK_AHEAD = 1000
"""Records among which a sink looks for runs that go on, before those that are only
announced: five times the announcements that may be open. Chosen, not tuned."""


class RecordKind(StrEnum):
    """What a record says."""

    RUN = "run"
    """A run's description, new or changed."""
    RUN_UPDATED = "run_updated"
    """The report of a run that goes on."""
    RUN_SEALED = "run_sealed"
    """The report of a run that is sealed; again for each revision."""
    RUN_PRUNED = "run_pruned"
    """The run's images and events were removed."""
    RUN_ARCHIVED = "run_archived"
    """Where the run's images and events lie now."""
    RUN_RESTORING = "run_restoring"
    """They are being brought back; gone once they are there."""
    COLLECTION = "collection"
    COLLECTION_END = "collection_end"
    """Announcements as they came."""
    EVENT = "event"
    POINTS = "points"
    """Points of an energy scan."""
    SPECTRUM = "spectrum"
    ALARM = "alarm"
    """An alarm was raised, cleared, seen, or its level taken as normal."""
    TARGET = "target"
    """How many indexed images somebody wants of a time point."""
    ALARM_SEEN = "alarm_seen"
    """Of earlier recorders, beside an ``alarm`` that says it; nothing reads it."""


_LOOSE = "'event', 'points', 'spectrum', 'alarm', 'alarm_seen'"
"""Kinds of records that may be of no run that is known."""
SINK_KINDS = (RecordKind.RUN, RecordKind.RUN_UPDATED, RecordKind.RUN_SEALED)
"""Kinds that sinks write."""


@dataclass(frozen=True, slots=True)
class Record:
    """One journal entry."""

    seq: Seq
    run: str | None
    kind: str
    """A :class:`RecordKind`, or what a later recorder knows."""
    time_ns: int
    body: Json


@dataclass(frozen=True, slots=True)
class NewRecord:
    """An entry to append."""

    kind: RecordKind
    run: str | None
    body: Any
    time_ns: int


class Records(JournalFile):
    """Reads records, and removes old ones."""

    def records(
        self,
        *,
        after: Seq = 0,
        kinds: Sequence[RecordKind] = (),
        run: str | None = None,
        limit: int = -1,
    ) -> list[Record]:
        """Records in order.

        Args:
            after: Only records with higher numbers.
            kinds: Only these kinds; empty for all.
            run: Only those of this run (its uid); None for all.
            limit: At most so many; -1 for all.
        """
        where, values = _where(after, kinds, run)
        rows = self._query(
            "SELECT seq, run, kind, time_ns, body FROM records "
            f"WHERE {where} ORDER BY seq LIMIT ?",
            (*values, limit),
        )
        return [Record(s, r, k, t, json.loads(b)) for s, r, k, t, b in rows]

    def events_at(self, run: str, trigger: int, after: Seq, upto: Seq) -> list[Json]:
        """Bodies of the events of a trigger, in order.

        Args:
            run: Under which name they stand.
            trigger: Its number.
            after: Only records with higher numbers.
            upto: Only records up to this one.
        """
        rows = self._query(
            "SELECT body FROM records WHERE run = ? AND kind = 'event' AND seq > ? "
            "AND seq <= ? AND json_extract(body, '$.trigger') = ? ORDER BY seq",
            (run, after, upto, trigger),
        )
        return [json.loads(body) for (body,) in rows]

    def uid_bytes(self, names: Sequence[str]) -> int:
        """Bytes of the longest uid of events, 0 without any.

        Args:
            names: Under which names the events stand.
        """
        row = self._one(
            "SELECT MAX(LENGTH(CAST(json_extract(body, '$.uid') AS BLOB))) "
            "FROM records WHERE kind = 'event' "
            f"AND run IN ({','.join('?' * len(names))})",
            tuple(names),
        )
        return int(row[0] or 0)

    def urgent_records(self, after: Seq, kinds: Sequence[RecordKind]) -> list[Record]:
        """Records of runs that have a series, among the next ones of these kinds.

        Args:
            after: Only records with higher numbers.
            kinds: Only these kinds.
        """
        marks = ",".join("?" * len(kinds))
        rows = self._query(
            "WITH ahead AS (SELECT seq, run, kind, time_ns, body FROM records "
            f"WHERE seq > ? AND kind IN ({marks}) ORDER BY seq LIMIT {LOOK_AHEAD}) "
            "SELECT seq, run, kind, time_ns, body FROM ahead WHERE run IN "
            "(SELECT run FROM ahead WHERE kind <> 'run' "
            "OR json_extract(body, '$.state') <> 'announced') ORDER BY seq",
            (after, *kinds),
        )
        return [Record(s, r, k, t, json.loads(b)) for s, r, k, t, b in rows]

    def count(
        self,
        *,
        after: Seq = 0,
        kinds: Sequence[RecordKind] = (),
        run: str | None = None,
    ) -> int:
        """How many records there are of these."""
        where, values = _where(after, kinds, run)
        return int(self._one(f"SELECT COUNT(*) FROM records WHERE {where}", values)[0])

    def record(self, seq: Seq) -> Record | None:
        """One record by its number, None if it is not there any more."""
        found = self.records(after=seq - 1, limit=1)
        return found[0] if found and found[0].seq == seq else None

    def latest(self, kind: RecordKind, run: str) -> Record | None:
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

    def changed_runs(
        self, after: Seq, kinds: Sequence[RecordKind]
    ) -> list[tuple[str, Seq]]:
        """Runs that have records of these kinds after one, with the last of each.

        No body is read. They are in the order of their last records.
        """
        where, values = _where(after, kinds, None)
        rows = self._query(
            f"SELECT run, MAX(seq) AS last FROM records WHERE {where} "
            "AND run IS NOT NULL GROUP BY run ORDER BY last",
            values,
        )
        return [(uid, int(last)) for uid, last in rows]

    def last_seq(self, run: str, kinds: Sequence[RecordKind]) -> Seq:
        """The last record of these kinds for a run, 0 if there is none."""
        # kind by kind: of one kind the index has the last at its end
        last = "SELECT MAX(seq) FROM records WHERE run = ? AND kind = ?"
        return max((int(self._one(last, (run, k))[0] or 0) for k in kinds), default=0)

    def nameless_events(self, since_ns: int, most: int) -> list[Json]:
        """The latest events without a run, oldest first, no older than a time."""
        rows = self._query(
            "SELECT body, time_ns FROM records WHERE run IS NULL AND kind = 'event' "
            "ORDER BY seq DESC LIMIT ?",
            (most,),
        )
        return [json.loads(body) for body, at_ns in rows if at_ns >= since_ns][::-1]

    def last_record(self) -> Seq:
        """The last record of all, 0 if there is none."""
        return int(self._one("SELECT MAX(seq) FROM records")[0] or 0)

    def last_time_ns(self) -> int:
        """When the last record of all was made (Unix ns), 0 if there is none."""
        row = self._one("SELECT time_ns FROM records ORDER BY seq DESC LIMIT 1")
        return int(row[0]) if row else 0

    def event_names(self) -> list[str | None]:
        """What events, readings and alarms name as their run, None among them."""
        rows = self._query(f"SELECT DISTINCT run FROM records WHERE kind IN ({_LOOSE})")
        return [name for (name,) in rows]

    def drop_orphans(
        self, run: str | None, before_ns: int, now_ns: int, most: int
    ) -> int:
        """Remove at most so many old records of no known run; how many.

        Those from after this moment are old as well: the host has booted since, with
        its clock behind.
        """
        with self._transaction() as db:
            done = db.execute(
                "DELETE FROM records WHERE seq IN (SELECT seq FROM records "
                f"WHERE kind IN ({_LOOSE}) AND run IS ? "
                "AND time_ns NOT BETWEEN ? AND ? LIMIT ?)",
                (run, before_ns, now_ns, most),
            )
            return int(done.rowcount)

    def drop_records(self, run: str, kinds: Sequence[RecordKind], most: int) -> int:
        """Remove at most so many records of a run; how many were removed."""
        with self._transaction() as db:
            done = db.execute(
                "DELETE FROM records WHERE seq IN (SELECT seq FROM records "
                f"WHERE run = ? AND kind IN ({','.join('?' * len(kinds))}) LIMIT ?)",
                (run, *kinds, most),
            )
            return int(done.rowcount)


def _where(
    after: Seq, kinds: Sequence[RecordKind], run: str | None
) -> tuple[str, list[Any]]:
    """Condition and values that choose records."""
    where, values = ["seq > ?"], [after, *kinds]
    if kinds:
        where.append(f"kind IN ({','.join('?' * len(kinds))})")
    if run is None:
        return " AND ".join(where), values
    return " AND ".join([*where, "run = ?"]), [*values, run]
