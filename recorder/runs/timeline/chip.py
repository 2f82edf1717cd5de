"""The chip of a run: which well each of its images is from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.runs.ledger import expected_images
from recorder.runs.run import Run
from recorder.runs.timeline.of_run import cut_short
from recorder.runs.timeline.positions import rows_of_images, stage_positions
from recorder.ssx.clocks.unknown import NO_ORDINAL
from recorder.ssx.labels.timeline import Timeline
from recorder.ssx.scan.placing import Placed, PlacedBy, by_position, place_images
from recorder.ssx.scan.stage import ordinals_at, shots_at, visited, wells_at
from recorder.ssx.scan.walk import Walk, walk_of
from recorder.ssx.scan.wells import Seen, well_states


@dataclass(frozen=True, slots=True, eq=False)
class Chip:
    """The images of a run on its chip."""

    walk: Walk
    by: PlacedBy
    """What the wells rest on."""
    seen: Seen
    """The received images."""
    passed: int
    """Triggers that the walk has done at least, those of lost images at the end too."""
    moved: int = 0
    """Images that were at another well than the walk has for their trigger."""

    def states(self) -> NDArray[np.uint8]:
        """What is known of each well of the chip.

        Returns:
            :class:`~recorder.ssx.scan.wells.WellState`, shape (rows, columns).
        """
        return well_states(self.walk, self.seen, self.passed)


def chip_of(run: Run, timeline: Timeline) -> Chip | None:
    """The chip of a run, None if its announcement has no scan that can be used.

    Args:
        run: The run.
        timeline: Its labels.
    """
    scan = run.announcement.scan
    if scan is None:
        return None
    ids = run.images.ids
    placed = place_images(ids, timeline.labels.ordinal, _missing(run, timeline))
    walk = walk_of(scan)
    placed = _where_it_was(run, timeline, walk, placed)
    seen = Seen(
        image_id=ids,
        ordinal=placed.ordinal,
        wells=walk.at(placed.ordinal),
        outcome=run.images.column("outcome")[ids],
        resolution=run.images.column("resolution")[ids],
        visited=placed.visited,
    )
    passed = _passed(run, timeline, placed, ids)
    return Chip(walk, placed.by, seen, passed, placed.moved)


def _where_it_was(run: Run, timeline: Timeline, walk: Walk, placed: Placed) -> Placed:
    """Wells by the captured positions of the stage, where there are any."""
    stage = walk.scan.stage
    numbers, x, y = stage_positions(run)
    if stage is None or not numbers.size:
        return placed
    well = wells_at(walk, stage, x, y)
    of_trigger = ordinals_at(walk, well, shots_at(well))
    row = rows_of_images(timeline, numbers)
    there = row >= 0
    ordinal = np.where(there, of_trigger[np.maximum(row, 0)], NO_ORDINAL)
    return by_position(placed, ordinal, there, visited(walk, well))


def _missing(run: Run, timeline: Timeline) -> bool:
    """Whether triggers are known to have made no image."""
    assignment = timeline.assignment
    if assignment.missed > 0:
        return True
    if not run.final or cut_short(run) or assignment.total is None:
        return False
    made = run.end.images if run.end else None
    return max(made or 0, run.images.size) < assignment.total


def _passed(
    run: Run, timeline: Timeline, placed: Placed, ids: NDArray[np.int64]
) -> int:
    """Triggers up to the last image that exists; 0 where that is not known."""
    expected = expected_images(run, timeline)
    told = run.end is not None and run.end.images is not None
    if expected is None or (cut_short(run) and not told):
        return 0
    known = np.flatnonzero(placed.ordinal != NO_ORDINAL)
    if not known.size:
        return 0
    last = known[-1]
    return int(placed.ordinal[last]) + expected - int(ids[last])
