"""Brings archived runs back into the journal, as they were.

Killed at any moment it loses and doubles nothing: until all rows are back the run is in
its file, for whoever asks; rows that are back already stay when it is begun again. It
counts as back when each row of the file is in the journal, and no other one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from recorder.errors import JournalError
from recorder.journal.archive.copying import ARCHIVED, missing_rows
from recorder.journal.archive.packing import unpacked
from recorder.journal.archive.place import Archived, archived
from recorder.journal.moved_rows import Row
from recorder.journal.pruning import STEP
from recorder.journal.records import NewRecord, RecordKind
from recorder.journal.run_index import Headline
from recorder.journal.store import Journal
from recorder.runtime.host_clock import arrival_ns

MARKS = (RecordKind.RUN_ARCHIVED, RecordKind.RUN_PRUNED, RecordKind.RUN_RESTORING)
"""What says that a run is not in the journal, or not yet again."""


def restore_run(
    journal: Journal, known: Headline, step: Callable[[str], None] = lambda _: None
) -> Archived:
    """Bring a run back; the lock of :func:`~.place.moving` is held.

    Args:
        journal: A connection of its own.
        known: The run.
        step: Is told what was done.

    Returns:
        Where it was; the file stays.

    Raises:
        JournalError: It is not archived, or its file cannot be used.
    """
    uid, where = known.uid, archived(journal, known.uid)
    if where is None:
        raise JournalError(f"run {known.number} ({uid}) is not archived")
    with unpacked(uid, where) as packed:
        if packed.id != journal.id or packed.marked(ARCHIVED) is None:
            raise JournalError(
                f"{where.file}: not of this journal; restore it where it came from"
            )
        if journal.latest(RecordKind.RUN_RESTORING, uid) is None:
            begun = NewRecord(RecordKind.RUN_RESTORING, uid, {}, arrival_ns())
            journal.write([begun])
        step("begun")
        for table, rows in (
            ("records", packed.record_rows(known.event_names)),
            ("images", packed.outcome_rows(uid)),
            ("chunks", packed.chunk_rows(uid)),
        ):
            for batch in _in_steps(rows):
                journal.put_back(table, batch, uid)
                step(table)
        names = known.event_names
        differ = missing_rows(journal.path, uid, names, packed.path, MARKS)

    def is_whole() -> bool:
        counted = journal.count_rows(known.event_names, MARKS)
        return (journal.image_count(uid), counted) == (where.images, where.records)

    if any(differ) or not journal.unmark(uid, MARKS, is_whole):
        images, records = differ
        raise JournalError(
            f"run {known.number} ({uid}): the journal has other rows of it than "
            f"{where.file} ({images} images and {records} records differ or are "
            "missing); nothing was removed, and it counts as archived: it is read from "
            "that file as before"
        )
    step("back")
    return where


def _in_steps(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Some at a time: the journal's writer waits no longer than for these."""
    while batch := list(islice(rows, STEP)):
        yield batch
