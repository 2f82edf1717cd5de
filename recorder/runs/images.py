"""The images of one run as columns, by ``image_id``."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.records import Cell, Effort, ImageClass, Unprocessed
from recorder.runs.columns import Columns
from recorder.ssx.times import NO_TIME

MAX_EXPOSURE_NS = 10**13

# Codes of the outcome column; 0 = never seen (lost, if the series went past it).
NOT_SEEN, PENDING = 0, 1
OUTCOMES: tuple[ImageClass | Unprocessed, ...] = (*ImageClass, *Unprocessed)
CODES: dict[str, int] = {str(name): n for n, name in enumerate(OUTCOMES, start=2)}
INDEXED, NON_INDEXED_HIT, NON_HIT = (CODES[c] for c in ImageClass)

_COLUMNS: dict[str, tuple[Any, Any]] = {
    "outcome": (np.uint8, NOT_SEEN),
    "start_time_ns": (np.int64, NO_TIME),
    "exposure_ns": (np.int64, 0),
    "spots": (np.uint16, 0),
    "lattices": (np.uint8, 0),
    "resolution": (np.float32, np.nan),
    "solvent": (np.float32, np.nan),
}


class ImageTable:
    """What became of every image; about 30 bytes for each ``image_id``."""

    def __init__(self) -> None:
        self._columns = Columns(_COLUMNS)
        self._cells: list[Cell] = []
        self._residuals: list[float] = []
        self.reduced: Counter[Effort] = Counter()
        """Images for which something was left out under overload."""
        self.hits_not_tried = 0
        """Hits that were not indexed for want of time."""
        self.upstream = 0
        """Images whose class came with the stream."""
        self.received = 0
        self.outcomes: Counter[str] = Counter()
        self.lattice_count = 0
        self._stride = 0
        self._first = 0

    @property
    def size(self) -> int:
        """Highest image_id seen, plus one."""
        return self._columns.size

    def receive(
        self,
        image_id: int,
        start_time_ns: int | None,
        stop_time_ns: int | None = None,
    ) -> bool:
        """Note an image as received; False if it was there already."""
        self._columns.reserve(image_id + 1)
        outcome = self._columns["outcome"]
        if outcome[image_id] != NOT_SEEN:
            return False
        outcome[image_id] = PENDING
        if start_time_ns is not None:
            self._columns["start_time_ns"][image_id] = start_time_ns
            if stop_time_ns is not None:
                exposure = min(max(0, stop_time_ns - start_time_ns), MAX_EXPOSURE_NS)
                self._columns["exposure_ns"][image_id] = exposure
        if self.received == 0:
            self._first = image_id
        else:
            self._stride = int(np.gcd(self._stride, abs(image_id - self._first)))
        self.received += 1
        self._columns.size = max(self.size, image_id + 1)
        return True

    def finish(
        self,
        image_id: int,
        outcome: ImageClass | Unprocessed,
        *,
        spots: int = 0,
        cells: tuple[Cell, ...] = (),
        residuals: tuple[float, ...] = (),
        resolution: float | None = None,
        solvent: float | None = None,
        effort: Effort = Effort.FULL,
        upstream: bool = False,
    ) -> bool:
        """Note what became of a pending image; False if it was not pending."""
        columns = self._columns
        if image_id >= self.size or columns["outcome"][image_id] != PENDING:
            return False
        columns["outcome"][image_id] = CODES[outcome]
        columns["spots"][image_id] = min(spots, 65535)
        columns["lattices"][image_id] = min(len(cells), 255)
        if resolution is not None:
            columns["resolution"][image_id] = resolution
        if solvent is not None:
            columns["solvent"][image_id] = solvent
        self._cells.extend(cells)
        self._residuals.extend(residuals)
        self.reduced[effort] += effort is not Effort.FULL
        hit = outcome in (ImageClass.INDEXED, ImageClass.NON_INDEXED_HIT)
        self.hits_not_tried += hit and effort is Effort.NO_INDEXING
        self.upstream += upstream
        self.lattice_count += len(cells)
        self.outcomes[outcome] += 1
        return True

    def column(self, name: str) -> NDArray[Any]:
        """A column, one entry for each image_id from 0 to ``size - 1``; read only."""
        return self._columns.view(name)

    @property
    def ids(self) -> NDArray[np.int64]:
        """The received image_ids, ascending."""
        return np.flatnonzero(self.column("outcome")).astype(np.int64)

    @property
    def cells(self) -> NDArray[np.float64]:
        """Unit cells of all lattices found, shape (n, 6)."""
        return np.array(self._cells, np.float64).reshape(-1, 6)

    @property
    def residuals(self) -> NDArray[np.float64]:
        """Residual (1/Å) of all lattices found, shape (n,)."""
        return np.array(self._residuals, np.float64)

    @property
    def pending(self) -> int:
        """Received, but not yet classified or given up."""
        return self.received - sum(self.outcomes.values())

    def pending_ids(self) -> list[int]:
        """The image_ids that are pending."""
        return [int(i) for i in np.flatnonzero(self.column("outcome") == PENDING)]

    def lost(self, expected: int) -> int:
        """Image_ids below ``expected`` that never came."""
        seen = int(
            np.count_nonzero(self._columns["outcome"][: min(self.size, expected)])
        )
        return expected - seen

    def lost_ranges(self, expected: int, limit: int = 20) -> list[tuple[int, int]]:
        """First and last image_id of the gaps, at most ``limit`` of them."""
        known = min(self.size, expected)
        missing = self._columns["outcome"][:known] == NOT_SEEN
        edges = np.flatnonzero(np.diff(np.concatenate(([0], missing, [0]))))
        pairs = edges.reshape(-1, 2)[:limit]
        ranges = [(int(first), int(last) - 1) for first, last in pairs]
        if expected > known and len(ranges) < limit:
            # Never an array as long as someone declared.
            first = known
            if ranges and ranges[-1][1] == known - 1:
                first = ranges.pop()[0]
            ranges.append((first, expected - 1))
        return ranges

    @property
    def stride(self) -> int:
        """Common stride of all image_ids, 0 while too few came to tell.

        More than 1 means that another client takes its share from the detector's
        round-robin socket.
        """
        return self._stride if self.received >= 16 else 0
