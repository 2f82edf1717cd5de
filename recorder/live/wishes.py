"""Which images are to be drawn: of each kind one a second at most.

The class of an image is known only when the work is done, so a wish goes with an image
to its worker: if it is a hit, draw it. As many images carry a wish at a time as it
takes to find one of the kind; so workers seldom draw two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from recorder.records import ImageClass
from recorder.records.pictures import PICTURES, Wish, met

INTERVAL_S = 1.0
"""Seconds between two pictures of a kind, at least: what an eye follows."""
MOST_SHARE = 0.013
"""Of one core, for all pictures: with what the daemon does with them (0.8 % at 100 Hz)
less than 2 %, and less than 1 % of what images of 4 Mpx take at 100 Hz. Such a picture
takes 4 to 7 ms, so each kind is drawn every 1 to 1.6 s; larger ones less often."""
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


_EVERY = Wish.LAST | Wish.INDEXED | Wish.UNINDEXED


class Wishes:
    """Decides it; time is an argument, in seconds of any clock that only goes on."""

    def __init__(self) -> None:
        self._kinds = [_Kind(wish) for wish in PICTURES]
        self._kinds[PICTURES.index(Wish.LAST)].share = 1.0

    def ask(self, now: float) -> int:
        """The wish that goes with an image to its worker; each is given back once."""
        wish: int = Wish.MARKS
        for kind in self._kinds:
            if now >= kind.due and (
                not kind.out or kind.out * max(kind.share, _LEAST) < _EXPECTED
            ):
                kind.out += 1
                wish |= kind.wish
        return wish

    def give_back(
        self,
        wish: int,
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
        is_one = 0 if image_class is None else met(_EVERY, image_class)
        for kind in self._kinds:
            carried = wish & kind.wish
            if carried:
                kind.out -= 1
            if image_class is None:
                continue
            if not is_one & kind.wish:
                kind.share -= _STEP * kind.share
                continue
            kind.share += _STEP * (1.0 - kind.share)
            # whichever wish it was drawn for; a wish that was not fulfilled waits, too
            shows = cost_s is not None and kind.wish != Wish.LAST
            if carried or shows:
                pause = max(INTERVAL_S, (cost_s or 0.0) * len(PICTURES) / MOST_SHARE)
                # two at once count as two: on average there are not more
                kind.due = max(kind.due, now) + pause


@dataclass(slots=True)
class _Kind:
    """One kind of picture."""

    wish: int
    due: float = -math.inf
    out: int = 0
    """Images on their way that carry its wish."""
    share: float = _FIRST
    """Of the images."""
