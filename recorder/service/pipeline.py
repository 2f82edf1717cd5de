"""From records to the journal: the same for the daemon and for replayed files."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from recorder.boundary import boundary
from recorder.config import GeometrySection, Settings
from recorder.errors import RecorderError
from recorder.journal import ImageRow, Journal
from recorder.journal.events import event_to_json
from recorder.journal.restore import load_unsealed, run_numbers, run_record
from recorder.log import get_logger
from recorder.paths import run_folder
from recorder.pool.jobs import Outcome
from recorder.pool.pool import Pool
from recorder.records import (
    BadMessage,
    Classification,
    ClassifierSetup,
    Collection,
    CollectionEnd,
    ControlRecord,
    DetectorRecord,
    Image,
    Json,
    Learned,
    Payload,
    RunState,
    SeriesEnd,
    SeriesStart,
    TimedEvent,
    Unprocessed,
)
from recorder.report import run_report
from recorder.runs.actions import (
    Accepted,
    Action,
    Adopted,
    Changed,
    Dropped,
    Noticed,
    Opened,
    Sealed,
)
from recorder.runs.book import RunBook
from recorder.runs.endings import BookSettings
from recorder.runs.run import Run
from recorder.service.lessons import Lessons
from recorder.service.setups import calibration, make_setup
from recorder.service.writer import JournalWriter
from recorder.ssx.upstream import upstream_class

log = get_logger("runs")
messages = get_logger("sources")

TICK_S = 0.1
UPDATE_SHARE = 20
"""Time between two updates over the time that one takes, at least."""
BAD_MESSAGE_LOG_S = 60.0


class Pipeline:
    """Sorts records into runs, has images classified, journals what became of them.

    Args:
        settings: The configuration.
        journal: Where everything is written.
        pool: What classifies.
        flushed: Called after each commit to the journal.
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
        self._pool = pool
        self.writer = JournalWriter(journal, flushed, settings.journal.max_unwritten)
        self.book = RunBook(book or book_settings(settings))
        self._sections: dict[str, GeometrySection] = {
            detector.name: detector for detector in settings.detector
        }
        self._lessons: dict[str, Lessons] = {}
        self._folders: set[str] = set()
        self._reported: dict[str, tuple[int, int, int]] = {}
        self._alarms: set[tuple[str, str]] = set()
        """What was said of the clocks of runs that go on."""
        self._bad_logged: dict[tuple[str, str], float] = {}
        self.bad_messages: Counter[tuple[str, str]] = Counter()
        self.changed = asyncio.Event()
        """Set at each change of a run's state."""
        self.images_seen = 0

    def restore(self) -> None:
        """Go on with the runs that were open when the recorder stopped."""
        runs = load_unsealed(self._journal)
        past = self._known_runs()
        now = time.monotonic()
        for run in runs:
            run.last_progress = now
            run.drain_until = now + self._settings.runs.drain_s
            log.info("run_resumed", run=run.number, uid=run.uid,
                     received=run.images.received, state=run.state)  # fmt: skip
        self.book.restore(runs, run_numbers(self._journal), past)

    def restore_numbers(self) -> None:
        """Take over run numbers and folders, but none of the open runs: for replay."""
        self._known_runs()
        self.book.restore((), run_numbers(self._journal), ())

    def _known_runs(self) -> list[str]:
        """Note the folders in use; the uids of all runs."""
        past: list[str] = []
        for uid in self._journal.run_uids():
            record = self._journal.latest("run", uid)
            if record is not None:
                self._folders.add(record.body["folder"])
                past += [uid, record.body["collection_uid"] or uid]
        return past

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
            self._do(self.book.image(record, now), wait=wait)
        elif isinstance(record, SeriesStart):
            messages.info("series_started", source=record.key.source,
                          series_id=record.key.series_id,
                          images=record.expected_images,
                          problems=list(record.problems))  # fmt: skip
            self._do(self.book.series_start(record, now), wait=wait)
        elif isinstance(record, SeriesEnd):
            self._do(self.book.series_end(record, now), wait=wait)
        else:
            source = record.source
            runs = [r for r in self.book.active if not r.key or r.key.source == source]
            self._bad(record, runs)

    def feed_control(
        self,
        records: list[ControlRecord],
        acknowledge: Callable[[], None] | None = None,
    ) -> None:
        """Take the records of one control message; acknowledge it once journalled."""
        now = time.monotonic()
        for record in records:
            with boundary(f"handle {type(record).__name__}"):
                self._control(record, now)
        if acknowledge is not None:
            self.writer.after_commit(acknowledge)

    def _control(self, record: ControlRecord, now: float) -> None:
        if isinstance(record, Collection):
            self.writer.record("collection", record.uid, record.body)
            self._do(self.book.collection(record, now))
        elif isinstance(record, CollectionEnd):
            body = {"uid": record.uid, "status": record.status,
                    "reason": record.reason, "time_ns": record.time_ns,
                    "images": record.images}  # fmt: skip
            self.writer.record("collection_end", record.uid, body)
            self._do(self.book.collection_end(record, now))
        elif isinstance(record, TimedEvent):
            run, actions = self.book.event(record, now)
            self._do(actions)
            name = record.collection or (run.uid if run else None)
            self.writer.record("event", name, event_to_json(record))
        else:  # nothing in it says for which run it was: it may be any
            self._bad(record, self.book.active)

    def _bad(self, message: BadMessage, runs: list[Run]) -> None:
        """Count a message that cannot be used; log each kind at most once a minute."""
        key = (message.source, message.kind)
        self.bad_messages[key] += 1
        for run in runs:
            run.counts[f"bad_messages_{message.kind}"] += 1
        now = time.monotonic()
        if now - self._bad_logged.get(key, -BAD_MESSAGE_LOG_S) >= BAD_MESSAGE_LOG_S:
            self._bad_logged[key] = now
            messages.warning("message_refused", source=message.source,
                             kind=message.kind, error=message.detail[:500],
                             count=self.bad_messages[key])  # fmt: skip

    # -- decisions out ------------------------------------------------------------

    def _do(self, actions: list[Action], *, wait: bool = False) -> None:
        for action in actions:
            match action:
                case Accepted(run, image):
                    self._classify(run, image, wait=wait)
                case Opened(run):
                    self._opened(run)
                case Changed(run, what):
                    self._changed_run(run, what)
                case Sealed(run):
                    self._sealed(run)
                case Noticed():
                    self._notice(action)
                case Adopted(run, events):
                    for event in events:
                        body = event_to_json(event)
                        self.writer.record("event", run.uid, body)
                case Dropped(key, _):
                    log.info("series_empty", source=key.source, series_id=key.series_id)

    def _opened(self, run: Run) -> None:
        self._give_folder(run)
        self._check_chains(run)
        self.writer.record("run", run.uid, run_record(run, "opened"))
        self._tell(
            "run_started",
            run=run.number,
            uid=run.uid,
            experiment=run.experiment,
            announced=run.announced,
            images=run.declared_images,
        )
        self.changed.set()

    def _tell(self, event: str, **fields: object) -> None:
        """Log once it is on disk: nobody is told of what could still be lost."""
        self.writer.after_commit(partial(log.info, event, **fields))

    def _give_folder(self, run: Run) -> None:
        """A folder of its own, even if a run number is used twice."""
        body = run.body
        base = run_folder(
            str(body.get("proposal")), body.get("visit"), run.experiment, run.number
        )
        run.folder, n = base, 1
        while run.folder in self._folders:
            n += 1
            run.folder = f"{base}-{n}"
        self._folders.add(run.folder)

    @staticmethod
    def _check_chains(run: Run) -> None:
        """Say what is wrong with the declared chains; the rest is used."""
        problems = run.declared.problems
        for problem in problems:
            run.note(problem)
        if problems:
            run.counts["chain_problems"] += len(problems)
            log.warning("chain_problems", run=run.number, uid=run.uid,
                        problems=list(problems))  # fmt: skip

    def _changed_run(self, run: Run, what: str) -> None:
        if what in ("announced", "series_started"):
            self._lessons.pop(run.uid, None)
        if what == "announced":
            self._give_folder(run)
            self._check_chains(run)
        key = run.key
        log.info("run_changed", run=run.number, what=what, reason=run.reason,
                 series_id=key.series_id if key else None,
                 experiment=run.experiment)  # fmt: skip
        self.writer.record("run", run.uid, run_record(run, what))
        self.changed.set()

    def _sealed(self, run: Run) -> None:
        report = run_report(run)
        self.writer.record("run", run.uid, run_record(run, "sealed"))
        self.writer.record(
            "run_sealed", run.uid, {"report": report, "revision": run.revision}
        )
        self._clock_alarms(run, report["timeline"])
        self._alarms = {key for key in self._alarms if key[0] != run.uid}
        self._lessons.pop(run.uid, None)
        self._reported.pop(run.uid, None)
        images, classes = report["images"], report["classes"]
        self._tell(
            "run_sealed",
            run=run.number,
            uid=run.uid,
            experiment=run.experiment,
            status=run.status,
            reason=run.reason,
            revision=run.revision,
            expected=images["expected"],
            received=images["received"],
            lost=images["lost"],
            unprocessed=images["unprocessed"],
            indexed=classes["indexed"],
            non_indexed_hits=classes["non_indexed_hits"],
            non_hits=classes["non_hits"],
            hit_rate=report["rates"]["hit"],
            light=report["pump"]["light"],
            dark=report["pump"]["dark"],
            unknown=report["pump"]["unknown"],
            folder=run.folder,
        )
        if differences := report["ledger"]["differences"]:
            log.error("ledger_open", run=run.number, uid=run.uid,
                      differences=differences)  # fmt: skip
        self.changed.set()

    @staticmethod
    def _notice(notice: Noticed) -> None:
        fields = dict(notice.fields)
        if notice.run is not None:
            fields["run"] = notice.run.number
        getattr(log, notice.level)(notice.event, **fields)

    # -- images -------------------------------------------------------------------

    def _classify(self, run: Run, image: Image, *, wait: bool) -> None:
        done = partial(self._classified, run, _without_pixels(image))
        if image.upstream is not None and self._settings.classify.upstream == "use":
            least = self._settings.classify.min_spots_hit
            done(upstream_class(image.upstream, least))
            return
        if image.payload is None:
            done(image.problem or (Unprocessed.CORRUPT, "no pixels"))
            return
        try:
            lessons = self._lessons_of(run, image, image.payload)
        except RecorderError as error:
            done((Unprocessed.UNSUPPORTED, str(error)))
            return
        if not lessons.offer(image.image_id, image.payload, done, force=wait):
            done((Unprocessed.OVERLOAD, "all workers busy and the backlog full"))

    def _lessons_of(self, run: Run, image: Image, payload: Payload) -> Lessons:
        known = self._lessons.get(run.uid)
        if known is not None:
            return known
        section = self._sections.get(image.key.source, self._settings.replay)
        setup, found = make_setup(
            run, payload, section, self._settings.classify.settings()
        )
        for warning in found:
            run.note(warning)
        if found:
            log.warning("setup_warnings", run=run.number, warnings=found)
        number = self._pool.add_setup(setup)
        changed = partial(self._calibrated, run, setup)
        lessons = Lessons(self._pool, number, changed)
        self._lessons[run.uid] = lessons
        return lessons

    def _calibrated(
        self, run: Run, setup: ClassifierSetup, old: Learned, new: Learned
    ) -> None:
        """Geometry or cell changed: say it, and keep it with the run."""
        before, after = calibration(setup, old), calibration(setup, new)
        run.calibrations.append(after)
        log.info("run_calibrated", run=run.number, uid=run.uid, before=before, **after)
        self.writer.record("run", run.uid, run_record(run, "calibrated"))

    def _classified(self, run: Run, image: Image, outcome: Outcome) -> None:
        if isinstance(outcome, Classification):
            lattices = outcome.lattices
            run.images.finish(
                image.image_id,
                outcome.image_class,
                spots=outcome.spots,
                cells=tuple(lattice.cell for lattice in lattices),
                residuals=tuple(
                    lattice.residual
                    for lattice in lattices
                    if not math.isnan(lattice.residual)
                ),
                resolution=outcome.resolution,
                solvent=outcome.solvent,
                effort=outcome.effort,
                upstream=outcome.upstream,
            )
        else:
            reason, error = outcome
            if reason not in run.images.outcomes:
                log.warning("images_unprocessed", run=run.number, reason=reason,
                            image_id=image.image_id, error=error)  # fmt: skip
            run.images.finish(image.image_id, reason)
        self.writer.image(image_row(run.uid, image, outcome))

    # -- time ---------------------------------------------------------------------

    async def tick(self) -> None:
        """Holds, timeouts, seals and progress, until cancelled."""
        next_log = next_update = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            with boundary("look after the runs"):
                self._do(self.book.tick(now))
            if now >= next_update:
                with boundary("count the images"):
                    self._update()
                # Long runs are counted less often: never more than a 20th of the time.
                took = time.monotonic() - now
                next_update = now + max(
                    self._settings.ispyb.update_interval_s, UPDATE_SHARE * took
                )
            if now >= next_log:
                next_log = now + self._settings.log.progress_interval_s
                self._log_progress()

    def _update(self) -> None:
        """Journal the statistics of the runs that moved."""
        for run in self.book.active:
            state = (run.images.received, run.images.pending, sum(run.counts.values()))
            if run.images.received and self._reported.get(run.uid) != state:
                self._reported[run.uid] = state
                body = {"report": run_report(run)}
                self._clock_alarms(run, body["report"]["timeline"])
                self.writer.record("run_updated", run.uid, body)

    def _clock_alarms(self, run: Run, known: Json) -> None:
        """Say once what is wrong with a clock, while it can still be mended."""
        for clock in known["clocks"]:
            if clock["alarm"] and (run.uid, "rate") not in self._alarms:
                self._alarms.add((run.uid, "rate"))
                log.warning("clock_alarm", run=run.number, uid=run.uid,
                            source=clock["source"], against=clock["against"],
                            ppm=clock["ppm"], hint="a clock is more than 100 ppm off, "
                            "or the declared period is not the real one")  # fmt: skip
        for item in known["breaks"]:
            key = (run.uid, f"{item['kind']} {item['image_id']}")
            if key not in self._alarms:
                self._alarms.add(key)
                log.warning("timeline_break", run=run.number, uid=run.uid,
                            kind=item["kind"], image_id=item["image_id"],
                            resolved=item["resolved"], step=item["step"])  # fmt: skip

    def _log_progress(self) -> None:
        for run in self.book.active:
            if run.state is RunState.ANNOUNCED or not run.images.received:
                continue
            outcomes = run.images.outcomes
            log.info("run_progress", run=run.number, state=run.state,
                     received=run.images.received, expected=run.declared_images,
                     pending=run.images.pending,
                     **{str(name): n for name, n in outcomes.items()})  # fmt: skip

    def status(self) -> Json:
        """What operators ask first: is it alive, what is it doing."""
        runs = self.book.active
        current = next((r for r in reversed(runs) if r.state is not RunState.ANNOUNCED),
                       runs[-1] if runs else None)  # fmt: skip
        status: Json = {"state": current.state if current else "idle", "run": None,
                        "pending": self._pool.backlog,
                        "unwritten": self.writer.depth,
                        "bad_messages": sum(self.bad_messages.values())}  # fmt: skip
        if current is not None:
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


