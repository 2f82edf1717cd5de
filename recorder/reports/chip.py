"""The chip of a run in the journal, for the page: ``/api/v1/runs/{uid}/chip``."""

from __future__ import annotations

from recorder.journal import Journal
from recorder.journal.kept_labels import kept_chip
from recorder.journal.restore import load_run
from recorder.records import Json
from recorder.reports.chip_answer import chip_of_run
from recorder.reports.run_labels import kept_labels
from recorder.reports.which_run import images_of, meant, no_such_run


def chip_json(journal: Journal, name: str) -> Json:
    """The chip of a run, as programs have it.

    Args:
        journal: Where the run is.
        name: Run number (the latest of that number) or the beginning of a uid.

    Returns:
        See docs/reference/report.md, "The chip of a run"; ``scan`` and ``wells`` are
        null for a run without a scan that can be used.

    Raises:
        NoSuchRunError: No such run, or its images are no longer in the journal.
    """
    known = meant(journal, name)
    with images_of(journal, known) as where:
        if (labels := kept_labels(where, known)) is not None:
            kept = kept_chip(where, known.uid, labels.revision)
            if kept is not None:
                return kept
        run = load_run(where, known.uid)
    if run is None:
        raise no_such_run(name)
    return chip_of_run(run)
