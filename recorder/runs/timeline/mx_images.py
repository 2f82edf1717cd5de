"""Angle, wedge and cell of each image of a run, by all that is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np

from recorder.mx.angles import STANDING, Angles, apart, image_angles
from recorder.mx.wedges import Wedges
from recorder.records.mx_plan import Axis
from recorder.runs.run import Run
from recorder.runs.timeline.mx_cells import CellsOfImages, cells_of_run
from recorder.runs.timeline.mx_doubts import wedges_with_doubts
from recorder.runs.timeline.mx_offset import only_offset
from recorder.runs.timeline.mx_wedges import wedges_of_run
from recorder.runs.timeline.of_run import captured_each
from recorder.runs.timeline.positions import captured_positions
from recorder.ssx.labels.timeline import Timeline

AXES: tuple[str, ...] = get_args(Axis)
"""The axes that may turn a crystal while images are taken."""


@dataclass(frozen=True, slots=True, eq=False)
class MxImages:
    """The received images of a run, by ascending image_id; all arrays are (n,)."""

    axis: str
    """The axis that turns."""
    angles: Angles
    wedges: Wedges | None = None
    """None without sweeps, or if one trigger makes all images."""
    cells: CellsOfImages | None = None
    """None without a grid."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What of all this people should know."""
        return (
            *self.angles.contradictions,
            *(self.wedges.notes if self.wedges else ()),
            *(self.cells.notes if self.cells else ()),
        )


def _turning(run: Run) -> list[str]:
    """Axes of which something tells angles, the best one first: it moves.

    By captured positions, then a file, then the header; an axis that was captured and
    stands is the last one.
    """
    start = run.start
    moved = {axis: _moved(run, axis) for axis in run.events.positioned if axis in AXES}
    most = sorted(moved, key=lambda axis: -moved[axis])
    moving = [axis for axis in most if moved[axis] > STANDING]
    file = [start.angles.axis] if start and start.angles else []
    header = [one.axis for one in start.goniometer if one.increment] if start else []
    return [axis for axis in (*moving, *file, *header, *most) if axis in AXES]


def _moved(run: Run, axis: str) -> float:
    """Degrees that the captured positions of an axis span."""
    values = run.events.positions(axis)[1]
    return float(np.ptp(apart(values, values[:1]))) if values.size else 0.0


def mx_images(run: Run, timeline: Timeline) -> MxImages | None:
    """What is known of the images of a run; None if nothing tells anything.

    Args:
        run: The run.
        timeline: Its labels.
    """
    plan, grid = run.announcement.sweeps, run.announcement.grid
    header = run.start.goniometer if run.start else ()
    file = run.start.angles if run.start else None
    said = [plan.axis] if plan else _turning(run)
    if not (said or grid):
        return None
    axis = said[0] if said else "omega"
    captured = captured_positions(run, timeline, axis) if captured_each(run) else None
    sweeps = plan.sweeps if plan else ()
    # where all images were made, an axis that is off tells of no missed trigger
    telling = None if only_offset(run, sweeps, captured) else captured
    wedges = wedges_with_doubts(run, wedges_of_run(run, sweeps, telling))
    cells = None if grid is None else cells_of_run(run, timeline, grid)
    found = image_angles(
        run.images.ids,
        sweeps or (cells.standing if cells else ()),
        axis=axis,
        header=header,
        file=file,
        captured=captured,
        wedges=wedges,
        triggers=run.start.triggers if run.start else None,
        images_per_trigger=run.start.images_per_trigger if run.start else None,
    )
    return MxImages(axis, found, wedges, cells)
