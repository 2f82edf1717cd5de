"""The images of one run in the order of their ids, once each, as alarms want them.

Workers finish images in any order, and messages overtake each other. What is handed
over is in order: an image waits for those before it, but not for ever.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np

from recorder.records import ImageOutcome
from recorder.records.image_outcome import NOT_SEEN, PENDING
from recorder.runs.tables.image_table import ImageTable
from recorder.ssx.alarms.observation import Fates
from recorder.ssx.arrays import Int64Array

LOST_NS = 500_000_000
"""Time (ns) after which an image that did not come while later ones did is lost:
messages overtake each other by some milliseconds. A stop is told in 3 s with it."""
LABEL_NS = 400_000_000
"""Time (ns) that images wait for their label: until the next look, half a second after
the one that saw them, which knows it if anything does."""
HOLD_NS = 2_000_000_000
"""Time (ns) that images wait for one before them that is not classified: one that a
worker hangs at, or that is held, must not keep all others from the alarms."""


class ImageFlow:
    """Orders the images of one run.

    Args:
        next_image: Outcomes before this image were handed over.
        next_fate: The same of what came and what was lost.
    """

    def __init__(self, next_image: int = 0, next_fate: int = 0) -> None:
        self.next_image, self.next_fate = next_image, next_fate
        self._waiting: dict[int, tuple[int, ImageOutcome]] = {}
        """By image_id: when it was noted, and what it is."""
        self._sizes: deque[tuple[int, int]] = deque()
        """How many ids were seen at earlier looks."""

    @property
    def waiting(self) -> int:
        """Outcomes that are noted and not handed over."""
        return len(self._waiting)

    def note(self, finished: Iterable[ImageOutcome], now_ns: int) -> None:
        """Note outcomes that are new; ``now_ns``: the time of arrival of now."""
        for image in finished:
            if image.image_id >= self.next_image:
                self._waiting[image.image_id] = now_ns, image

    def take(
        self,
        images: ImageTable,
        now_ns: int,
        labelled_to: int | None = None,
        *,
        last: bool = False,
    ) -> tuple[list[ImageOutcome], Fates]:
        """What can be handed over now.

        Args:
            images: The run's table.
            now_ns: The time of arrival of what would come now.
            labelled_to: All images before this one have their label; None: none will.
            last: Nothing more comes: all that is there.

        Returns:
            Outcomes and fates, each by ascending image_id and after those of the call
            before. An outcome that comes after a later one was handed over is left out.
        """
        size = images.size
        lost_before = size if last else self._lost_before(size, now_ns)
        begin = min(self.next_image, self.next_fate)
        outcome = images.column("outcome")[begin:size]
        missing = np.flatnonzero(outcome[max(0, lost_before - begin) :] == NOT_SEEN)
        end = max(begin, lost_before) + int(missing[0]) if missing.size else size
        fates = self._fates(outcome[self.next_fate - begin : end - begin], now_ns)
        pending = np.flatnonzero(outcome[: max(0, end - begin)] == PENDING)
        if pending.size and not last and not self._waits_too_long(now_ns):
            end = begin + int(pending[0])
        if labelled_to is not None and not last:
            end = min(end, self._unlabelled(labelled_to, now_ns, end))
        ready = sorted(n for n in self._waiting if n < end)
        self.next_image = max(self.next_image, end)
        return [self._waiting.pop(n)[1] for n in ready], fates

    def _lost_before(self, size: int, now_ns: int) -> int:
        """Images before this one came long enough ago: what is missing is lost."""
        self._sizes.append((now_ns, size))
        while len(self._sizes) > 1 and self._sizes[1][0] <= now_ns - LOST_NS:
            self._sizes.popleft()
        then, found = self._sizes[0]
        return found if then <= now_ns - LOST_NS else self.next_fate

    def _waits_too_long(self, now_ns: int) -> bool:
        oldest = min((noted for noted, _ in self._waiting.values()), default=now_ns)
        return now_ns - oldest > HOLD_NS

    def _unlabelled(self, labelled_to: int, now_ns: int, end: int) -> int:
        """The first image that may yet get its label."""
        fresh = (
            image_id
            for image_id, (noted, _) in self._waiting.items()
            if image_id >= labelled_to and now_ns - noted < LABEL_NS
        )
        return min(fresh, default=end)

    def _fates(self, outcome: Int64Array, now_ns: int) -> Fates:
        first = self.next_fate
        ids = first + np.arange(outcome.size, dtype=np.int64)
        times = [
            self._waiting[n][1].received_ns if n in self._waiting else now_ns
            for n in ids.tolist()
        ]
        self.next_fate = max(first, first + outcome.size)
        time_s = np.maximum.accumulate(np.array(times, np.float64)) / 1e9
        return Fates(ids, time_s, np.asarray(outcome == NOT_SEEN, np.bool_))
