"""What is counted of one run while it goes on.

The event loop only notes what came (:meth:`RunCounts.received`,
:meth:`RunCounts.finished`, :meth:`RunCounts.amended`); :meth:`RunCounts.look` counts
the notes, some hundred at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recorder.live.last_images import LastOutcomes
from recorder.live.pace import Pace
from recorder.live.pump_counts import PumpCounts
from recorder.live.recent import Recent
from recorder.live.traits import (
    RECEIVED,
    TABLE,
    Counts,
    Traits,
    count,
    no_counts,
    traits_in,
    traits_of,
)
from recorder.records import ImageOutcome
from recorder.records.live import LINE_POINTS, LINE_STEP_S
from recorder.runs.run import Run
from recorder.runs.tables.columns import Columns
from recorder.runs.tables.image_table import ImageTable

STEP_NS = 200_000_000
"""Width (ns) of a point of the windows: that of a live state. A window is so much
shorter than its name says, at most."""
POINTS = 300
"""Points of the longest window, 60 s."""
SHORT = 50
"""Points of the short window, 10 s."""


class RunCounts:
    """Counts of one run.

    Args:
        images: What it has already.
    """

    def __init__(self, images: ImageTable) -> None:
        self._traits = Columns({"traits": (np.uint8, 0)})
        first = traits_in(images)
        if first.size:
            self._traits.append(traits=first)
        self.total: Counts = count(first)
        """Of the run, shape (7,)."""
        self.windows = Recent(STEP_NS, POINTS)
        self.line = Recent(int(LINE_STEP_S * 1e9), LINE_POINTS)
        self.last = LastOutcomes()
        self.pump = PumpCounts()
        self.pace = Pace()
        self._newest_ns: int | None = None
        """Arrival (Unix ns) of the newest image that was counted and is in no state."""
        self._arrived: list[int] = []
        self._finished: list[ImageOutcome] = []
        self._amended: list[ImageOutcome] = []

    # -- from the event loop, for each image ----------------------------------------

    def received(self, image_id: int, received_ns: int) -> None:
        """An image came."""
        self._arrived += (image_id, received_ns)

    def finished(self, image: ImageOutcome) -> None:
        """An image that came has its outcome."""
        self._finished.append(image)

    def amended(self, image: ImageOutcome) -> None:
        """An image has another outcome than before."""
        self._amended.append(image)

    # -- from time to time ------------------------------------------------------------

    def traits(self) -> Traits:
        """What each image counts for, by image_id; read only."""
        found: Traits = self._traits.view("traits")
        return found

    def look(self, now_ns: int) -> Sequence[ImageOutcome]:
        """Count what was noted.

        Args:
            now_ns: Time of arrival of what would come now (Unix ns).

        Returns:
            The outcomes that are new, by image_id.
        """
        self.windows.advance(now_ns)
        self.line.advance(now_ns)
        finished = sorted(self._finished, key=_image_id)
        amended, self._finished, self._amended = self._amended, [], []
        # in this order: an image may be in all three
        changes = [
            self._arrivals(),
            self._outcomes(finished),
            self._outcomes(amended),
        ]
        for ids, by in changes:
            self.pump.changed(ids, by)
        self.last.add(finished)
        return finished

    def newest_age_s(self, now_ns: int) -> float | None:
        """Age (s) of the newest image that was counted since this was asked last.

        Args:
            now_ns: Time of arrival of what would come now (Unix ns).

        Returns:
            None: none came since.
        """
        newest_ns, self._newest_ns = self._newest_ns, None
        return None if newest_ns is None else max(0, now_ns - newest_ns) / 1e9

    def label(self, run: Run) -> None:
        """Label what can be labelled; after :meth:`look`."""
        self.pump.look(run, self.traits(), self.total)

    def _arrivals(self) -> tuple[Counts, Counts]:
        noted = np.array(self._arrived, np.int64).reshape(-1, 2)
        self._arrived = []
        ids = noted[:, 0]
        if ids.size:
            self._newest_ns = int(noted[:, 1].max(initial=self._newest_ns or 0))
        self._room(ids)
        column = self._traits["traits"]
        now = column[ids] | RECEIVED
        # those that were held before the run was opened were in its table already
        by = TABLE[now] - TABLE[column[ids]]
        column[ids] = now
        came = np.broadcast_to(TABLE[RECEIVED], by.shape)
        self._add(noted[:, 1], by, came)
        return ids, by

    def _outcomes(self, outcomes: Sequence[ImageOutcome]) -> tuple[Counts, Counts]:
        ids = np.array([image.image_id for image in outcomes], np.int64)
        times = np.array([image.received_ns for image in outcomes], np.int64)
        now = np.array([traits_of(image) for image in outcomes], np.uint8)
        self._room(ids)
        column = self._traits["traits"]
        by = TABLE[now] - TABLE[column[ids]]
        column[ids] = now
        self._add(times, by, by)
        return ids, by

    def _room(self, ids: Counts) -> None:
        if ids.size:
            self._traits.reserve(int(ids.max()) + 1)
            self._traits.size = max(self._traits.size, int(ids.max()) + 1)

    def _add(self, times: Counts, by: Counts, recent: Counts) -> None:
        self.total += by.sum(axis=0) if by.size else no_counts()
        self.windows.add(times, recent)
        self.line.add(times, recent)


def _image_id(image: ImageOutcome) -> int:
    return image.image_id
