"""Has the images of runs classified, and journals what became of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from recorder.classifying.gain import keep_gain
from recorder.classifying.kinds import ImageKinds, Kind, header_kind, kind_of
from recorder.classifying.lessons import Lessons
from recorder.classifying.run_images import Audience, RunImages, without_pixels
from recorder.classifying.second_look import SecondLook
from recorder.classifying.setup import make_setup
from recorder.classifying.telling import tell_calibrated, tell_findings
from recorder.classifying.timetable import Timetable
from recorder.config import Settings
from recorder.errors import ImageError, RecorderError
from recorder.journal import RecordKind
from recorder.journal.run_record import run_record
from recorder.journal.writer import JournalWriter
from recorder.pool.jobs import Outcome
from recorder.pool.pool import Pool
from recorder.records import (
    Classification,
    ClassifierSetup,
    Image,
    Learned,
    NotProcessed,
    Payload,
    Unprocessed,
)
from recorder.records.image_outcome import outcome_of
from recorder.runs.run import Run, SecondLookState
from recorder.runtime.boundary import boundary
from recorder.runtime.log import get_logger
from recorder.ssx.classification.upstream import upstream_class

log = get_logger("runs")


class Dispatch:
    """Sends the images of all runs to workers, and takes what became of them.

    Args:
        settings: The configuration.
        pool: What classifies.
        writer: What journals.
        audience: Told of each outcome.
    """

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        writer: JournalWriter,
        audience: Audience,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._writer = writer
        self._audience = audience
        self._sections = settings.detectors
        self._runs: dict[str, RunImages] = {}

    def forget(self, run: Run) -> None:
        """A run is over, or its header, geometry or cell is another one from now on."""
        known = self._runs.pop(run.uid, None)
        for image, wait in known.held if known else ():
            self.classify(run, image, wait=wait)

    def settle(self, runs: Iterable[Run]) -> None:
        """No more images of these runs are expected: none may be held any longer."""
        for run in runs:
            if (known := self._runs.get(run.uid)) is not None:
                known.kinds.settle()
                self._release(run, known)

    def look_again(self, run: Run) -> None:
        """All images of a run are here: those that knew less are classified again."""
        known = self._runs.get(run.uid)
        if known is None or known.lessons is None:
            run.second_look = SecondLookState.DONE
            return
        known.lessons.finish(partial(self._looked_again, run, known.lessons))

    def _looked_again(self, run: Run, lessons: Lessons) -> None:
        run.second_look = SecondLookState.DONE
        older = lessons.look.older
        if older:
            run.counts["kept_older_class"] += older
            run.note(
                f"{older} images keep the class of an older learned state: their "
                "pixels were not kept until the run ended (pool.second_look_mb)"
            )
        if again := run.counts["classified_again"]:
            log.info(
                "run_classified_again",
                run=run.number,
                uid=run.uid,
                images=again,
                changed=run.counts["class_changed"],
                older=older,
            )

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
        try:
            kind = kind_of(image.payload)
        except ImageError as error:
            self._classified(run, image, (Unprocessed(error.reason), str(error)))
            return
        if image.remark and image.remark not in run.notes:
            run.note(image.remark)
            log.warning(
                "images_mended",
                run=run.number,
                source=image.key.source,
                image_id=image.image_id,
                what=image.remark,
            )
        known = self._runs.get(run.uid)
        if known is None:
            header = header_kind(run.start.info if run.start else None)
            known = self._runs[run.uid] = RunImages(ImageKinds(header))
        known.kinds.add(kind)
        if run.final:
            known.kinds.settle()
        self._release(run, known)
        self._place(run, known, image, kind, wait=wait)

    def _release(self, run: Run, known: RunImages) -> None:
        """Held images go on once it is decided what the run's images are."""
        if known.kinds.open:
            return
        held, known.held = known.held, []
        for image, wait in held:
            if image.payload is not None:
                self._place(run, known, image, kind_of(image.payload), wait=wait)

    def _place(
        self, run: Run, known: RunImages, image: Image, kind: Kind, *, wait: bool
    ) -> None:
        """Offer it, hold it, or refuse it."""
        kinds, payload = known.kinds, image.payload
        if payload is None or (kinds.open and kind != kinds.kind):
            known.held.append((image, wait))
        elif kind != kinds.kind:
            refused = (Unprocessed.CORRUPT, kinds.refusal(kind))
            self._classified(run, image, refused)
        else:
            self._offer(run, known, image, payload, wait=wait)

    def _offer(
        self,
        run: Run,
        known: RunImages,
        image: Image,
        payload: Payload,
        *,
        wait: bool,
    ) -> None:
        alone = without_pixels(image)
        done = partial(self._classified, run, alone)
        again = partial(self._amended, run, alone)
        lessons = None
        failed = "the classifier cannot be set up; see step_failed in the log"
        try:
            with boundary("set up the classifier of a run", (RecorderError,)):
                lessons = self._lessons_of(run, known, image, payload)
        except RecorderError as error:
            failed = str(error)
        if lessons is None:
            done((Unprocessed.UNSUPPORTED, failed))
        elif not lessons.offer(image.image_id, payload, done, again, force=wait):
            done((Unprocessed.OVERLOAD, "all workers busy and the backlog full"))

    def _lessons_of(
        self, run: Run, known: RunImages, image: Image, payload: Payload
    ) -> Lessons:
        kind, lessons = known.kinds.kind, known.lessons
        if lessons is not None and known.set_up_for == kind:
            if self._pool.knows(lessons.setup):
                return lessons
        elif kind != known.kinds.header:
            self._say_kind(run, known)
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
        parts = run.part.count if run.part else 1  # which go on at the same time
        look = SecondLook(setup, (self._settings.pool.second_look_mb << 20) // parts)
        taught = partial(self._taught, run, setup)
        left_out = partial(_count_left_out, run)
        viewer = partial(self._pool.viewers, run)
        times = Timetable.of(run.start.info if run.start else None)
        told = (changed, look, left_out, taught, viewer)
        lessons = Lessons(self._pool, number, *told, times)
        taught(lessons.state)
        known.lessons, known.set_up_for = lessons, kind
        return lessons

    @staticmethod
    def _say_kind(run: Run, known: RunImages) -> None:
        """The images are not what was expected of them: people should know."""
        kinds = known.kinds
        expected = known.set_up_for or kinds.header
        if expected is None:
            return
        run.note(f"images are {kinds.kind}; expected were {expected}")
        log.warning(
            "setup_made_anew",
            run=run.number,
            uid=run.uid,
            expected=str(expected),
            images=str(kinds.kind),
            hint="most images contradict what was expected: they are believed",
        )

    def _calibrated(
        self,
        run: Run,
        setup: ClassifierSetup,
        old: Learned,
        new: Learned,
        from_image: int,
    ) -> None:
        """Geometry or cell changed: say it, and keep it with the run."""
        tell_calibrated(run, setup, old, new, from_image)
        self._writer.record(RecordKind.RUN, run.uid, run_record(run, "calibrated"))

    def _taught(self, run: Run, setup: ClassifierSetup, learned: Learned) -> None:
        """The run learned something that it keeps and that people should know."""
        keep_gain(run, setup, learned)
        if tell_findings(run, setup, learned):
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
        if run.images.finish(outcome):
            self._audience.finished(run, outcome)
        self._writer.image(run.uid, outcome)

    def _amended(self, run: Run, image: Image, result: Outcome) -> None:
        """A second look at an image; one that failed changes nothing."""
        if not isinstance(result, Classification):
            return
        before = run.images.class_of(image.image_id)
        outcome = outcome_of(image, replace(result, before=before))
        if run.images.amend(outcome):
            run.counts["classified_again"] += 1
            run.counts["class_changed"] += result.image_class is not before
            self._audience.amended(run, outcome)
            self._writer.image(run.uid, outcome)


def _count_left_out(run: Run) -> None:
    run.counts["lessons_left_out"] += 1
