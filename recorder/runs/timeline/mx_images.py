"""Angle, wedge and cell of each image of a run, by all that is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from recorder.mx.angles import Angles, image_angles
from recorder.mx.sweeps import first_images
from recorder.mx.wedges import Wedges, wedge_at, wedges_of
from recorder.records.mx_plan import Sweep
from recorder.records.positions import ANGLES
from recorder.runs.run import Run
from recorder.runs.timeline.mx_cells import CellsOfImages, cells_of_run
from recorder.runs.timeline.mx_doubts import cells_with_doubts, wedges_with_doubts
from recorder.runs.timeline.mx_times import captured_once, ended_well, start_s
from recorder.runs.timeline.positions import captured_positions
from recorder.ssx.labels.timeline import Timeline

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class MxImages:
    """The received images of a run, by ascending image_id; all arrays are (n,)."""

    axis: str
    """The axis that turns."""
    angles: Angles
    wedges: Wedges | None = None
    """None without sweeps: of one sweep all images are, as far as it goes."""
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


def mx_images(run: Run, timeline: Timeline) -> MxImages | None:
    """What is known of the images of a run; None if nothing tells anything.

    Args:
        run: The run.
        timeline: Its labels.
    """
    plan, grid = run.announcement.sweeps, run.announcement.grid
    header = run.start.goniometer if run.start else ()
    file = run.start.angles if run.start else None
    read = [axis for axis in run.events.positioned if axis in ANGLES]
    turning = [one.axis for one in header if one.increment and one.axis in ANGLES]
    if not (plan or grid or file or read or turning):
        return None
    said = [plan.axis] if plan else [*read, *([file.axis] if file else []), *turning]
    axis = said[0] if said else "omega"
    captured = captured_positions(run, timeline, axis) if _one_each(run) else None
    sweeps = plan.sweeps if plan else ()
    wedges = _wedges(run, sweeps, captured) if _in_a_row(sweeps) else None
    cells = None if grid is None else cells_of_run(run, timeline, grid)
    wedges, cells = wedges_with_doubts(run, wedges), cells_with_doubts(run, cells)
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


def _one_each(run: Run) -> bool:
    """Whether timing hardware captured a row for each image, and not one a wedge."""
    captured = run.events.triggers
    return captured is not None and captured >= run.images.received


def _in_a_row(sweeps: tuple[Sweep, ...]) -> bool:
    """Whether each of several sweeps begins with the image after the one before."""
    sizes = [sweep.images for sweep in sweeps]
    return len(sizes) > 1 and first_images(sweeps) == (0, *accumulate(sizes[:-1]))


def _wedges(run: Run, sweeps: tuple[Sweep, ...], captured: FloatArray | None) -> Wedges:
    sizes = [sweep.images for sweep in sweeps]
    rows = captured_once(run, len(sizes))
    sent = len(sizes) if ended_well(run) else None
    at = None
    if captured is not None:
        ends = [s.start + (s.images - 1) * s.step + s.range for s in sweeps]
        at = wedge_at(captured, [sweep.start for sweep in sweeps], ends)
    return wedges_of(
        run.images.ids,
        sizes,
        start_s=start_s(run),
        period_s=run.start.info.frame_time_s if run.start else None,
        images_per_trigger=run.start.images_per_trigger if run.start else None,
        made=run.end.images if run.end else None,
        sent=sent if rows is None else rows.size,
        captured_s=rows,
        captured=at,
    )
