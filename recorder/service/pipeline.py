"""From records to the journal: the same for the daemon and for replayed files."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from recorder.classifying.dispatch import Dispatch
from recorder.config import Settings
from recorder.journal import Journal, RecordKind
from recorder.journal.event_json import end_to_json, event_to_json
from recorder.journal.reading_json import reading_record
from recorder.journal.run_record import run_record
from recorder.journal.writer import JournalWriter
from recorder.live.runs import LiveRuns
from recorder.pool.pool import Pool
from recorder.records import (
    Announcement,
    CollectionEnd,
    ControlRecord,
    DetectorRecord,
    Image,
    Json,
    Reading,
    SeriesEnd,
    SeriesStart,
    TimedEvent,
)
from recorder.runs.book.actions import (
    Accepted,
    Action,
    Adopted,
    Changed,
    Dropped,
    Due,
    LookAgain,
    Noticed,
    Opened,
    notice,
)
from recorder.runs.book.book import RunBook
from recorder.runs.book.endings import BookSettings
from recorder.runs.run import Run
from recorder.runtime.boundary import boundary
from recorder.runtime.host_clock import arrival_ns
from recorder.runtime.log import get_logger
from recorder.runtime.throttle import Throttle
from recorder.service import telling
from recorder.service.alarms import ClockAlarms
from recorder.service.announcement_problems import note_problems
from recorder.service.bad_messages import BadMessages, may_be_of, meant_by
from recorder.service.clock_steps import ClockSteps
from recorder.service.folders import Folders
from recorder.service.label_keeper import LabelKeeper
from recorder.service.outbox import Outbox
from recorder.service.progress import Progress
from recorder.service.reporting import Made, Reporter
from recorder.service.restoring import restore_numbers, restore_runs
from recorder.service.run_settings import book_settings
from recorder.service.sealed_run import tell_sealed
from recorder.service.trigger_gaps import TriggerGaps

log = get_logger("runs")
messages = get_logger("sources")

TICK_S = 0.1  # s between two looks at what is due. Chosen, not tuned.
UPDATE_SHARE = 20
"""Time between two updates over the time that one takes, at least."""


class Pipeline:
    """Sorts records into runs, has images classified, journals what became of them.

    Args:
        settings: The configuration.
        journal: Where everything is written.
        pool: What classifies.
        flushed: Called after each commit of records to the journal.
        book: When runs begin and end; None takes the configuration's.
    """

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        pool: Pool,
        flushed: Callable[[], None],
        book: BookSettings | None = None,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self.writer = JournalWriter(journal, flushed, settings.journal.max_unwritten)
        self._clock = ClockSteps(journal)
        book = book or book_settings(settings)
        self.book = RunBook(replace(book, clock_step_ns=self._clock.said_ns))
        self._pool = pool
        self.live = LiveRuns(arrival_ns)
        """What is counted of runs that go on."""
        self._images = Dispatch(settings, pool, self.writer, self.live)
        self._folders = Folders(settings.results, journal.id)
        self._alarms = ClockAlarms()
        self._gaps = TriggerGaps()
        self.reporter = Reporter(LabelKeeper(journal))
        self._progress = Progress(
            self.book, self.writer, self.reporter, self._alarms, self._gaps, self.live
        )
        self.bad = BadMessages()
        self._lines = Throttle()
        self.changed = asyncio.Event()  # set at each change of a run's state
        self.outbox = Outbox(self.changed)  # for the broker, where there is one
        self.images_seen = 0

    def restore(self) -> None:
        """Go on with the runs that were open when the recorder stopped."""
        self._clock.take_over()
        restore_runs(self._journal, self.book, self._folders, self._settings.runs)

    def restore_numbers(self) -> None:
        """Take over run numbers and folders, but none of the open runs: for replay."""
        self._clock.take_over()
        restore_numbers(self._journal, self.book, self._folders)

    # -- records in ---------------------------------------------------------------

    def feed(self, record: DetectorRecord, *, wait: bool = False) -> None:
        """Take a record of a detector or file.

        Args:
            record: What came.
            wait: Never shed an image (the caller awaits ``pool.room``).
        """
        now = time.monotonic()
        if isinstance(record, Image):
            self.images_seen += 1
            self.live.heard.image(record)
            self._do(self.book.image(record, now), wait=wait)
        elif isinstance(record, SeriesStart):
            messages.info("series_started", **telling.series_fields(record))
            self._do(self.book.series_start(record, now), wait=wait)
        elif isinstance(record, SeriesEnd):
            self._do(self.book.series_end(record, now), wait=wait)
        else:
            self.bad.take(record, may_be_of(record.source, self.book.active))

    def feed_control(
        self,
        records: list[ControlRecord],
        acknowledge: Callable[[], None] | None = None,
    ) -> None:
        """Take the records of one control message; acknowledge it once journalled."""
        now = time.monotonic()
        self.live.heard.control(records, from_broker=acknowledge is not None)
        for record in records:
            with boundary(f"handle {type(record).__name__}"):
                self._control(record, now)
        if acknowledge is not None:
            self.writer.after_commit(acknowledge)

    def _control(self, record: ControlRecord, now: float) -> None:
        if isinstance(record, Announcement):
            if (refused := self.book.refusal(record)) is not None:
                self.bad.take(refused, ())
                return
            self.writer.record(RecordKind.COLLECTION, record.uid, record.message)
            self._do(self.book.announcement(record, now))
        elif isinstance(record, CollectionEnd):
            kind = RecordKind.COLLECTION_END
            self.writer.record(kind, record.uid, end_to_json(record))
            self._do(self.book.collection_end(record, now))
        elif isinstance(record, TimedEvent):
            run, event, actions = self.book.event(record, now)
            self._do(actions)
            name = event.collection or (run.uid if run else None)
            self.writer.record(RecordKind.EVENT, name, event_to_json(event))
        elif isinstance(record, Reading):
            self._do(self.book.reading(record, now))
            self.writer.record(*reading_record(record))
        else:
            self.bad.take(record, meant_by(record, self.book))

    # -- decisions out ------------------------------------------------------------

    def _do(self, actions: list[Action], *, wait: bool = False) -> None:
        for action in actions:
            match action:
                case Accepted(run, image):
                    self.live.received(run, image)
                    self._images.classify(run, image, wait=wait)
                case Opened(run):
                    self._opened(run)
                case Changed(run, what):
                    self._changed_run(run, what)
                case LookAgain(run):
                    self._images.look_again(run)
                case Due(run):
                    self.live.over(run)
                    self.reporter.seal(run, self._reported)
                case Noticed():
                    self._notice(action)
                case Adopted(run, events):
                    for event in events:
                        body = event_to_json(event)
                        self.writer.record(RecordKind.EVENT, run.uid, body)
                case Dropped(key, _):
                    self._notice(notice("series_empty", "info", key))

    def _opened(self, run: Run) -> None:
        self.live.begin(run)
        self._folders.give(run)
        note_problems(run, self._lines)
        self.writer.record(RecordKind.RUN, run.uid, run_record(run, "opened"))
        self._tell("run_started", **telling.opened_fields(run))
        self.changed.set()

    def _tell(self, event: str, **fields: object) -> None:
        """Log once it is on disk: nobody is told of what could still be lost."""
        self.writer.after_commit(partial(log.info, event, **fields))

    def _changed_run(self, run: Run, what: str) -> None:
        if what in ("announced", "series_started"):
            self._images.forget(run)
        elif run.final:
            self._images.settle([run])
        if what == "series_started" and run.start is not None:
            self.writer.header(run.uid, run.start)
        if what == "announced":
            self._folders.give(run)
            note_problems(run, self._lines)
        if self._lines.passes("run_changed"):
            log.info("run_changed", **telling.changed_fields(run, what))
        self.writer.record(RecordKind.RUN, run.uid, run_record(run, what))
        self.changed.set()

    def _reported(self, run: Run, made: Made) -> None:
        """The report of a run that was due is made."""
        further = self.book.take_report(run, made.run, time.monotonic())
        if further is not None:
            self._images.forget(run)
            self._sealed(made.run if further else run, made)
            self._do(further)

    def _sealed(self, run: Run, made: Made) -> None:
        self.writer.record(RecordKind.RUN, run.uid, run_record(run, "sealed"))
        self.live.ended(run)
        if (report := made.report) is not None:
            run.sealed_images = report.images.expected
            body = {"report": made.body, "revision": run.revision}
            self.writer.record(RecordKind.RUN_SEALED, run.uid, body)
            self._alarms.look(run, report.timeline)
            self._gaps.look(made.run)
            self._tell("run_sealed", **telling.sealed_fields(run, report))
            tell_sealed(run, report, self.writer, self.outbox)
        self._progress.forget(run.uid)
        self.changed.set()

    def _notice(self, notice: Noticed) -> None:
        if self._lines.passes(notice.event):
            getattr(log, notice.level)(notice.event, **telling.notice_fields(notice))

    def settle(self) -> None:
        """Nothing more is received: no image waits for others of its run."""
        self._images.settle(self.book.active)

    # -- time ---------------------------------------------------------------------

    async def tick(self) -> None:
        """Holds, timeouts and seals, until cancelled."""
        next_log = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            with boundary("look after the runs"):
                self._do(self.book.tick(now))
                self._clock.look(self.book.active)
            if now >= next_log:
                next_log = now + self._settings.log.progress_interval_s
                self._progress.tell()
                self._lines.look()

    async def count(self) -> None:
        """Journal how the runs do, every few seconds, until cancelled."""
        while True:
            begun = time.monotonic()
            with boundary("count the images"):
                await self._progress.update()
            took = time.monotonic() - begun
            interval = self._settings.ispyb.update_interval_s
            await asyncio.sleep(max(interval, UPDATE_SHARE * took) - took)

    def status(self) -> Json:
        """What operators ask first: is it alive, what is it doing."""
        status = self._progress.status()
        status["pending"] = self._pool.backlog
        status["unwritten"] = self.writer.depth
        status["bad_messages"] = self.bad.total
        status["lines_left_out"] = dict(self._lines.left_out)
        return status
