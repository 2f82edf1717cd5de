"""Takes over what an earlier recorder left in the journal."""

from __future__ import annotations

import time

from recorder.config.recording import RunsSection
from recorder.journal import Journal
from recorder.journal.event_json import event_from_json
from recorder.journal.restore import load_last_sealed, load_unsealed, reading_of
from recorder.records import RunState
from recorder.runs.book.book import RunBook
from recorder.runs.book.known_runs import KEPT_SEALED
from recorder.runs.book.readings_desk import KEPT_READINGS
from recorder.runtime.host_clock import arrival_ns
from recorder.runtime.log import get_logger
from recorder.service.folders import Folders

log = get_logger("runs")

RESTORED_ROWS = 30_000
"""Rows of sealed runs that are read after a restart: half a second's work."""
RESTORED_S = 3600.0
"""How long after its seal a run may still get something late; later a detector may
count its series anew."""

AWAY = (
    "the recorder was started again during this run: images that the detector could "
    "not keep meanwhile are missing"
)
"""What a run says that went on without us."""


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
    # If the host booted since, its clock may be behind: what is there is not to come.
    latest_ns = max(arrival_ns(), journal.last_time_ns())
    since_ns = latest_ns - int(RESTORED_S * 1e9)
    sealed = load_last_sealed(journal, KEPT_SEALED, RESTORED_ROWS, since_ns)
    numbers, past = _known_runs(journal, folders)
    now = time.monotonic()
    for run in runs:
        run.last_progress = run.bound_at = now
        run.drain_until = now + settings.drain_s
        if run.state is RunState.OPEN and run.takes_images:
            run.note(AWAY)
        log.info(
            "run_resumed",
            run=run.number,
            uid=run.uid,
            received=run.images.received if run.takes_images else run.readings,
            state=run.state,
        )
    rows = map(event_from_json, journal.nameless_events(since_ns, RESTORED_ROWS))
    early = map(reading_of, journal.early_readings(since_ns, KEPT_READINGS))
    book.restore((*sealed, *runs), numbers, past, rows, early)


def restore_numbers(journal: Journal, book: RunBook, folders: Folders) -> None:
    """Take over run numbers and folders, but none of the open runs."""
    numbers, _ = _known_runs(journal, folders)
    book.restore((), numbers, ())


def _known_runs(journal: Journal, folders: Folders) -> tuple[dict[str, int], list[str]]:
    """Note the folders in use.

    Returns:
        Highest run number of each experiment, and the uids of all runs.
    """
    numbers: dict[str, int] = {}
    past: list[str] = []
    for run in journal.headlines():
        folders.note(run.folder, run.uid)
        numbers[run.experiment] = max(numbers.get(run.experiment, 0), run.number)
        past += [run.uid, run.collection_uid or run.uid]
    return numbers, past
