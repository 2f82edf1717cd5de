"""What became of each well of a chip, and counts by block and by shot."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from recorder.records.image_outcome import INDEXED, NON_HIT, NON_INDEXED_HIT
from recorder.ssx.arrays import BoolArray, Int64Array
from recorder.ssx.clocks.unknown import NO_ORDINAL
from recorder.ssx.scan.walk import NOWHERE, Walk, Wells


class WellState(IntEnum):
    """What is known of a well: of its shots the best one counts."""

    SKIPPED = 0
    """The walk jumps over it."""
    UNSEEN = 1
    """The walk has not come there, as far as is known."""
    LOST = 2
    """The walk passed it, and no image came: lost, or a missed trigger."""
    UNKNOWN = 3
    """Perhaps an image is from there: of some images the well is not known."""
    UNCLASSIFIED = 4
    """Its images have no class (yet)."""
    NON_HIT = 5
    NON_INDEXED_HIT = 6
    INDEXED = 7


_STATES = (
    (NON_HIT, WellState.NON_HIT),
    (NON_INDEXED_HIT, WellState.NON_INDEXED_HIT),
    (INDEXED, WellState.INDEXED),
)
"""Classes of images and what they make of a well, the best last."""
COLUMNS = 5
"""Of a table of counts: images, indexed, non-indexed hits, non-hits, others."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The images of a run on its chip; arrays (n,)."""

    image_id: Int64Array
    """Ascending."""
    ordinal: Int64Array
    """NO_ORDINAL where the trigger is not known."""
    wells: Wells
    outcome: NDArray[np.uint8]
    resolution: NDArray[np.float32]
    """Å, NaN if unknown."""
    visited: BoolArray | None = None
    """Places of the walk that the stage was at, (m,); None: where it should be."""


def well_states(walk: Walk, seen: Seen, passed: int) -> NDArray[np.uint8]:
    """The state of each well of the chip.

    Args:
        walk: The walk.
        seen: The images, in ascending image_id.
        passed: Triggers that the walk has done at least, from the run's sums.

    Returns:
        :class:`WellState`, shape (rows, columns) of the chip.
    """
    by_place = np.full(walk.wells.size, WellState.UNSEEN, np.uint8)
    if seen.visited is not None:
        doubt = bool((seen.ordinal == NO_ORDINAL).any())
        by_place[seen.visited] = WellState.UNKNOWN if doubt else WellState.LOST
    else:
        shots = walk.scan.shots_per_position
        known = seen.ordinal[seen.ordinal != NO_ORDINAL]
        done = max(passed, int(known.max()) + 1 if known.size else 0)
        by_place[: -(-done // shots)] = WellState.LOST
        by_place[_doubtful(walk, seen)] = WellState.UNKNOWN
    states = np.full(walk.place.size, WellState.SKIPPED, np.uint8)
    states[walk.wells] = by_place
    well = seen.wells.well
    placed = well != NOWHERE
    states[well[placed]] = WellState.UNCLASSIFIED
    for code, state in _STATES:
        states[well[placed & (seen.outcome == code)]] = state
    return states.reshape(walk.place.shape)


def _doubtful(walk: Walk, seen: Seen) -> BoolArray:
    """Places that images of unknown trigger may be from, shape (m,).

    Those after the last known trigger are from as many triggers as images, or more.
    """
    ordinal, ids = seen.ordinal, seen.image_id
    unknown = ordinal == NO_ORDINAL
    if not unknown.any():
        return np.zeros(walk.wells.size, np.bool_)
    first = np.flatnonzero(unknown & ~np.concatenate(([False], unknown[:-1])))
    last = np.flatnonzero(unknown & ~np.concatenate((unknown[1:], [False])))
    before = np.maximum(first - 1, 0)
    low = np.where(first > 0, ordinal[before] + 1, 0)
    begun = np.where(first > 0, ids[before] + 1, 0)
    after = ordinal[np.minimum(last + 1, ordinal.size - 1)]
    inside = last + 1 < ordinal.size
    high = np.where(inside, after, low + ids[last] + 1 - begun)
    low, high = (np.clip(end, 0, walk.triggers) for end in (low, high))
    shots = walk.scan.shots_per_position
    change = np.zeros(walk.wells.size + 1, np.int64)
    wide = high > low
    np.add.at(change, low[wide] // shots, 1)
    np.add.at(change, -(-high[wide] // shots), -1)
    return np.cumsum(change)[:-1] > 0


def counts_by(key: Int64Array, size: int, outcome: NDArray[np.uint8]) -> Int64Array:
    """Counts of images by class for each value of a key.

    Args:
        key: Block or shot of each image, NOWHERE for none, shape (n,).
        size: Values that the key can have.
        outcome: Codes of the images, shape (n,).

    Returns:
        Images, indexed, non-indexed hits, non-hits and others, shape (size, 5).
    """
    found = np.zeros((size, COLUMNS), np.int64)
    here = key != NOWHERE
    found[:, 0] = np.bincount(key[here], minlength=size)
    for column, code in enumerate((INDEXED, NON_INDEXED_HIT, NON_HIT), start=1):
        found[:, column] = np.bincount(key[here & (outcome == code)], minlength=size)
    found[:, 4] = found[:, 0] - found[:, 1:4].sum(axis=1)
    return found


def resolution_by_shot(seen: Seen, shots: int) -> list[float | None]:
    """Median resolution limit (Å) of the hits of each shot, None without any.

    Args:
        seen: The images.
        shots: How many shots there are, or are asked for.
    """
    hit = (seen.outcome == INDEXED) | (seen.outcome == NON_INDEXED_HIT)
    good = hit & np.isfinite(seen.resolution) & (seen.wells.shot != NOWHERE)
    shot, limits = seen.wells.shot[good], seen.resolution[good]
    order = np.argsort(shot, kind="stable")
    limits = limits[order]
    edges = np.searchsorted(shot[order], np.arange(shots + 1))
    return [
        float(np.median(limits[a:b])) if b > a else None
        for a, b in pairwise(edges.tolist())
    ]
