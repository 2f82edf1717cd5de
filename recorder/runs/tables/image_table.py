"""The images of one run as columns, by ``image_id``."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import dataclass, fields
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.records import ImageClass, ImageOutcome, WorkLevel
from recorder.records.image_outcome import (
    CODES,
    INDEXED,
    NON_INDEXED_HIT,
    NOT_SEEN,
    OUTCOMES,
    PENDING,
)
from recorder.runs.tables.columns import Columns
from recorder.runs.tables.lattice_table import LatticeTable
from recorder.ssx.clocks.unknown import NO_TIME

MAX_EXPOSURE_NS = 10**13
"""Longest exposure (ns) that is believed, 10 000 s: a stop time of another clock must
not spoil sums. Chosen, not tuned."""

_CLASSES = {CODES[name]: name for name in ImageClass}
_COLUMNS: dict[str, tuple[Any, Any]] = {
    "outcome": (np.uint8, NOT_SEEN),
    "start_time_ns": (np.int64, NO_TIME),
    "exposure_ns": (np.int64, 0),
    "spots": (np.uint16, 0),
    "lattices": (np.uint8, 0),
    "effort": (np.uint8, 0),
    "rings": (np.uint16, 0),
    "resolution": (np.float32, np.nan),
    "solvent": (np.float32, np.nan),
}


def exposure_ns(start_time_ns: int | None, stop_time_ns: int | None) -> int:
    """How long an image was exposed (ns), 0 if that is not known."""
    if start_time_ns is None or stop_time_ns is None:
        return 0
    return min(max(0, stop_time_ns - start_time_ns), MAX_EXPOSURE_NS)


@dataclass(frozen=True, slots=True, eq=False)
class ImageArrays:
    """Finished images by ascending id; arrays (n,) where no shape is given."""

    image_id: NDArray[np.int64]
    outcome: NDArray[np.uint8]
    """Code as in :mod:`~recorder.records.image_outcome`."""
    start_time_ns: NDArray[np.int64]
    stop_time_ns: NDArray[np.int64]
    spots: NDArray[np.int64]
    resolution: NDArray[np.float32]
    """Å, NaN if unknown."""
    solvent: NDArray[np.float32]
    lattices: NDArray[np.uint16]
    effort: NDArray[np.uint8]
    upstream: NDArray[np.bool_]
    rings: NDArray[np.uint16]
    """Spots on powder rings."""
    cells: NDArray[np.float64]
    """(m, 6), of all lattices."""
    residuals: NDArray[np.float64]
    """(k,), of the lattices that have one."""

    def as_dict(self) -> dict[str, NDArray[Any]]:
        """The arrays by name."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


