"""When a run learns, from which images, and which image uses what.

Header and image_id alone decide (:mod:`recorder.classifying.timetable`), so that the
same images give the same classes with any number of workers. A lesson begins when all
images that teach it are finished, and mostly ends before the first image comes that
uses its state; an image whose state is not ready waits for it. States that no image
asks for are skipped: behind a gap the next lesson is that of the image that came. Under
overload, lessons are left out once a run has had its first few. When no more images are
expected a last lesson is learned, and images that knew less than the run does are
looked at again (:mod:`recorder.classifying.second_look`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from recorder.classifying.material import Material
from recorder.classifying.second_look import Kept, SecondLook
from recorder.classifying.timetable import Timetable
from recorder.pool.backlog import KEPT_STATES
from recorder.pool.jobs import Callback, Outcome, Viewer
from recorder.pool.pool import Pool
from recorder.records import Learned, Payload

NEVER_LEFT_OUT = 4
"""Lessons of a run that are learned under overload, too: the first ones change most.
Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class _Due:
    """A state that is awaited."""

    number: int
    asked: bool
    """False: no image asked for it before a later one was wanted."""


@dataclass(eq=False)
class Lessons:
    """Lessons of one run with one setup.

    Args:
        pool: What classifies and learns.
        setup: Number of the setup there.
        changed: Called when geometry or cell changed, with the old and the new state
            and the first image_id that uses it.
        look: The images that may be looked at again.
        left_out: Called when a lesson was left out under overload.
        taught: Called with what each lesson taught.
        viewer: Gives who looks at pictures of an image; nobody does at a second look.
        times: When the run learns.
    """

    pool: Pool
    setup: int
    changed: Callable[[Learned, Learned, int], None]
    look: SecondLook
    left_out: Callable[[], None] = lambda: None
    taught: Callable[[Learned], None] = lambda _: None
    viewer: Callable[[int], Viewer | None] = lambda _: None
    times: Timetable = field(default_factory=Timetable)
    state: Learned = field(default_factory=lambda: Learned(0))
    _asked: int = -1
    """Newest state that is awaited or known; -1: no image came yet."""
    _due: deque[_Due] = field(default_factory=deque)
    """States that are awaited, ascending; the first one may be being learned."""
    _running: bool = False
    _taught: int = 0
    """Lessons that were learned: a run may be joined late."""
    _whole: bool = False
    """The images come from files: nothing is left out."""
    _ended: Callable[[], None] | None = None
    """Called once what is due at the run's end is done; None: it goes on."""

    def __post_init__(self) -> None:
        self._material = Material(self.times)

    def offer(
        self,
        image_id: int,
        payload: Payload,
        done: Callback,
        again: Callback,
        *,
        force: bool,
    ) -> bool:
        """Have an image classified with the state that is its own.

        Args:
            image_id: The detector's count.
            payload: Its compressed pixels.
            done: Called with the outcome.
            again: Called with the outcome of a second look, if there is one.
            force: Never refuse, never leave anything out: for replayed files.

        Returns:
            False if the pool has no room.
        """
        wanted = self._own_state(image_id)
        teaches = max(self.times.teaches(image_id), self._asked + 1)

        def finished(outcome: Outcome) -> None:
            self._material.finished(image_id, outcome, teaches)
            self.look.finished(image_id, outcome)
            self._look()
            done(outcome)

        viewer = self.viewer(image_id)
        taken = self.pool.offer(
            self.setup, payload, finished, learned=wanted, force=force, viewer=viewer
        )
        if taken:
            self._whole |= force
            self.look.keep(Kept(image_id, payload, wanted, again))
            self._material.offered(image_id, payload, teaches)
            self._ask(self.times.asks(image_id))
        self._look()
        return taken

    def _own_state(self, image_id: int) -> int:
        """State of an image; 0: none.

        One that comes later than the states that are kept uses the oldest of them.
        """
        wanted = self.times.state_of(image_id)
        if self._asked < 0:
            # a run may be joined late: what came before is not known
            for number in range(max(1, wanted - KEPT_STATES + 1), wanted + 1):
                self._adopt(replace(self.state, number=number))
            self._asked = wanted
        self._ask(wanted)
        return max(wanted, self._asked - KEPT_STATES + 1) if wanted else 0

    def _ask(self, number: int) -> None:
        """A state is to be learned; those before it only repeat what is known."""
        if number > self._asked:
            first = max(self._asked + 1, number - KEPT_STATES + 1)
            self._due.extend(_Due(n, asked=False) for n in range(first, number))
            self._due.append(_Due(number, asked=True))
            self._asked = number

    def _look(self) -> None:
        """Learn what is due, once all images that teach it are finished."""
        while self._due and not self._running:
            due = self._due[0]
            if not self._material.complete(due.number):
                return
            if not (due.asked and self._material.anything_new(due.number)):
                self._repeat()
                continue
            self._running = True
            needed = self._whole or self._taught < NEVER_LEFT_OUT
            left_out = None if needed else self._left_out
            lesson = self._material.lesson(due.number)
            self.pool.learn(self.setup, lesson, self._done, left_out=left_out)
        if self._ended is not None and not self._running:
            ended, self._ended = self._ended, None
            self._last_lesson(ended)

    def _left_out(self) -> None:
        self.left_out()
        self._done(None)

    def _done(self, taught: Learned | None) -> None:
        self._running = False
        self._material.learned(self._due[0].number)
        if taught is None:
            self._repeat()
        else:
            self._learned(taught)
        self._look()

    def _repeat(self) -> None:
        """The state that is due is the one before."""
        self._adopt(replace(self.state, number=self._due.popleft().number))

    def _learned(self, new: Learned) -> None:
        old = self.state
        self._due.popleft()
        self._taught += 1
        self.look.learned(old, new)
        self._adopt(new)
        self.taught(new)
        self._tell_change(old, new, self.times.used_from(new.number))

    def _tell_change(self, old: Learned, new: Learned, from_image: int) -> None:
        if (old.geometry, old.cell) != (new.geometry, new.cell):
            self.changed(old, new, from_image)

    # -- the end --------------------------------------------------------------------

    def finish(self, done: Callable[[], None]) -> None:
        """No more images are expected: learn once more, and look again.

        A lesson that is due was asked for by images that came: it is learned first.

        Args:
            done: Called when all that is to be looked at again was.
        """
        self._ended = done
        self._look()

    def _last_lesson(self, done: Callable[[], None]) -> None:
        lesson = self._material.last_lesson(self.state.number + 1)
        if not (self.pool.knows(self.setup) and (lesson.images or lesson.hits)):
            self._look_again(self.state, done)
            return
        taught = partial(self._finished_learning, done)
        self.pool.learn(self.setup, lesson, taught, left_out=partial(taught, None))

    def _finished_learning(
        self, done: Callable[[], None], taught: Learned | None
    ) -> None:
        if taught is not None:
            self.look.learned(self.state, taught)
            self.taught(taught)
        self._look_again(taught or self.state, done)

    def _look_again(self, last: Learned, done: Callable[[], None]) -> None:
        """Classify again what knew less, with a state that has a number of its own."""
        due = self.look.due()
        if not due or not self.pool.knows(self.setup):
            done()
            return
        best, old = self.look.best, self.state
        if best is last:
            self._tell_change(old, best, due[0].image_id)
        final = replace(best, number=max(last.number, old.number + 1))
        self._adopt(final)
        waiting = {image.image_id for image in due}

        def looked(image: Kept, outcome: Outcome) -> None:
            waiting.discard(image.image_id)
            image.done(outcome)
            if not waiting:
                done()

        for image in due:
            self.pool.offer(
                self.setup,
                image.payload,
                partial(looked, image),
                learned=final.number,
                force=True,
            )

    def _adopt(self, state: Learned) -> None:
        self.state = state
        self._asked = max(self._asked, state.number)
        self.pool.publish(self.setup, state)
