"""How the runs that go on are doing: statistics, a log line, the daemon's status."""

from __future__ import annotations

from recorder.journal import RecordKind
from recorder.journal.writer import JournalWriter
from recorder.live.runs import LiveRuns, current_run
from recorder.records import Json, RunState
from recorder.runs.book.book import RunBook
from recorder.runs.run import Run
from recorder.runs.timeline.live_timeline import LiveTimeline
from recorder.runs.timeline.of_run import LONG_RUN
from recorder.runtime.log import get_logger
from recorder.service import telling
from recorder.service.alarms import ClockAlarms
from recorder.service.reporting import Reporter
from recorder.service.trigger_gaps import TriggerGaps

log = get_logger("runs")


class Progress:
    """Looks at the open runs.

    Args:
        book: The runs.
        writer: What journals.
        reporter: What makes their reports.
        alarms: Says what is wrong with the clocks.
        gaps: Says which trigger rows did not come.
        counts: Follows the labels of runs that go on.
    """

    def __init__(
        self,
        book: RunBook,
        writer: JournalWriter,
        reporter: Reporter,
        alarms: ClockAlarms,
        gaps: TriggerGaps,
        counts: LiveRuns,
    ) -> None:
        self._book = book
        self._writer = writer
        self._reporter = reporter
        self._alarms = alarms
        self._gaps = gaps
        self._counts = counts
        self._reported: dict[str, tuple[int, int, int]] = {}

    def forget(self, uid: str) -> None:
        """A run is over."""
        self._reported.pop(uid, None)
        self._alarms.forget(uid)
        self._gaps.forget(uid)

    async def update(self) -> None:
        """Journal the statistics of the runs that moved.

        A long one that has come to its end has its report soon, and waits for no other.
        """
        for run in self._book.active:
            if run.events.size and not run.images.received:
                self._gaps.look(run)
            state = (
                run.images.received,
                run.images.pending,
                sum(run.counts.values()) + run.readings,
            )
            soon = run.being_sealed or (run.final and run.images.received > LONG_RUN)
            if (
                (run.images.received or run.readings)
                and not soon
                and self._reported.get(run.uid) != state
            ):
                self._reported[run.uid] = state
                await self._update(run)

    async def _update(self, run: Run) -> None:
        counts = self._counts.of(run)
        live = counts.pump.timeline.copy() if counts else LiveTimeline()
        made = await self._reporter.report(run, live)
        if made.report is None or run.state is RunState.SEALED:
            return
        self._alarms.look(run, made.report.timeline)
        self._gaps.look(made.run)
        body = {"report": made.body}
        self._writer.record(RecordKind.RUN_UPDATED, run.uid, body)

    def tell(self) -> None:
        """One line for each run that has images or points."""
        for run in self._book.active:
            if run.readings:
                log.info("run_progress", **telling.measured_fields(run))
            if run.state is RunState.ANNOUNCED or not run.images.received:
                continue
            outcomes = run.images.outcomes
            log.info(
                "run_progress",
                run=run.number,
                state=run.state,
                received=run.images.received,
                expected=run.declared_images,
                pending=run.images.pending,
                **{str(name): n for name, n in outcomes.items()},
            )

    def status(self) -> Json:
        """State and counts of the run that goes on, or of none."""
        current = current_run(self._book.active)
        status: Json = {"state": current.state if current else "idle", "run": None}
        if current is not None and not current.takes_images:
            status["run"] = {
                "uid": current.uid,
                "experiment": current.experiment,
                "technique": current.technique,
                **telling.measured_fields(current),
            }
        elif current is not None:
            outcomes = current.images.outcomes
            status["run"] = {
                "run": current.number,
                "uid": current.uid,
                "experiment": current.experiment,
                "declared": current.declared_images,
                "received": current.images.received,
                **{str(name): n for name, n in outcomes.items()},
            }
        return status
