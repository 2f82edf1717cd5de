"""What a pool of workers is asked to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from recorder.pool.wire import (
    Frame,
    pack_lesson,
    pack_payload,
    unpack_learned,
    unpack_result,
)
from recorder.pool.worker import IMAGE, LESSON, Classifiers
from recorder.records import (
    Classification,
    Learned,
    Lesson,
    Payload,
    Unprocessed,
    WorkLevel,
)
from recorder.runtime.boundary import boundary
from recorder.runtime.log import get_logger

log = get_logger("pool")

UNREADABLE = "the worker's answer cannot be read; see step_failed in the log"

Outcome = Classification | tuple[Unprocessed, str]
Callback = Callable[[Outcome], None]
Taught = Callable[[Learned | None], None]


@dataclass(eq=False)
class Job:
    """One image to classify."""

    setup: int
    payload: Payload
    done: Callback
    learned: int = 0
    forced: bool = False
    effort: WorkLevel = WorkLevel.FULL
    tries: int = 0
    sent_at: float = 0.0

    @property
    def size(self) -> int:
        """Bytes that it keeps in memory."""
        return len(self.payload.data)

    def message(self, token: int) -> list[Frame]:
        """What a worker is sent."""
        head = (token, self.setup, self.learned, self.effort)
        return [IMAGE, *(b"%d" % n for n in head), *pack_payload(self.payload)]

    def run(self, classifiers: Classifiers) -> Callable[[], None]:
        """Do it in this process; what comes back tells what became of it."""
        outcome = classifiers.classify(
            self.setup, self.payload, self.learned, self.effort
        )
        return partial(self.done, outcome)

    def answered(self, frames: list[bytes]) -> None:
        """A worker's answer; one that cannot be read is an outcome, too."""
        outcome: Outcome = (Unprocessed.WORKER_LOST, UNREADABLE)
        with boundary("read the answer of a worker"):
            outcome = unpack_result(frames)
        self.done(outcome)

    def failed(self, reason: Unprocessed, text: str) -> None:
        """It cannot be done."""
        self.done((reason, text))


@dataclass(eq=False)
class LessonJob:
    """Images to learn from."""

    setup: int
    lesson: Lesson
    done: Taught
    left_out: Callable[[], None] | None = None
    """Called instead of ``done`` where it is left out; None: it must not be."""
    tries: int = 0
    sent_at: float = 0.0
    size: int = 0
    """The images are held by whoever keeps them."""

    def message(self, token: int) -> list[Frame]:
        """What a worker is sent."""
        return [LESSON, b"%d" % token, b"%d" % self.setup, *pack_lesson(self.lesson)]

    def run(self, classifiers: Classifiers) -> Callable[[], None]:
        """Do it in this process; what comes back tells what was learned."""
        return partial(self.done, classifiers.learn(self.setup, self.lesson))

    def answered(self, frames: list[bytes]) -> None:
        """A worker's answer; from one that cannot be read nothing is learned."""
        taught = None
        with boundary("read the answer of a worker"):
            taught = unpack_learned(frames)
        self.done(taught)

    def failed(self, reason: Unprocessed, text: str) -> None:
        """It cannot be done: the run goes on with what it knows."""
        log.error(
            "lesson_failed",
            number=self.lesson.number,
            reason=reason,
            error=text,
            hint="images go on with what was learned before",
        )
        self.done(None)


AnyJob = Job | LessonJob
