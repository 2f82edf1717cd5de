"""Finds the way of a run's first images before the first block is complete.

To look for the way costs 0.1 s. So it is tried at ever more images, and once the rows
tell which trigger came first, not again: from there the images are only followed.
"""

from __future__ import annotations

import numpy as np

from recorder.ssx.arrays import Int64Array
from recorder.ssx.matching.assignment import Assigner
from recorder.ssx.triggers.trigger_table import TriggerTable

FIRST_CAPTURED = 16
"""Images of the first try if rows are captured: as many as certainty needs
(`start_candidates._LEAST_IMAGES`)."""
FIRST_DECLARED = 64
"""The same if chains are only declared: as many as are matched at once
(`matcher._TO_TRACK`)."""


class Scout:
    """A way that is not settled."""

    def __init__(self) -> None:
        self.assigner: Assigner | None = None
        """One that knows the way; None: none does."""
        self.fed: Int64Array = np.empty(0, np.int64)
        """What it was fed, ascending."""
        self._next = 0

    def look(
        self,
        ids: Int64Array,
        start_ns: Int64Array,
        table: TriggerTable,
        captured: bool,
    ) -> None:
        """Look for the way, if there are enough images for another try.

        Args:
            ids: The first images, ascending, shape (n,).
            start_ns: Their start times, shape (n,).
            table: The triggers from the first one on.
            captured: Rows tell their times.
        """
        least = FIRST_CAPTURED if captured else FIRST_DECLARED
        if ids.size < max(least, self._next):
            return
        self._next = 2 * ids.size
        found = Assigner()
        found.feed(ids, start_ns, table.time_ns, table.usable, table.real, last=True)
        if found.matcher is None or not found.matcher.locked:
            return
        self.assigner, self.fed = found, ids
        if found.matcher.certain[0]:
            self._next = 1 << 62