class ImageTable:
    """What became of every image; about 30 bytes for each ``image_id``."""

    def __init__(self) -> None:
        self._columns = Columns(_COLUMNS)
        self.lattices = LatticeTable()
        self.reduced: Counter[WorkLevel] = Counter()
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
            exposure = exposure_ns(start_time_ns, stop_time_ns)
            self._columns["exposure_ns"][image_id] = exposure
        if self.received == 0:
            self._first = image_id
        else:
            self._stride = gcd(self._stride, image_id - self._first)
        self.received += 1
        self._columns.size = max(self.size, image_id + 1)
        return True

    def repeats(self, image_id: int, start_time_ns: int | None) -> bool:
        """Whether a second image of this id is the first one again, by its time.

        An image without a time, or of one without, cannot be told from a repetition.
        """
        first = int(self._columns["start_time_ns"][image_id])
        return (
            start_time_ns is None
            or NO_TIME in (first, start_time_ns)
            or (first == start_time_ns)
        )

    def finish(self, image: ImageOutcome) -> bool:
        """Note what became of a pending image; False if it was not pending."""
        columns, n = self._columns, image.image_id
        if n >= self.size or columns["outcome"][n] != PENDING:
            return False
        self._set(image)
        self.lattices.add(n, image.found.lattices)
        self._tally(n, 1)
        self.upstream += image.found.upstream
        return True

    def class_of(self, image_id: int) -> ImageClass | None:
        """The class of an image; None if it has none."""
        code = int(self.column("outcome")[image_id]) if image_id < self.size else 0
        return _CLASSES.get(code)

    def amend(self, image: ImageOutcome) -> bool:
        """Put what a second look found in the place of what the first one did.

        Args:
            image: What became of a classified image now.

        Returns:
            False if it has no class, or was amended before: then nothing is changed.
        """
        n = image.image_id
        if self.class_of(n) is None:
            return False
        if not self.lattices.amend(n, image.found.lattices):
            return False
        self._tally(n, -1)
        self._set(image)
        self._tally(n, 1)
        return True

    def _set(self, image: ImageOutcome) -> None:
        columns, n, found = self._columns, image.image_id, image.found
        columns["outcome"][n] = image.code
        columns["spots"][n] = min(found.spots, 65535)
        columns["lattices"][n] = min(len(found.lattices), 255)
        columns["effort"][n] = found.effort
        columns["rings"][n] = min(found.rings, 65535)
        unknown = found.resolution is None
        columns["resolution"][n] = np.nan if unknown else found.resolution
        columns["solvent"][n] = np.nan if found.solvent is None else found.solvent

    def _tally(self, n: int, sign: int) -> None:
        """Count an image, or take it out of the counts."""
        columns = self._columns
        code, effort = int(columns["outcome"][n]), int(columns["effort"][n])
        hit = code in (INDEXED, NON_INDEXED_HIT)
        if effort:
            self.reduced[WorkLevel(effort)] += sign
        self.hits_not_tried += sign * (hit and effort == WorkLevel.NO_INDEXING)
        self.lattice_count += sign * int(columns["lattices"][n])
        self.outcomes[OUTCOMES[code - CODES[OUTCOMES[0]]]] += sign

    def extend(self, more: ImageArrays) -> None:
        """Take over finished images, none of which is here yet: of a restart."""
        ids = more.image_id
        if not ids.size:
            return
        self._columns.reserve(int(ids[-1]) + 1)
        timed = more.start_time_ns != NO_TIME
        exposed = timed & (more.stop_time_ns != NO_TIME)
        exposure = np.where(exposed, more.stop_time_ns - more.start_time_ns, 0)
        for name, values in (
            ("outcome", more.outcome),
            ("start_time_ns", more.start_time_ns),
            ("exposure_ns", np.clip(exposure, 0, MAX_EXPOSURE_NS)),
            ("spots", np.minimum(more.spots, 65535)),
            ("lattices", np.minimum(more.lattices, 255)),
            ("effort", more.effort),
            ("rings", more.rings),
            ("resolution", more.resolution),
            ("solvent", more.solvent),
        ):
            self._columns[name][ids] = values
        self.lattices.extend(more.cells, more.residuals)
        self._count(more)
        if self.received == 0:
            self._first = int(ids[0])
        distances = np.abs(ids - self._first)
        self._stride = int(np.gcd(self._stride, np.gcd.reduce(distances)))
        self.received += ids.size
        self._columns.size = max(self.size, int(ids[-1]) + 1)

    def _count(self, more: ImageArrays) -> None:
        for effort, count in enumerate(np.bincount(more.effort).tolist()):
            if effort:
                self.reduced[WorkLevel(effort)] += count
        hit = np.isin(more.outcome, (INDEXED, NON_INDEXED_HIT))
        untried = hit & (more.effort == WorkLevel.NO_INDEXING)
        self.hits_not_tried += int(np.count_nonzero(untried))
        self.upstream += int(np.count_nonzero(more.upstream))
        self.lattice_count += int(more.lattices.sum())
        for code, count in enumerate(np.bincount(more.outcome).tolist()):
            if count:
                self.outcomes[OUTCOMES[code - CODES[OUTCOMES[0]]]] += count

    def copy(self) -> ImageTable:
        """The table as it is now."""
        made = copy.copy(self)
        made._columns = self._columns.copy()  # noqa: SLF001
        made.lattices = self.lattices.copy()
        made.reduced, made.outcomes = Counter(self.reduced), Counter(self.outcomes)
        return made

    def column(self, name: str) -> NDArray[Any]:
        """A column, one entry for each image_id from 0 to ``size - 1``; read only."""
        return self._columns.view(name)

    @property
    def ids(self) -> NDArray[np.int64]:
        """The received image_ids, ascending."""
        return np.flatnonzero(self.column("outcome")).astype(np.int64)

    @property
    def pending(self) -> int:
        """Received, but not yet classified or given up."""
        return self.received - sum(self.outcomes.values())

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
