"""What the earlier runs of an experiment came to, as the journal says."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from recorder.journal import Journal
from recorder.live.traits import Counts, counts_of
from recorder.records import RunState
from recorder.records.live import Trials
from recorder.records.run_report import RunReport
from recorder.reports.store import ReportStore

MOST_RUNS = 1000
"""Runs that are read, the latest: a second's work in a thread, once for an experiment.
Chosen, not tuned: a shift has a few dozen."""


def earlier_totals(journal: Path, experiment: str, technique: str) -> dict[str, Counts]:
    """Counts of the sealed runs of an experiment, by uid.

    Args:
        journal: The journal's file.
        experiment: Its name.
        technique: Of the runs; those of another are no such trials.

    Raises:
        JournalError: It cannot be read.
    """
    with closing(Journal(journal, read_only=True)) as opened:
        runs = ReportStore(opened).list(experiment, limit=MOST_RUNS).runs
    return {
        run.uid: counts_of(totals(run))
        for run in runs
        if run.state is RunState.SEALED and run.technique == technique
    }


def totals(run: RunReport) -> Trials:
    """The images of a run by class.

    Args:
        run: Its report.
    """
    found, share = run.classification, run.rates.indexed_of_hits
    tried = found.tried
    if not tried and share:  # older recorders told the share only
        tried = round(run.classes.indexed / share)
    return Trials(
        images=run.images.received,
        classified=run.images.classified,
        hits=run.classes.hits,
        tried=tried,
        indexed=run.classes.indexed,
        multi=found.multi_lattice.images,
        rings=found.rings,
    )
