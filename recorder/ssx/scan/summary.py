"""What a run's report says of its chip."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recorder.records.scan_report import (
    BlockCounts,
    ScanReport,
    ShotCounts,
    WellCounts,
)
from recorder.ssx.arrays import Int64Array
from recorder.ssx.clocks.unknown import NO_ORDINAL
from recorder.ssx.scan.pattern import pattern_hints
from recorder.ssx.scan.placing import PlacedBy
from recorder.ssx.scan.walk import NOWHERE, Walk
from recorder.ssx.scan.wells import (
    Seen,
    WellState,
    counts_by,
    resolution_by_shot,
)

MAX_BLOCKS = 256
"""Blocks that a report counts one by one, the first ones: an Oxford chip has 64. Each
takes 100 bytes of a report that is written every few seconds."""
MAX_LISTED_SHOTS = 100
"""Shot numbers that a report counts one by one, the first ones. Chosen, not tuned."""


def scan_report(
    walk: Walk, by: PlacedBy, seen: Seen, states: NDArray[np.uint8], moved: int = 0
) -> ScanReport:
    """The chip of a run in numbers.

    Args:
        walk: The walk over it.
        by: What the wells of the images rest on.
        seen: The images with their wells.
        states: :class:`WellState` of each well, shape (rows, columns) of the chip.
        moved: Images that were at another well than the walk has for their trigger.
    """
    scan = walk.scan
    on = int(np.count_nonzero(seen.wells.well != NOWHERE))
    nowhere = int(np.count_nonzero(seen.ordinal == NO_ORDINAL))
    blocks = scan.blocks[0] * scan.blocks[1]
    return ScanReport(
        rows=scan.rows,
        columns=scan.columns,
        blocks=scan.blocks,
        shots_per_position=scan.shots_per_position,
        placed_by=by.value,
        placed=on,
        unplaced=nowhere,
        beyond=seen.ordinal.size - on - nowhere,
        moved=moved,
        wells=_wells(walk, states),
        by_block=tuple(
            BlockCounts(n, *row)
            for n, row in enumerate(_first(seen.wells.block, blocks, seen, MAX_BLOCKS))
        ),
        by_shot=_shots(seen, scan.shots_per_position),
        hints=pattern_hints(walk, states),
    )


def _wells(walk: Walk, states: NDArray[np.uint8]) -> WellCounts:
    count = np.bincount(states.ravel(), minlength=len(WellState)).tolist()
    return WellCounts(
        total=walk.wells.size,
        skipped=count[WellState.SKIPPED],
        indexed=count[WellState.INDEXED],
        non_indexed_hits=count[WellState.NON_INDEXED_HIT],
        non_hits=count[WellState.NON_HIT],
        unclassified=count[WellState.UNCLASSIFIED],
        lost=count[WellState.LOST],
        unknown=count[WellState.UNKNOWN],
        unseen=count[WellState.UNSEEN],
    )


def _first(key: Int64Array, size: int, seen: Seen, most: int) -> list[list[int]]:
    found: list[list[int]] = counts_by(key, size, seen.outcome)[:most].tolist()
    return found


def _shots(seen: Seen, shots: int) -> tuple[ShotCounts, ...]:
    listed = min(shots, MAX_LISTED_SHOTS)
    limits = resolution_by_shot(seen, listed)
    counts = _first(seen.wells.shot, shots, seen, listed)
    found = []
    for n, (row, limit) in enumerate(zip(counts, limits, strict=True)):
        images, indexed, non_indexed, non_hits, others = row
        middle = None if limit is None else round(limit, 3)
        found.append(
            ShotCounts(n, images, indexed, non_indexed, non_hits, others, middle)
        )
    return tuple(found)