def image_row(uid: str, image: Image, outcome: Outcome) -> ImageRow:
    """The journal row of a finished image."""
    if isinstance(outcome, Classification):
        detail = _detail(outcome)
        return ImageRow(
            run=uid,
            image_id=image.image_id,
            outcome=outcome.image_class,
            start_time_ns=image.start_time_ns,
            stop_time_ns=image.stop_time_ns,
            received_ns=image.received_ns,
            spots=outcome.spots,
            resolution=outcome.resolution,
            background=outcome.background,
            saturated=outcome.saturated_pixels,
            detail=json.dumps(detail) if detail else None,
            solvent=outcome.solvent,
            learned=outcome.learned,
        )
    return ImageRow(
        run=uid,
        image_id=image.image_id,
        outcome=outcome[0],
        start_time_ns=image.start_time_ns,
        stop_time_ns=image.stop_time_ns,
        received_ns=image.received_ns,
        detail=json.dumps({"reason": outcome[1]}),
    )


def _detail(outcome: Classification) -> Json:
    """What only some images have."""
    lattices = [
        {
            "cell": _rounded(lattice.cell, 4),
            "vectors": _rounded(lattice.vectors, 5) or None,
            "spots": lattice.spots,
            "log10_nfa": _known(lattice.log10_nfa, 2),
            "residual": _known(lattice.residual, 7),
            "found_by": lattice.found_by,
        }
        for lattice in outcome.lattices
    ]
    found: Json = {
        "lattices": lattices,
        "rings": outcome.rings,
        "effort": int(outcome.effort),
        "upstream": outcome.upstream,
    }
    return {name: value for name, value in found.items() if value}


