"""Which learned state an image uses, and which it teaches: by header and image_id.

State n is learned from images before a fixed image_id and used from another one on;
between the two lie the images of the lead, which the workers classify meanwhile. The
image rate that the header says sets how far apart the states are, so that a lesson has
as many seconds at a fast detector as at a slow one (docs/decisions/0031).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from recorder.records import DetectorInfo

FIRST = 64
"""The image_id from which the first state is used; each further one from twice that on,
up to the period, so that a short run has a map at all and a long one soon a better one.
It sets which runs learn only when they end. Chosen, not tuned."""
SHORTEST = 512
"""Images between two states at least, and where no header tells the rate: below, each
lesson costs more than a twentieth of its images (docs/decisions/0010)."""
LONGEST = 1 << 16
"""Images between two states at most, the period at 33 kHz: a header that says more is
rather one whose frame time has another unit. Chosen, not tuned."""
PERIOD_S = 2.0
"""Seconds between two states at the rate of the header: a lesson takes 0.2 to 0.9 s and
begins half of this, less 32 images, before its state is used (`make bench-scale`)."""
ROUNDED = 0.99
"""Of the images in that time that the period must hold: the same frame time comes with
more digits in a stream than in a file, and must give the same period."""
OVERTAKEN = 32
"""Images of the lead, a quarter of it at most, that a lesson waits for others which
overtake each other. As many as were waited for before the lead depended on the rate
(docs/decisions/0010)."""
WINDOW = 64
"""Images before a state's last teacher from which the background is learned."""


def _period(frame_time_s: float | None) -> int:
    """The power of two that holds the images of PERIOD_S, within its limits."""
    if frame_time_s is None or not 0 < frame_time_s < math.inf:
        return SHORTEST
    least = ROUNDED * PERIOD_S / frame_time_s
    if least >= LONGEST:
        return LONGEST
    return max(SHORTEST, 1 << math.ceil(math.log2(max(1.0, least))))


def _doubling(period: int) -> int:
    """Number of the state that is used from the period on."""
    return (period // FIRST).bit_length()


def _used_from(period: int, number: int) -> int:
    if number <= 0:
        return 0
    if number <= (doubling := _doubling(period)):
        return FIRST << (number - 1)
    return (number - doubling + 1) * period


@lru_cache(maxsize=1024)
def _marks(period: int, number: int) -> tuple[int, int, int]:
    """Where a state is taught no more, is due and is used: asked for each image."""
    used = _used_from(period, number)
    lead = (used - _used_from(period, number - 1)) // 2
    last = used - lead
    return last, last + min(lead // 4, OVERTAKEN), used


@dataclass(frozen=True, slots=True)
class Timetable:
    """When a run learns: a function of image_ids, the same wherever it is made."""

    period: int = SHORTEST
    """Images between two states once the first ones are over: a power of two."""

    @classmethod
    def of(cls, info: DetectorInfo | None) -> Timetable:
        """The timetable for what a header says; a defined one where it says nothing."""
        return cls(_period(info.frame_time_s if info is not None else None))

    def state_of(self, image_id: int) -> int:
        """Number of the learned state that an image uses; 0: none."""
        if image_id < self.period:
            return (max(0, image_id) // FIRST).bit_length()
        return _doubling(self.period) - 1 + image_id // self.period

    def used_from(self, number: int) -> int:
        """First image_id that uses a state."""
        return _used_from(self.period, number)

    def taught_before(self, number: int) -> int:
        """First image_id that teaches a state no more.

        Between it and the first use lies the lead: half of the images between that use
        and the one of the state before.
        """
        return _marks(self.period, number)[0]

    def begun_from(self, number: int) -> int:
        """First image_id with which the images that teach a state count as come.

        So many images may overtake others and still change nothing.
        """
        return _marks(self.period, number)[1]

    def teaches(self, image_id: int) -> int:
        """Number of the first state that an image can teach."""
        number = self.state_of(image_id) + 1
        return number + (image_id >= self.taught_before(number))

    def window_from(self, number: int) -> int:
        """First image_id that the background of a state is learned from."""
        return self.taught_before(number) - WINDOW

    def asks(self, image_id: int) -> int:
        """Number of the newest state whose lesson is due once an image came."""
        number = self.state_of(image_id)
        return number + (image_id >= self.begun_from(number + 1))

    def used_at(self, number: int, last: Sequence[int] = ()) -> float:
        """Middle one of the images that use a state.

        Args:
            number: Of the state.
            last: Of the last state, which images behind it do not use: its hits.
        """
        if last:
            return sum(last) / len(last)
        return (self.used_from(number) + self.used_from(number + 1)) / 2
