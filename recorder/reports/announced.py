"""The announcement of a run, out of the journal."""

from __future__ import annotations

from recorder.journal import Journal
from recorder.journal.run_index import Headline
from recorder.records import Announcement
from recorder.runs.read_announcement import read_stored


def announced_as(journal: Journal, known: Headline) -> Announcement | None:
    """What was said of a run; None if its record is gone.

    Args:
        journal: Where the run is.
        known: The run.
    """
    record = journal.record(known.described)
    return None if record is None else read_stored(record.body.get("body") or {})