def _known(value: float, digits: int) -> float | None:
    """What an upstream analysis does not tell is no number."""
    return None if math.isnan(value) else round(value, digits)


def _rounded(values: tuple[float, ...], digits: int) -> list[float]:
    """Beyond these digits there is no knowledge, only bytes."""
    return [round(value, digits) for value in values]


def _without_pixels(image: Image) -> Image:
    """What the journal needs of an image; the pixels go when they are classified."""
    return Image(
        key=image.key,
        image_id=image.image_id,
        payload=None,
        start_time_ns=image.start_time_ns,
        stop_time_ns=image.stop_time_ns,
        received_ns=image.received_ns,
    )


def book_settings(settings: Settings) -> BookSettings:
    """The run book's settings from the configuration."""
    runs = settings.runs
    return BookSettings(
        hold_s=runs.hold_s if settings.mqtt.enabled else 0.0,
        match_window_s=runs.match_window_s,
        series_timeout_s=runs.series_timeout_s,
        announcement_timeout_s=runs.announcement_timeout_s,
        drain_s=runs.drain_s,
        max_image_id=runs.max_image_id,
        # What waits goes to the pool at once: more than its backlog would be refused.
        max_held_bytes=settings.pool.max_backlog_mb << 20,
        unannounced_body=settings.unannounced.body(),
    )
