"""What an attempt at a piece came to: a whole run that may be taken over, or not."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from recorder import __version__
from recorder.errors import JournalError, ReportError
from recorder.journal import Journal
from recorder.journal.restore import describe_run
from recorder.pool.batch_task import END, BatchEnd
from recorder.records import RunState, Unprocessed
from recorder.records.run_report import RunReport
from recorder.reports.store import ReportStore
from recorder.runs.run import Run
from recorder.service.batch.pieces import Piece, states_of
from recorder.service.replay_end import INTERRUPTED

REPORTED = (0, 1)
"""Exit codes of a replay that came to its end: all is well, or something is missing."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One end of a task, and what is in its journal."""

    end: BatchEnd
    runs: tuple[Run, ...] = ()
    """Without images and events; empty: nothing may be taken over."""
    reports: tuple[RunReport, ...] = ()
    problem: str = ""
    """What is wrong, for people; empty: all is well."""
    final: bool = False
    """Another attempt would come to the same."""
    short: bool = False
    """Another attempt may have more images."""

    @property
    def journal(self) -> Path:
        """Its file."""
        return Path(self.end.folder) / "journal.sqlite"

    @property
    def images(self) -> int:
        """Images received."""
        return sum(report.images.received for report in self.reports)


def judged(piece: Piece, end: BatchEnd) -> Attempt:
    """Look at what a task left: only what is whole has runs."""
    if end.code not in REPORTED:
        return Attempt(end, problem=_why(end))
    if end.version != __version__:
        versions = f"{end.host} has version {end.version}, this is {__version__}"
        return Attempt(end, problem=f"{versions}: install the same one everywhere")
    try:
        attempt = _read(end)
    except (JournalError, ReportError) as error:
        return Attempt(end, problem=str(error))
    if not attempt.runs:
        return replace(attempt, problem=_why(end))
    if any(_is_half(run) for run in attempt.runs):
        return Attempt(end, problem=f"the run was not finished: {_why(end)}")
    if not piece.found.growing and states_of(piece.found) != piece.state:
        text = "changed while it was replayed: replay it again, with --resume"
        return Attempt(end, problem=text, final=True)
    short = _short(piece, attempt)
    problem = "; ".join(filter(None, (short, _said(end))))
    return replace(attempt, problem=problem, short=bool(short))


def ended(folder: Path) -> list[BatchEnd]:
    """Ends that were written down in a task's folder: nobody may have seen them."""
    found = []
    for path in sorted(folder.glob(f"*/{END}")):
        try:
            found.append(BatchEnd.from_json(json.loads(path.read_bytes())))
        except (OSError, ValueError, TypeError):  # half written: as if it were not
            continue
    return found


def _read(end: BatchEnd) -> Attempt:
    journal = Journal(Path(end.folder) / "journal.sqlite", read_only=True)
    try:
        return _found(journal, end)
    finally:
        journal.close()


def _found(journal: Journal, end: BatchEnd) -> Attempt:
    store = ReportStore(journal)
    runs, reports = [], []
    for known in journal.headlines():
        run, report = describe_run(journal, known), store.get(known.uid)
        if run is None or report is None:
            raise JournalError(f"{journal.path}: run {known.uid} has no report")
        runs.append(run)
        reports.append(report)
    return Attempt(end, tuple(runs), tuple(reports))


def _is_half(run: Run) -> bool:
    return run.state is not RunState.SEALED or run.reason.startswith(INTERRUPTED)


def _why(end: BatchEnd) -> str:
    """Why a task failed, in one line."""
    if end.problem:
        return end.problem
    lines = [line for line in end.output.splitlines() if line.strip()]
    if said := [line for line in lines if line.startswith("recorder: ")]:
        return said[-1].removeprefix("recorder: ")
    if end.code is not None and end.code < 0:
        return f"ended by signal {-end.code}: out of memory, or somebody ended it"
    return lines[-1] if lines else f"exit code {end.code}, and nothing was said"


def _short(piece: Piece, attempt: Attempt) -> str:
    """What of the images is missing though it is in the file; empty if nothing is."""
    expected = None if piece.found.growing else piece.images
    placeless = sum(
        report.counts.get("images_of_no_part", 0) for report in attempt.reports
    )
    if expected is not None and (had := attempt.images + placeless) < expected:
        return f"{expected - had} of {expected} images could not be had"
    lost = sum(
        report.images.unprocessed.get(Unprocessed.WORKER_LOST, 0)
        for report in attempt.reports
    )
    return f"{lost} images ended their workers" if lost else ""


def _said(end: BatchEnd) -> str:
    """Why a replay that came to its end was not content; empty if it was."""
    lines = [
        line.removeprefix("recorder: ")
        for line in end.output.splitlines()
        if line.startswith("recorder: ")
    ]
    return (lines or ["something is missing; see its report"])[0] if end.code else ""
