"""What each sink still has to write, and what it refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from recorder.errors import UsageError
from recorder.journal import Journal, Record
from recorder.journal.clock import shown_ns
from recorder.journal.records import SINK_KINDS
from recorder.records import Json
from recorder.records.times import iso

BATCH = 500
"""Records that are read at a time to be given up, so that a long spool is never in
memory as a whole. Chosen, not tuned."""


def spool_state(journal: Journal, sinks: Sequence[str]) -> list[Json]:
    """Of each sink: how many records wait, since when, and which are parked."""
    found = []
    for sink in sinks:
        waiting = journal.records(after=journal.cursor(sink), kinds=SINK_KINDS, limit=1)
        found.append(
            {
                "sink": sink,
                "pending": journal.backlog(sink, SINK_KINDS),
                "oldest": iso(shown_ns(journal, waiting[0].time_ns))
                if waiting
                else None,
                "parked": [
                    {**_named(journal, record), "error": error}
                    for record, error in journal.parked_records(sink)
                ],
            }
        )
    return found


def _time(journal: Journal, record: Record) -> str | None:
    return iso(shown_ns(journal, record.time_ns))


def _named(journal: Journal, record: Record) -> Json:
    return {
        "seq": record.seq,
        "kind": record.kind,
        "run": record.body.get("run") or (record.body.get("report") or {}).get("run"),
        "uid": record.run,
        "time": _time(journal, record),
    }


def retry(journal: Journal, sinks: Sequence[str], seqs: Sequence[int]) -> int:
    """Have parked records applied again; how many.

    Args:
        journal: Where they are; a daemon that runs sees it within seconds.
        sinks: Of which sinks.
        seqs: Which records; all if empty.

    Raises:
        UsageError: One of them is not parked.
    """
    parked = {
        sink: {record.seq for record, _ in journal.parked_records(sink)}
        for sink in sinks
    }
    _known(seqs, set().union(*parked.values()))
    return sum(
        journal.unpark(sink, tuple(parked[sink] & set(seqs)) if seqs else None)
        for sink in sinks
        if not seqs or parked[sink] & set(seqs)
    )


def drop(journal: Journal, sink: str, seqs: Sequence[int]) -> int:
    """Give up parked records of a sink: it never gets them; the journal keeps them.

    Raises:
        UsageError: One of them is not parked.
    """
    _known(seqs, {record.seq for record, _ in journal.parked_records(sink)})
    return journal.drop_parked(sink, tuple(seqs))


def _known(seqs: Sequence[int], parked: set[int]) -> None:
    if unknown := sorted(set(seqs) - parked):
        raise UsageError(
            f"not parked: {', '.join(map(str, unknown))}; see `recorder spool ls`"
        )


def export(journal: Journal, sink: str) -> Iterator[dict[str, Any]]:
    """All that a sink has not written, parked records first, as journal records."""
    for record, error in journal.parked_records(sink):
        yield {**_whole(record), "sink": sink, "parked": error}
    after = journal.cursor(sink)
    while batch := journal.records(after=after, kinds=SINK_KINDS, limit=BATCH):
        for record in batch:
            yield {**_whole(record), "sink": sink, "parked": None}
        after = batch[-1].seq


def _whole(record: Record) -> Json:
    return {
        "seq": record.seq,
        "kind": record.kind,
        "run": record.run,
        "time_ns": record.time_ns,
        "body": record.body,
    }
