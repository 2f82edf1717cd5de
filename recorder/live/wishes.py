"""Which images are to be drawn: of each kind one a second at most.

The class of an image is known only when the work is done, so a wish goes with an image
to its worker: if it is a hit, draw it. As many images carry a wish at a time as it
takes to find one of the kind; so workers seldom draw two.
"""

from __future__ import annotations

import math

from recorder.records import ImageClass
from recorder.records.pictures import PICTURES, Wish, met

INTERVAL_S = 1.0
"""Seconds between two pictures of a kind, at least: what an eye follows."""
MOST_SHARE = 0.016
"""Of one core, for all pictures: with what the daemon does with them less than 2 %. An
image of 4 Mpx takes 7 ms, so each kind is drawn every 1.3 s; one of 16 Mpx less
often."""
_FIRST = 0.2
"""Share of a kind among the images, as long as nothing is known. Chosen, not tuned."""
_STEP = 0.02
"""Weight of an image in the share of its kind: the last 50 count. Chosen, not tuned."""
_EXPECTED = 0.5
"""Pictures of a kind that images on their way are expected to give: at 1 two come as
often as none. Chosen, not tuned."""
_LEAST = 1 / 64
"""Share of a rare kind: no more images than its inverse carry the wish. Chosen, not
tuned."""


class Wishes:
    """Decides it; time is an argument, in seconds of any clock that only goes on."""

    def __init__(self) -> None:
        self._due = dict.fromkeys(PICTURES, -math.inf)
        self._out = dict.fromkeys(PICTURES, 0)
        self._share = dict.fromkeys(PICTURES, _FIRST)
        self._share[Wish.LAST] = 1.0

    def ask(self, now: float) -> Wish:
        """The wish that goes with an image to its worker; each is given back once."""
        wish = Wish.MARKS
        for kind in PICTURES:
            most = max(1.0, _EXPECTED / max(self._share[kind], _LEAST))
            if now >= self._due[kind] and self._out[kind] < most:
                self._out[kind] += 1
                wish |= kind
        return wish

    def give_back(
        self,
        wish: Wish,
        image_class: ImageClass | None,
        now: float,
        cost_s: float | None = None,
    ) -> None:
        """An image that carried a wish is done with.

        Args:
            wish: That it carried.
            image_class: None: it was not classified.
            now: As above.
            cost_s: CPU time that its picture took; None: none was drawn.
        """
        drawn = cost_s is not None
        pause = max(INTERVAL_S, (cost_s or 0.0) * len(PICTURES) / MOST_SHARE)
        for kind in PICTURES:
            self._out[kind] -= kind in wish
            if image_class is None:
                continue
            is_one = bool(met(kind, image_class))
            self._share[kind] += _STEP * (is_one - self._share[kind])
            # whichever wish it was drawn for; a wish that was not fulfilled waits, too
            if is_one and (kind in wish or (drawn and kind is not Wish.LAST)):
                # two at once count as two: on average there are not more
                self._due[kind] = max(self._due[kind], now) + pause
