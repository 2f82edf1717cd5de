"""Series whose run is not known yet."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from recorder.records import (
    Image,
    SeriesEnd,
    SeriesKey,
    SeriesStart,
    Unprocessed,
)
from recorder.runs.book.actions import Action, Changed, Dropped
from recorder.runs.book.part_headers import part_start
from recorder.runs.book.same_series import same_series
from recorder.runs.run import Run

KEPT_HEADERS = 2
"""Headers of one detector that wait without an image. A detector that is armed again
sends another one; of a relay that interleaves series, images may still come for the
earlier ones. Each may hold a mask and a flat field. Chosen, not tuned."""
HEADER_MISSING = "the series header was missing: joined late, or it was lost"


@dataclass(eq=False)
class Waiting:
    """A series that waits for its announcement, with the images that came."""

    key: SeriesKey
    start: SeriesStart | None
    uid: str | None = None
    """Uid of a run that its header or an image carried."""
    images: list[Image] = field(default_factory=list)
    held: int = 0
    """Bytes of their pixels."""
    since: float | None = None
    ended: SeriesEnd | None = None
    superseded: bool = False
    """The header of another series came after it on this source."""
    restarted: bool = False
    """Its images have the series number of an earlier one, and other times."""
    live: bool = True
    """It comes as it is measured: a single image may be a stray."""
    beside: Run | None = None
    """The run that was open on its source when its first image came, without a header:
    while it is the only one, it is a stray in that run."""

    def hold(self, image: Image, now: float, most_bytes: int) -> None:
        """Keep an image; without its pixels where the workers could not take it."""
        if self.since is None:
            self.since = now
        self.uid = self.uid or image.recorder_uid
        if self.held >= most_bytes:
            why = (Unprocessed.OVERLOAD, "too many images before the announcement")
            image = replace(image, payload=None, problem=why)
        if self.single and image.image_id == self.images[0].image_id:
            return  # the same one again
        self.held += image.pixel_bytes
        self.images.append(image)

    def complete(self, start: SeriesStart) -> None:
        """Its header came after the first images."""
        self.key, self.start = start.key, start
        self.uid = self.uid or start.recorder_uid

    @property
    def received_ns(self) -> int:
        """When its header came, else its first image (Unix ns)."""
        return self.start.received_ns if self.start else self.images[0].received_ns

    @property
    def dormant(self) -> bool:
        """The detector was armed again before its first image."""
        return self.superseded and not self.images

    @property
    def single(self) -> bool:
        """One image and no header: a stray, for all that is known."""
        if not self.live or self.start or self.uid is not None or self.ended:
            return False
        return len({image.image_id for image in self.images[:2]}) == 1

    def held_s(self, now: float) -> float:
        """How long its first image has waited (s); minus infinity without any."""
        return -math.inf if self.since is None else now - self.since


class WaitingSeries:
    """All series whose run is not known yet, oldest first."""

    def __init__(self) -> None:
        self._all: list[Waiting] = []

    def __iter__(self) -> Iterator[Waiting]:
        """Oldest first; series may go meanwhile."""
        return iter(list(self._all))

    def of(self, key: SeriesKey) -> Waiting | None:
        """The latest one of a key; an unknown unique id matches by number."""
        for waiting in reversed(self._all):
            if same_series(waiting.key, key):
                return waiting
        return None

    def add(self, waiting: Waiting) -> None:
        """A series begins to wait."""
        self._all.append(waiting)

    def remove(self, waiting: Waiting) -> None:
        """It has a run, or is given up."""
        self._all.remove(waiting)

    def supersede(self, source: str, by: Waiting) -> list[Action]:
        """Another series began on a source: what waits there is not the latest."""
        mine = [w for w in self._all if w.key.source == source and w is not by]
        for waiting in mine:
            waiting.superseded = True
        dormant = [waiting for waiting in mine if waiting.dormant]
        excess = max(0, len(dormant) - KEPT_HEADERS)
        dropped: list[Action] = []
        for waiting in dormant[:excess]:
            self.remove(waiting)
            dropped.append(Dropped(waiting.key, waiting.start))
        return dropped


def bind_header(run: Run, key: SeriesKey, start: SeriesStart | None) -> Changed:
    """The run has this series, and the header if it came."""
    run.key, run.whole_start = key, start
    run.start = None if start is None else part_start(start, run.part)
    if start is None:
        run.note(HEADER_MISSING)
    elif HEADER_MISSING in run.notes:
        run.notes.remove(HEADER_MISSING)
    for problem in start.problems if start else ():
        run.note(problem)
    return Changed(run, "series_started")
