"""The reports of runs, from what the journal holds already.

The journal has the report of a sealed run, and every few seconds that of a run that
goes on: neither is worked out again. Only if a recorder died before it could report a
run, the report is worked out from the run's images and events.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from recorder.errors import ReportError
from recorder.journal import Journal, Record, RecordKind, Seq
from recorder.journal.lock import is_recorded_into
from recorder.journal.records import SINK_KINDS
from recorder.journal.restore import describe_run, event_names, load_run
from recorder.journal.run_record import Headline, read_headline
from recorder.records.report_json import report_from_json
from recorder.records.run_report import FullReport, RunReport
from recorder.records.times import iso
from recorder.reports.experiments import by_experiment
from recorder.reports.run_report import described, run_report
from recorder.reports.which_run import is_experiment, is_run
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

    def get(self, uid: str) -> RunReport | None:
        """The report of a run, None if there is no such run.

        Raises:
            ReportError: It cannot be read, and its images are gone from the journal.
        """
        known = self._known(uid)
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
        for uid, opened in self._journal.runs_before(before):
            known = self._known(uid, experiment=experiment)
            if known is None:
                continue
            if limit is not None and len(found) == limit:
                return RunPage(tuple(found), last)
            found += self._readable(known)
            last = opened
        return RunPage(tuple(found), None)

    def changes_since(self, seq: Seq) -> tuple[Seq, tuple[RunReport, ...]]:
        """Reports of runs that changed after a record, and the last record looked at.

        What a sink did with a run is no record: it is as of now in each report.
        """
        changed = self._journal.changed_runs(seq, SINK_KINDS)
        known = (self._known(uid) for uid, _ in changed)
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
        for body in self._journal.headlines():
            known = read_headline(body)
            meant = run is None or is_run(run, known.number, known.uid)
            if meant and self._is_of(experiment, known):
                found += self._readable(known)
        return by_experiment(found)

    # -- which ------------------------------------------------------------------------

    def _known(self, uid: str, *, experiment: str | None = None) -> Headline | None:
        """A run by its description, None if there is none or it is not asked for."""
        record = self._journal.latest(RecordKind.RUN, uid)
        if record is None:
            return None
        known = read_headline(record.body)
        return known if self._is_of(experiment, known) else None

    def _is_of(self, experiment: str | None, known: Headline) -> bool:
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
        uid = known.uid
        ids = self._journal.all_ids(uid)
        return replace(
            self._stored(known) or self._anew(uid),
            experiment=known.experiment,
            data_collection_id=ids.get("data_collection_id"),
            data_collection_group_id=ids.get("data_collection_group_id"),
            sinks={sink: self._sink_state(sink, uid) for sink in self._sinks},
        )

    def _stored(self, known: Headline) -> RunReport | None:
        """What the journal holds; None if it must be worked out."""
        uid = known.uid
        records = [self._journal.latest(RecordKind.RUN_SEALED, uid)]
        if not known.sealed:
            records.append(self._journal.latest(RecordKind.RUN_UPDATED, uid))
        latest = max((r for r in records if r), key=lambda r: r.seq, default=None)
        if latest is None:
            return None
        try:
            report = report_from_json(latest.body.get("report"))
        except ReportError as error:
            if self._journal.latest(RecordKind.RUN_PRUNED, uid) is None:
                return None
            raise ReportError(f"run {uid}: {error}; {WHAT_TO_DO}") from error
        report = replace(report, as_of=iso(latest.time_ns))
        if known.sealed:
            return report
        if self._outdated(report, latest):
            return None
        run = describe_run(self._journal, uid)
        return report if run is None else replace(report, **described(run))

    def _outdated(self, report: RunReport, record: Record) -> bool:
        """Whether nobody brings this report up to date though there is more.

        A recorder that runs brings it up to date every few seconds. Of one that died,
        images and events may be journalled that its last report does not count, and
        images that it counts as pending are gone.
        """
        if is_recorded_into(self._journal.path):
            return False
        uid, kinds = record.run or "", (RecordKind.RUN, RecordKind.EVENT)
        last = max(
            self._journal.last_seq(name, kinds)
            for name in event_names(self._journal, uid)
        )
        counted = report.images.received
        return last > record.seq or self._journal.image_count(uid) != counted

    def _anew(self, uid: str) -> RunReport:
        """Worked out from images and events."""
        run = load_run(self._journal, uid)
        if run is None:
            raise ReportError(f"run {uid}: not in the journal any more")
        return replace(run_report(run), as_of=iso(time.time_ns()))

    def _sink_state(self, sink: str, uid: str) -> str:
        if (error := self._journal.parked(sink, uid)) is not None:
            return f"parked: {error}"
        done = self._journal.written(sink, uid, SINK_KINDS)
        return "written" if done else "pending"
