"""Series whose announcement has not come yet."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from recorder.records import (
    Image,
    RunState,
    SeriesEnd,
    SeriesKey,
    SeriesStart,
    Unprocessed,
)
from recorder.runs.book.actions import Changed
from recorder.runs.run import Run


@dataclass(eq=False)
class Waiting:
    """A series that waits for its announcement, with the images that came."""

    key: SeriesKey
    start: SeriesStart | None
    uid: str | None = None
    images: list[Image] = field(default_factory=list)
    held: int = 0
    """Bytes of their pixels."""
    since: float | None = None
    ended: SeriesEnd | None = None

    def hold(self, image: Image, most_bytes: int) -> None:
        """Keep an image; without its pixels where the workers could not take it."""
        if self.held >= most_bytes:
            why = (Unprocessed.OVERLOAD, "too many images before the announcement")
            image = replace(image, payload=None, problem=why)
        self.held += image.pixel_bytes
        self.images.append(image)

    @property
    def received_ns(self) -> int:
        """When its header came, else its first image (Unix ns)."""
        return self.start.received_ns if self.start else self.images[0].received_ns

    def held_s(self, now: float) -> float:
        """How long its first image has waited (s); minus infinity without any."""
        return -math.inf if self.since is None else now - self.since


def begin_run(run: Run, waiting: Waiting, now: float) -> Changed:
    """Bind the series to its run; its images are not yet taken."""
    run.key, run.start = waiting.key, waiting.start
    run.state, run.last_progress = RunState.OPEN, now
    if run.start is None:
        run.note("the series header was missing: joined late, or it was lost")
    for problem in run.start.problems if run.start else ():
        run.note(problem)
    return Changed(run, "series_started")
