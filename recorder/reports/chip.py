"""The chip of a run well by well, for the page: what ``/api/v1/runs/{uid}/chip`` says.

The report of a run has no list of wells, which may be a million; this has one byte for
each.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import asdict

from recorder.errors import NoSuchRunError
from recorder.journal import Journal, RecordKind
from recorder.journal.restore import load_run
from recorder.records import Json
from recorder.reports.which_run import UID_PREFIX
from recorder.runs.run import Run
from recorder.runs.timeline.chip import chip_of
from recorder.runs.timeline.of_run import timeline_of
from recorder.ssx.scan.summary import scan_report
from recorder.ssx.scan.wells import WellState

STATES: tuple[str, ...] = tuple(state.name.lower() for state in WellState)
"""What the bytes of ``wells`` mean, in their order."""


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
    found = journal.named(name, UID_PREFIX)
    run = load_run(journal, found[-1].uid) if found else None
    if run is None:
        raise NoSuchRunError(f"run {name}: not in the journal; see `recorder report`")
    if journal.latest(RecordKind.RUN_PRUNED, run.uid) is not None:
        raise NoSuchRunError(
            f"run {name}: its images were removed from the journal, which is bounded "
            f"(journal.max_mb); {run.folder}/results.h5 has them"
        )
    return chip_of_run(run)


def chip_of_run(run: Run) -> Json:
    """The same of a run at hand."""
    answer: Json = {"run": run.number, "uid": run.uid, "states": list(STATES)}
    chip = chip_of(run, timeline_of(run))
    if chip is None:
        return {**answer, "scan": None, "shape": None, "wells": None}
    states = chip.states()
    report = scan_report(chip.walk, chip.by, chip.seen, states)
    return {
        **answer,
        "scan": asdict(report),
        "shape": list(states.shape),
        "wells": b64encode(states.tobytes()).decode("ascii"),
    }
