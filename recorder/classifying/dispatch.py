"""Has the images of runs classified, and journals what became of them."""

from __future__ import annotations

from functools import partial

from recorder.classifying.lessons import Lessons
from recorder.classifying.setup import calibration, make_setup
from recorder.config import Settings
from recorder.errors import RecorderError
from recorder.journal import RecordKind
from recorder.journal.run_record import run_record
from recorder.journal.writer import JournalWriter
from recorder.pool.jobs import Outcome
from recorder.pool.pool import Pool
from recorder.records import (
    ClassifierSetup,
    Image,
    Learned,
    NotProcessed,
    Payload,
    Unprocessed,
)
from recorder.records.image_outcome import outcome_of
from recorder.records.report_json import calibration_to_json
from recorder.runs.run import Run
from recorder.runtime.log import get_logger
from recorder.ssx.classification.upstream import upstream_class

log = get_logger("runs")


class Dispatch:
    """Sends the images of all runs to workers, and takes what became of them.

    Args:
        settings: The configuration.
        pool: What classifies.
        writer: What journals.
    """

    def __init__(self, settings: Settings, pool: Pool, writer: JournalWriter) -> None:
        self._settings = settings
        self._pool = pool
        self._writer = writer
        self._sections = settings.detectors
        self._lessons: dict[str, Lessons] = {}

    def forget(self, uid: str) -> None:
        """A run is over, or its geometry or cell is another one from now on."""
        self._lessons.pop(uid, None)

    def classify(self, run: Run, image: Image, *, wait: bool) -> None:
        """Have an image classified.

        Args:
            run: Its run.
            image: The image.
            wait: Never shed it.
        """
        if image.upstream is not None and self._settings.classify.upstream == "use":
            least = self._settings.classify.min_spots_hit
            self._classified(run, image, upstream_class(image.upstream, least))
            return
        if image.payload is None:
            problem = image.problem or (Unprocessed.CORRUPT, "no pixels")
            self._classified(run, image, problem)
            return
        done = partial(self._classified, run, _without_pixels(image))
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
        lessons = Lessons(self._pool, number, changed, partial(_count_left_out, run))
        self._lessons[run.uid] = lessons
        return lessons

    def _calibrated(
        self, run: Run, setup: ClassifierSetup, old: Learned, new: Learned
    ) -> None:
        """Geometry or cell changed: say it, and keep it with the run."""
        before, after = calibration(setup, old), calibration(setup, new)
        run.calibrations.append(after)
        log.info(
            "run_calibrated",
            run=run.number,
            uid=run.uid,
            before=calibration_to_json(before),
            **calibration_to_json(after),
        )
        self._writer.record(RecordKind.RUN, run.uid, run_record(run, "calibrated"))

    def _classified(self, run: Run, image: Image, result: Outcome) -> None:
        outcome = outcome_of(image, result)
        if isinstance(outcome.result, NotProcessed):
            why, error = outcome.result.why, outcome.result.reason
            if why not in run.images.outcomes:
                log.warning(
                    "images_unprocessed",
                    run=run.number,
                    reason=why,
                    image_id=image.image_id,
                    error=error,
                )
        run.images.finish(outcome)
        self._writer.image(run.uid, outcome)


def _count_left_out(run: Run) -> None:
    run.counts["lessons_left_out"] += 1


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
