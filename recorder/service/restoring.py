"""Takes over what an earlier recorder left in the journal."""

from __future__ import annotations

import time

from recorder.config.recording import RunsSection
from recorder.journal import Journal, RecordKind
from recorder.journal.event_json import event_from_json
from recorder.journal.restore import load_last_sealed, load_unsealed, run_numbers
from recorder.runs.book.book import RunBook
from recorder.runs.book.known_runs import KEPT_SEALED
from recorder.runtime.log import get_logger
from recorder.service.folders import Folders

log = get_logger("runs")

RESTORED_ROWS = 30_000
"""Rows of sealed runs that are read after a restart: half a second's work."""
RESTORED_S = 3600.0
"""How long after its seal a run may still get something late; later a detector may
count its series anew."""


def restore_runs(
    journal: Journal, book: RunBook, folders: Folders, settings: RunsSection
) -> None:
    """Go on with the runs that were open; what is late for sealed ones finds them, too.

    Args:
        journal: What is known.
        book: Takes the runs.
        folders: Takes the folders in use.
        settings: When runs begin and end.
    """
    runs = load_unsealed(journal)
    since_ns = time.time_ns() - int(RESTORED_S * 1e9)
    sealed = load_last_sealed(journal, KEPT_SEALED, RESTORED_ROWS, since_ns)
    past = _known_runs(journal, folders)
    now = time.monotonic()
    for run in runs:
        run.last_progress = run.bound_at = now
        run.drain_until = now + settings.drain_s
        log.info(
            "run_resumed",
            run=run.number,
            uid=run.uid,
            received=run.images.received,
            state=run.state,
        )
    rows = map(event_from_json, journal.nameless_events(since_ns, RESTORED_ROWS))
    book.restore((*sealed, *runs), run_numbers(journal), past, rows)


def restore_numbers(journal: Journal, book: RunBook, folders: Folders) -> None:
    """Take over run numbers and folders, but none of the open runs."""
    _known_runs(journal, folders)
    book.restore((), run_numbers(journal), ())


def _known_runs(journal: Journal, folders: Folders) -> list[str]:
    """Note the folders in use; the uids of all runs."""
    past: list[str] = []
    for uid in journal.run_uids():
        record = journal.latest(RecordKind.RUN, uid)
        if record is not None:
            folders.note(record.body["folder"], uid)
            past += [uid, record.body["collection_uid"] or uid]
    return past
