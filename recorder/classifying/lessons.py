"""When a run learns, from which images, and which image uses what.

Image_ids alone decide, so that the same images give the same classes with any number of
workers: state n is learned from images before a fixed image_id and used from another
one on. Between the two lie a few images that the workers classify meanwhile; an image
whose state is not ready waits for it. States that no image of the run uses are skipped:
behind a gap the next lesson is that of the image that came. Under overload, lessons are
left out once a run has had its first few.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from recorder.pool.jobs import Callback, Outcome
from recorder.pool.pool import Pool
from recorder.records import (
    Classification,
    ImageClass,
    Learned,
    Lesson,
    Payload,
)

FIRST = (64, 128, 256, 512)
"""The image_ids from which the first states are used: each time twice as many, so that
a short run has a map at all and a long one soon a better one. The first one sets which
runs never learn. Chosen, not tuned."""
EVERY = 512
"""States are used from these image_ids on, then from every 512th on."""
LEAD = 32
"""So many images before it is used, a state is learned."""
WINDOW = 64
"""Images before that from which the background is learned."""
BACKGROUND_IMAGES = 10
"""Images that a background is learned from. With ten, 0.76 instead of 0.69 of the spots
of 20 to 40 photons are found (docs/decisions/0010); they also bound the memory of a
lesson (`make soak`)."""
HITS = 120
"""Hits that are kept to learn geometry and cell from, the last ones."""


def state_of(image_id: int) -> int:
    """Number of the learned state that an image uses; 0: none."""
    if image_id < FIRST[-1]:
        return bisect_right(FIRST, image_id)
    return len(FIRST) + (image_id - FIRST[-1]) // EVERY


def used_from(number: int) -> int:
    """First image_id that uses a state."""
    if number <= len(FIRST):
        return FIRST[number - 1]
    return FIRST[-1] + (number - len(FIRST)) * EVERY


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
        changed: Called with the old and the new state when geometry or cell changed.
        left_out: Called when a lesson was left out under overload.
    """

    pool: Pool
    setup: int
    changed: Callable[[Learned, Learned], None]
    left_out: Callable[[], None] = lambda: None
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
        self, image_id: int, payload: Payload, done: Callback, *, force: bool
    ) -> bool:
        """Have an image classified with the state that is its own.

        Args:
            image_id: The detector's count.
            payload: Its compressed pixels.
            done: Called with the outcome.
            force: Never refuse, never leave anything out: for replayed files.

        Returns:
            False if the pool has no room.
        """
        wanted = self._own_state(image_id)

        def finished(outcome: Outcome) -> None:
            self._finished(image_id, outcome)
            done(outcome)

        taken = self.pool.offer(
            self.setup, payload, finished, learned=wanted, force=force
        )
        if not taken:
            return False
        self._whole |= force
        self._open.add(image_id)
        number = _teaches(image_id)
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
            result.positions
            for image_id, result in sorted(self._hits.items())
            if image_id < end and result.positions is not None
        ][-HITS:]
        return Lesson(
            number=number,
            images=tuple(payload for *_, payload in best),
            non_hits=sum(not is_hit for is_hit, *_ in best),
            hits=tuple(hits),
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
        self._adopt(new)
        self._came = {n for n in self._came if n > new.number}
        self._shown = {n: s for n, s in self._shown.items() if _teaches(n) > new.number}
        if (old.geometry, old.cell) != (new.geometry, new.cell):
            self.changed(old, new)

    def _adopt(self, state: Learned) -> None:
        self.state = state
        self.pool.publish(self.setup, state)


def _teaches(image_id: int) -> int:
    """Number of the first state that an image can teach."""
    return state_of(image_id + LEAD) + 1
