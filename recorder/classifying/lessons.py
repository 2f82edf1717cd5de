"""When a run learns, from which images, and which image uses what.

Image_ids alone decide, so that the same images give the same classes with any number of
workers: state n is learned from images before a fixed image_id and used from another
one on. Between the two lie a few images that the workers classify meanwhile; an image
whose state is not ready waits for it. States that no image of the run uses are skipped:
behind a gap the next lesson is that of the image that came. Under overload, lessons are
left out once a run has had its first few. When no more images are expected a last
lesson is learned, and images that knew less than the run does are looked at again
(:mod:`recorder.classifying.second_look`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from recorder.classifying.second_look import Kept, SecondLook
from recorder.classifying.timetable import (
    FIRST,
    LEAD,
    WINDOW,
    state_of,
    teaches,
    used_at,
    used_from,
)
from recorder.pool.jobs import Callback, Outcome, Viewer
from recorder.pool.pool import Pool
from recorder.records import Classification, ImageClass, Learned, Lesson, Payload

BACKGROUND_IMAGES = 10
"""Images that a background is learned from. With ten, 0.76 instead of 0.69 of the spots
of 20 to 40 photons are found (docs/decisions/0010); they also bound the memory of a
lesson (`make soak`)."""
HITS = 120
"""Hits that are kept to learn geometry and cell from, the last ones."""
_NO_END = 1 << 62
"""Beyond all image_ids: the last lesson may use every image."""


@dataclass(eq=False)
class _Shown:
    """An image that the next state may be learned from."""

    payload: Payload
    result: Classification | None = None


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
    """

    pool: Pool
    setup: int
    changed: Callable[[Learned, Learned, int], None]
    look: SecondLook
    left_out: Callable[[], None] = lambda: None
    taught: Callable[[Learned], None] = lambda _: None
    viewer: Callable[[int], Viewer | None] = lambda _: None
    state: Learned = field(default_factory=lambda: Learned(0))
    _states: list[int] = field(default_factory=list)
    """States that images use, ascending, from the first image's own on. The others
    are skipped: no image asked for them when a later one was wanted."""
    _next: int = 0
    """Place in ``_states`` of the one that is awaited or being learned."""
    _running: bool = False
    _taught: int = 0
    """Lessons that were learned: a run may be joined late."""
    _whole: bool = False
    """The images come from files: nothing is left out."""
    _shown: dict[int, _Shown] = field(default_factory=dict)
    _open: set[int] = field(default_factory=set)
    """Image_ids that are offered and not finished."""
    _hits: dict[int, Classification] = field(default_factory=dict)
    _came: set[int] = field(default_factory=set)
    """Numbers of the states that images which came could be the first to teach."""

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

        def finished(outcome: Outcome) -> None:
            self._finished(image_id, outcome)
            done(outcome)

        viewer = self.viewer(image_id)
        taken = self.pool.offer(
            self.setup, payload, finished, learned=wanted, force=force, viewer=viewer
        )
        if not taken:
            return False
        self._whole |= force
        self._open.add(image_id)
        self.look.keep(Kept(image_id, payload, wanted, again))
        number = teaches(image_id)
        if number > self.state.number:
            self._came.add(number)
            end = used_from(number) - LEAD
            if end - WINDOW <= image_id < end:
                # whichever state it uses: workers that are behind change nothing
                self._shown[image_id] = _Shown(payload)
        if wanted > self.state.number:
            self._look()
        return True

    def _own_state(self, image_id: int) -> int:
        """State of an image; 0: none. The order in which images come decides."""
        wanted = state_of(image_id)
        if not self._states:
            # a run may be joined late: what came before is not known
            self._states.append(wanted)
            self._next = 1
            if wanted:
                self._adopt(replace(self.state, number=wanted))
        if wanted > self._states[-1]:
            self._states.append(wanted)
        place = bisect_right(self._states, wanted)
        return self._states[place - 1] if place else wanted

    def _finished(self, image_id: int, outcome: Outcome) -> None:
        self._open.discard(image_id)
        self.look.finished(image_id, outcome)
        if isinstance(outcome, Classification):
            if image_id in self._shown:
                self._shown[image_id].result = replace(outcome, positions=None)
            if outcome.positions is not None:
                self._hits[image_id] = outcome
                # workers may be ahead by the images of the lead
                if len(self._hits) > HITS + LEAD:
                    del self._hits[min(self._hits)]
        else:
            self._shown.pop(image_id, None)
        if self._next < len(self._states) and image_id < self._end():
            self._look()

    def _end(self) -> int:
        """First image that the awaited state is not learned from."""
        return used_from(self._states[self._next]) - LEAD

    def _look(self) -> None:
        """Start the awaited lesson once all images before it are finished."""
        while self._next < len(self._states) and not self._running:
            number = self._states[self._next]
            end = self._end()
            if any(image_id < end for image_id in self._open):
                return
            if all(came > number for came in self._came):
                self._learned(replace(self.state, number=number))  # nothing is new
                continue
            self._running = True
            needed = self._whole or self._taught < len(FIRST)
            left_out = None if needed else self._left_out
            self.pool.learn(
                self.setup, self._lesson(number, end), self._done, left_out=left_out
            )

    def _lesson(self, number: int, end: int) -> Lesson:
        shown = {n: s for n, s in self._shown.items() if n < end}
        newest = max(shown, default=0)
        best = sorted(
            (
                image.result.image_class is not ImageClass.NON_HIT,
                image.result.spots,
                -image_id,
                image.payload,
            )
            for image_id, image in shown.items()
            if image.result is not None and image_id > newest - WINDOW
        )[:BACKGROUND_IMAGES]
        hits = [
            (image_id, result.positions)
            for image_id, result in sorted(self._hits.items())
            if image_id < end and result.positions is not None
        ][-HITS:]
        return Lesson(
            number=number,
            images=tuple(payload for *_, payload in best),
            non_hits=sum(not is_hit for is_hit, *_ in best),
            hits=tuple(positions for _, positions in hits),
            hit_ids=(ids := tuple(image_id for image_id, _ in hits)),
            used_at=used_at(number, () if end != _NO_END else ids),
            last=end == _NO_END,
        )

    def _left_out(self) -> None:
        self.left_out()
        self._done(None)

    def _done(self, taught: Learned | None) -> None:
        self._running = False
        self._taught += taught is not None
        number = self._states[self._next]
        self._learned(taught or replace(self.state, number=number))
        self._look()

    def _learned(self, new: Learned) -> None:
        old = self.state
        self._next += 1
        self.look.learned(old, new)
        self._adopt(new)
        self.taught(new)
        self._came = {n for n in self._came if n > new.number}
        self._shown = {n: s for n, s in self._shown.items() if teaches(n) > new.number}
        self._tell_change(old, new, used_from(new.number))

    def _tell_change(self, old: Learned, new: Learned, from_image: int) -> None:
        if (old.geometry, old.cell) != (new.geometry, new.cell):
            self.changed(old, new, from_image)

    # -- the end --------------------------------------------------------------------

    def finish(self, done: Callable[[], None]) -> None:
        """No more images are expected: learn once more, and look again.

        Args:
            done: Called when all that is to be looked at again was.
        """
        lesson = self._lesson(self.state.number + 1, _NO_END)
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
        self.pool.publish(self.setup, state)
