"""The images and hits that the next lessons of a run are learned from.

Each image has a first state that it teaches, fixed when it comes. So a lesson has the
same material however fast the workers are, and in whatever order they finish.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from numpy import float32
from numpy.typing import NDArray

from recorder.classifying.timetable import WINDOW, Timetable
from recorder.pool.jobs import Outcome
from recorder.records import Classification, ImageClass, Lesson, Payload

BACKGROUND_IMAGES = 10
"""Images that a background is learned from. With ten, 0.76 instead of 0.69 of the spots
of 20 to 40 photons are found (docs/decisions/0010); they also bound the memory of a
lesson (`make soak`)."""
HITS = 120
"""Hits that are kept to learn geometry and cell from, the last ones."""


@dataclass(eq=False)
class _Shown:
    """An image of a window that a background is learned from."""

    teaches: int
    payload: Payload
    result: Classification | None = None


@dataclass(eq=False)
class Material:
    """Of one run.

    Args:
        times: When the run learns.
    """

    times: Timetable
    _came: set[int] = field(default_factory=set)
    """First states that images which came can teach, of those not yet learned."""
    _open: Counter[int] = field(default_factory=Counter)
    """Images that came and are not finished, by the first state they can teach."""
    _shown: dict[int, _Shown] = field(default_factory=dict)
    _hits: dict[int, dict[int, NDArray[float32]]] = field(default_factory=dict)
    """Spot positions by image_id, by the first state that they can teach."""

    def offered(self, image_id: int, payload: Payload, teaches: int) -> None:
        """An image is with the workers.

        Args:
            image_id: The detector's count.
            payload: Its pixels.
            teaches: The first state that it can teach, which is later than its
                image_id says if that state's lesson was due before it came.
        """
        self._came.add(teaches)
        self._open[teaches] += 1
        if image_id >= self.times.window_from(teaches):
            # whichever state it uses: workers that are behind change nothing
            self._shown[image_id] = _Shown(teaches, payload)

    def finished(self, image_id: int, outcome: Outcome, teaches: int) -> None:
        """The outcome of an image that was offered."""
        self._open[teaches] -= 1
        if not self._open[teaches]:
            del self._open[teaches]
        if not isinstance(outcome, Classification):
            self._shown.pop(image_id, None)
            return
        if image_id in self._shown:
            self._shown[image_id].result = replace(outcome, positions=None)
        if outcome.positions is not None:
            hits = self._hits.setdefault(teaches, {})
            hits[image_id] = outcome.positions
            if len(hits) > HITS:
                del hits[min(hits)]

    def complete(self, number: int) -> bool:
        """Whether all images that teach a state are finished."""
        return all(teaches > number for teaches in self._open)

    def anything_new(self, number: int) -> bool:
        """Whether any image came that a state could be the first to learn from."""
        return any(teaches <= number for teaches in self._came)

    def lesson(self, number: int) -> Lesson:
        """What a state is learned from; what it used is kept for the hits' sake."""
        hits = self._gathered(number)
        self._hits = {n: some for n, some in self._hits.items() if n > number}
        self._hits[number] = hits
        shown = {n: s for n, s in self._shown.items() if s.teaches <= number}
        return self._made(number, shown, hits, last=False)

    def last_lesson(self, number: int) -> Lesson:
        """What a state is learned from that no image to come will use: everything."""
        hits = self._gathered(max(self._hits, default=0))
        return self._made(number, self._shown, hits, last=True)

    def learned(self, number: int) -> None:
        """A state is learned: its images are let go."""
        self._came = {n for n in self._came if n > number}
        self._shown = {n: s for n, s in self._shown.items() if s.teaches > number}

    def _gathered(self, number: int) -> dict[int, NDArray[float32]]:
        """The last hits that can teach a state, by image_id."""
        hits = {
            image_id: positions
            for teaches, some in self._hits.items()
            if teaches <= number
            for image_id, positions in some.items()
        }
        return {image_id: hits[image_id] for image_id in sorted(hits)[-HITS:]}

    def _made(
        self,
        number: int,
        shown: dict[int, _Shown],
        hits: dict[int, NDArray[float32]],
        *,
        last: bool,
    ) -> Lesson:
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
        ids = tuple(hits)
        return Lesson(
            number=number,
            images=tuple(payload for *_, payload in best),
            non_hits=sum(not is_hit for is_hit, *_ in best),
            hits=tuple(hits.values()),
            hit_ids=ids,
            used_at=self.times.used_at(number, ids if last else ()),
            last=last,
        )
