"""What a pool of workers is asked to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from recorder.errors import WireError
from recorder.pool.wire import (
    LESSON,
    Frame,
    ImageHead,
    image_message,
    make_head,
    pack_lesson,
    unpack_learned,
    unpack_result,
    unpack_shown,
)
from recorder.pool.worker import Classifiers
from recorder.records import (
    Classification,
    Learned,
    Lesson,
    Payload,
    Unprocessed,
    WorkLevel,
)
from recorder.records.pictures import NOTHING_SHOWN, Shown, Wish
from recorder.runs.run import Run
from recorder.runtime.boundary import boundary
from recorder.runtime.log import get_logger

log = get_logger("pool")

NONSENSE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What reading bytes raises that are no answer."""
UNREADABLE = "the worker's answer cannot be read; see step_failed in the log"

Outcome = Classification | tuple[Unprocessed, str]
Callback = Callable[[Outcome], None]
Taught = Callable[[Learned | None], None]


class Viewer(Protocol):
    """Whoever looks at pictures of one image; only ever asked in the event loop."""

    def wish(self) -> int:
        """What is wanted of the image now that it goes to a worker."""

    def shown(self, outcome: Outcome, shown: Shown) -> None:
        """The image has its outcome; nothing is shown where none was classified."""


Viewers = Callable[[Run, int], Viewer | None]
"""Gives who looks at an image of a run, by its image_id; None: nobody."""


@dataclass(eq=False)
class Job:
    """One image to classify."""

    setup: int
    payload: Payload
    done: Callback
    learned: int = 0
    forced: bool = False
    viewer: Viewer | None = None
    effort: WorkLevel = WorkLevel.FULL
    wish: int = Wish.NOTHING
    tries: int = 0
    sent_at: float = 0.0

    @property
    def size(self) -> int:
        """Bytes that it keeps in memory, or that a worker will read for it."""
        return self.payload.size

    @property
    def node(self) -> int | None:
        """Session of the node that alone can do it, since it has the pixels."""
        return self.payload.node

    def message(self, token: int) -> list[Frame]:
        """What a worker is sent."""
        head = ImageHead(token, self.setup, self.learned, self.effort, self.wish)
        return image_message(head, self.payload.at_home())

    def run(self, classifiers: Classifiers) -> Callable[[], None]:
        """Do it in this process; what comes back tells what became of it."""
        payload = self.payload.at_home()
        outcome, shown = classifiers.classify(
            self.setup, payload, self.learned, self.effort, self.wish
        )
        return partial(self._tell, outcome, shown)

    def read(self, frames: Sequence[Frame]) -> Callable[[], None]:
        """An answer that may make no sense; what comes back tells what became of it.

        Raises:
            WireError: It cannot be read.
        """
        try:
            outcome, shown = unpack_result(frames), unpack_shown(frames[2:])
        except NONSENSE as error:
            raise WireError(f"its answer cannot be read: {error!r}") from error
        return partial(self._tell, outcome, shown)

    def answered(self, frames: Sequence[Frame]) -> None:
        """A worker's answer; one that cannot be read is an outcome, too."""
        outcome: Outcome = (Unprocessed.WORKER_LOST, UNREADABLE)
        shown = NOTHING_SHOWN
        with boundary("read the answer of a worker"):
            outcome = unpack_result(frames)
            shown = unpack_shown(frames[2:])
        self._tell(outcome, shown)

    def failed(self, reason: Unprocessed, text: str) -> None:
        """It cannot be done."""
        self._tell((reason, text), NOTHING_SHOWN)

    def _tell(self, outcome: Outcome, shown: Shown) -> None:
        if self.viewer is not None:
            with boundary("show an image"):
                self.viewer.shown(outcome, shown)
        self.done(outcome)


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
    node: None = None
    """Anybody can do it."""

    def message(self, token: int) -> list[Frame]:
        """What a worker is sent."""
        head = make_head(LESSON, token, self.setup, self.lesson.number)
        return [head, *pack_lesson(self.lesson)]

    def run(self, classifiers: Classifiers) -> Callable[[], None]:
        """Do it in this process; what comes back tells what was learned."""
        return partial(self.done, classifiers.learn(self.setup, self.lesson))

    def read(self, frames: Sequence[Frame]) -> Callable[[], None]:
        """An answer that may make no sense; what comes back tells what was learned.

        Raises:
            WireError: It cannot be read.
        """
        try:
            return partial(self.done, unpack_learned(frames))
        except NONSENSE as error:
            raise WireError(f"its answer cannot be read: {error!r}") from error

    def answered(self, frames: Sequence[Frame]) -> None:
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
