"""The reports of runs, from what the journal holds already.

The journal has the report of a sealed run, and every few seconds that of a run that
goes on: neither is worked out again. Only if a recorder died before it could report a
run, the report is worked out from the run's images and events.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from recorder.errors import ReportError
from recorder.journal import Journal, Record, RecordKind, Seq
from recorder.journal.clock import shown_ns
from recorder.journal.lock import is_recorded_into
from recorder.journal.records import SINK_KINDS
from recorder.journal.restore import load_run
from recorder.journal.run_index import Headline
from recorder.journal.run_record import read_run_record
from recorder.records import Json
from recorder.records.report_json import report_from_json
from recorder.records.run_report import FullReport, RunReport
from recorder.records.times import iso
from recorder.reports.bare_runs import BareRuns
from recorder.reports.experiments import by_experiment
from recorder.reports.run_report import described, run_report
from recorder.reports.which_run import UID_PREFIX, is_experiment
from recorder.runtime.log import get_logger

log = get_logger("reports")

WHAT_TO_DO = "its images are kept in its results.h5, its report in report.json beside"


@dataclass(frozen=True, slots=True)
class RunPage:
    """Some runs, latest first, and where to go on."""

    runs: tuple[RunReport, ...]
    next: Seq | None
    """Give it as ``before`` for the runs that follow; None if there are none."""


class ReportStore:
    """Reads reports from a journal; use each from one thread at a time.

    Args:
        journal: Where the runs are.
        sinks: Names of the sinks to report on.
    """

    def __init__(self, journal: Journal, sinks: Sequence[str] = ()) -> None:
        self._journal = journal
        self._sinks = tuple(sinks)
        self._bare = BareRuns()

    def get(self, uid: str) -> RunReport | None:
        """The report of a run, None if there is no such run.

        Raises:
            ReportError: It cannot be read, and its images are gone from the journal.
        """
        known = self._journal.headline(uid)
        return None if known is None else self._report(known)

    def list(
        self,
        experiment: str | None = None,
        limit: int | None = None,
        before: Seq | None = None,
    ) -> RunPage:
        """Runs, latest first; one whose report cannot be read is logged and left out.

        Args:
            experiment: Only those of an experiment: name or DataCollectionGroup id.
            limit: How many at most, 1 or more.
            before: ``next`` of the page before.

        Raises:
            ValueError: No such limit.
        """
        if limit is not None and limit < 1:
            raise ValueError(f"limit is {limit}: it must be 1 or more")
        found: list[RunReport] = []
        last: Seq | None = None
        for known in self._journal.headlines_before(before):
            if not self.is_of(experiment, known):
                continue
            if limit is not None and len(found) == limit:
                return RunPage(tuple(found), last)
            found += self._readable(known)
            last = known.opened
        return RunPage(tuple(found), None)

    def changes_since(self, seq: Seq) -> tuple[Seq, tuple[RunReport, ...]]:
        """Reports of runs that changed after a record, and the last record looked at.

        What a sink did with a run is no record: it is as of now in each report.
        """
        changed = self._journal.changed_runs(seq, SINK_KINDS)
        known = (self._journal.headline(uid) for uid, _ in changed)
        reports = [r for item in known if item for r in self._readable(item)]
        return (changed[-1][1] if changed else seq), tuple(reports)

    def full(
        self, *, run: str | None = None, experiment: str | None = None
    ) -> FullReport:
        """All experiments of the journal, or those asked for.

        Args:
            run: Run number, or at least 6 characters of the beginning of a uid.
            experiment: Experiment name or DataCollectionGroup id.
        """
        found: list[RunReport] = []
        journal = self._journal
        meant = journal.headlines() if run is None else journal.named(run, UID_PREFIX)
        for known in meant:
            if self.is_of(experiment, known):
                found += self._readable(known)
        return by_experiment(found)

    # -- which ------------------------------------------------------------------------

    def is_of(self, experiment: str | None, known: Headline) -> bool:
        """Whether a run is of an experiment; None is any."""
        if experiment is None or experiment == known.experiment:
            return True
        if not experiment.isdecimal():
            return False
        ids = self._journal.all_ids(known.uid)
        group_id = ids.get("data_collection_group_id")
        return is_experiment(experiment, known.experiment, group_id)

    # -- reports ----------------------------------------------------------------------

    def _readable(self, known: Headline) -> Iterator[RunReport]:
        """The report, or nothing but a line in the log."""
        try:
            report = self._report(known)
        except ReportError as error:
            log.error(
                "report_unreadable", run=known.number, uid=known.uid, error=str(error)
            )
        else:
            yield report

    def _report(self, known: Headline) -> RunReport:
        return replace(
            self._stored(known) or self._anew(known),
            experiment=known.experiment,
            **self.written_where(known),
        )

    def written_where(self, known: Headline) -> dict[str, Any]:
        """The keys of a report that say what sinks did with a run."""
        ids = self._journal.all_ids(known.uid)
        return {
            "data_collection_id": ids.get("data_collection_id"),
            "data_collection_group_id": ids.get("data_collection_group_id"),
            "sinks": {sink: self._sink_state(sink, known) for sink in self._sinks},
        }

    def _stored(self, known: Headline) -> RunReport | None:
        """What the journal holds; None if it must be worked out."""
        latest = self._latest(known)
        if latest is None:
            return None
        try:
            report = report_from_json(latest.body.get("report"))
        except ReportError as error:
            if not known.pruned:
                return None
            raise ReportError(f"run {known.uid}: {error}; {WHAT_TO_DO}") from error
        report = replace(report, as_of=iso(shown_ns(self._journal, latest.time_ns)))
        if known.sealed:
            return report
        if self._outdated(report, latest, known):
            return None
        body = self._body(known)
        if _says(report) == _described(body):
            return report
        return replace(report, **described(read_run_record(body)))

    def _latest(self, known: Headline) -> Record | None:
        """Its last report that is there."""
        seqs = [known.reported or 0, 0 if known.sealed else known.updated or 0]
        found = (self._journal.record(seq) for seq in sorted(seqs)[::-1] if seq)
        return next((record for record in found if record is not None), None)

    def _body(self, known: Headline) -> Json:
        record = self._journal.record(known.described)
        if record is None:
            raise ReportError(f"run {known.uid}: not in the journal any more")
        return record.body

    def _outdated(self, report: RunReport, record: Record, known: Headline) -> bool:
        """Whether nobody brings this report up to date though there is more.

        A recorder that runs brings it up to date every few seconds. Of one that died,
        images and events may be journalled that its last report does not count, and
        images that it counts as pending are gone.
        """
        if is_recorded_into(self._journal.path):
            return False
        if known.described > record.seq:
            return True
        event = (RecordKind.EVENT,)
        last = max(self._journal.last_seq(name, event) for name in known.event_names)
        counted = report.images.received
        return last > record.seq or self._journal.image_count(known.uid) != counted

    def _anew(self, known: Headline) -> RunReport:
        """Worked out from images and events."""
        if (bare := self._bare.report(self._journal, known)) is not None:
            return bare
        run = load_run(self._journal, known.uid)
        if run is None:
            raise ReportError(f"run {known.uid}: not in the journal any more")
        return replace(run_report(run), as_of=iso(time.time_ns()))

    def _sink_state(self, sink: str, known: Headline) -> str:
        cursor, refused, again = self._journal.sink_state(sink, known.uid)
        if refused is not None:
            return f"parked: {refused}"
        return "pending" if again or cursor < known.written else "written"


def _says(report: RunReport) -> tuple[object, ...]:
    """What a report and a description both say of a run, in short."""
    return (
        report.state,
        report.status,
        report.reason,
        report.revision,
        report.announced,
        report.ended_ns,
        report.notes,
    )


def _described(body: Json) -> tuple[object, ...]:
    """The same of a description."""
    names = ("state", "status", "reason", "revision", "announced", "ended_ns")
    return (*(body[name] for name in names), tuple(body["notes"]))
