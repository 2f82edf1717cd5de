"""Columns of DataCollection that a rotation, a characterisation or a grid has."""

from __future__ import annotations

import math
import re

from recorder.ispyb.schema.mx_tables import SNAPSHOTS
from recorder.mx.sweeps import Dialect, Turn, axis_columns, images_made, turn_of
from recorder.records import Files, Json, RunStatus
from recorder.records.run_report import RunReport
from recorder.records.technique_report import AxisReport, MxReport
from recorder.runs.detector_reach import reach_of, two_theta, wavelength
from recorder.runs.run import Run
from recorder.sinks.ispyb.step import Step

_COUNTER = re.compile(r"_master|_?#|_?%0")
"""Where the prefix of a file's template ends: ``name_master.h5``, ``name_####.cbf``."""
_STARTS = {"omega": "omegaStart", "kappa": "kappaStart", "phi": "phiStart"}
_SAID = 600
"""Characters of what angles say otherwise: three sources with 200 each, in a column of
1024 that has the marker, too. Chosen, not tuned."""


def planned_values(step: Step) -> Json:
    """What is known when the run begins, and each time its description changes."""
    run = step.run
    images = run.declared_images
    found = reach_of(run)
    return {
        **({} if images is None else {"numberOfImages": images}),
        "numberOfPasses": 1,
        **_files(step, run.announcement.files or Files()),
        **({} if (length := wavelength(run)) is None else {"wavelength": length}),
        "resolution": found.edge,
        "resolutionAtCorner": found.corner,
        **_axis(step, images, None),
    }


def final_values(step: Step, report: RunReport) -> Json:
    """What is known when it is over; observed limits are those of its images."""
    mx, end = report.mx or MxReport(), step.run.end
    if report.mx is not None:
        images = mx.images
    else:  # of a recorder whose reports do not say it
        received, aborted = report.images.received, report.status != RunStatus.SUCCESS
        planned = step.run.declared_images
        images = images_made(received - 1, planned, aborted=aborted)
    known = {
        "resolution": mx.resolution_edge,
        "resolutionAtCorner": mx.resolution_corner,
        "flux_end": end.facts.flux if end else None,
    }
    said = {name: value for name, value in known.items() if value is not None}
    return {**_axis(step, images, mx.axis), **said}


def differences(report: RunReport) -> str:
    """What angles of the images say otherwise than the row that they are not in."""
    axis = report.mx.axis if report.mx else None
    if axis is None or not axis.contradictions or _known_better(axis):
        return ""
    return f"angles: {'; '.join(axis.contradictions)}"[:_SAID]


def _axis(step: Step, images: int | None, found: AxisReport | None) -> Json:
    """Angles; of what does not turn 0 and not NULL, by which readers tell grids."""
    run = step.run
    if run.technique == "mx-grid":
        planes = run.announcement.grid.planes if run.announcement.grid else ()
        angle = planes[0].angle if planes else None
        return {
            **{"axisStart": angle, "axisEnd": angle},
            **{"axisRange": 0.0, "overlap": 0.0},
        }
    axis, turn = _turn(run, found)
    if turn is None or axis not in _STARTS:  # of chi no column says where it starts
        return {}
    dialect: Dialect = "E" if step.site.flavour.mx.signed_range else "D"
    columns = axis_columns(turn, turn.images if images is None else images, dialect)
    return {
        **{"axisStart": columns.start, "axisEnd": columns.end},
        **{"axisRange": columns.range, "overlap": columns.overlap},
        "rotationAxis": axis.capitalize(),
        **_standing(run),
        _STARTS[axis]: columns.start,
    }


def _standing(run: Run) -> Json:
    """Where the axes are that do not turn, as far as somebody said it."""
    sweeps = run.announcement.sweeps.sweeps if run.announcement.sweeps else ()
    said = {
        f"{name}Start": next(iter({getattr(sweep, name) for sweep in sweeps}))
        for name in ("kappa", "chi", "phi")
        if len({getattr(sweep, name) for sweep in sweeps}) == 1
    }
    said["detector2Theta"] = two_theta(run) or None
    return {name: value for name, value in said.items() if value is not None}


def _turn(run: Run, found: AxisReport | None) -> tuple[str, Turn | None]:
    """The axis that turns, and how: as announced, by its images, or by the header.

    Where all its images say otherwise than the announcement, they count.
    """
    plan = run.announcement.sweeps
    better = plan is None or (found is not None and _known_better(found))
    if better and found and found.start is not None and found.range is not None:
        pitch = found.range - (found.overlap or 0.0)
        return found.name, Turn(found.start, found.range, pitch, 0)
    if plan is not None:
        return plan.axis, turn_of(plan.sweeps)
    start = run.start  # of a part: its own, as if the series began with it
    for one in start.goniometer if start else ():
        # after the first trigger a header's angles say nothing
        once = start is not None and (start.triggers or 1) == 1
        turns = math.isfinite(one.start) and math.isfinite(one.increment)
        if once and turns and one.increment and one.axis in _STARTS:
            return one.axis, Turn(one.start, one.increment, one.increment, 0)
    return "omega", None


def _known_better(axis: AxisReport) -> bool:
    """Whether angles that were captured, or of a file, replace the announced ones.

    Then all of them are such ones, and have one regular step: columns can say it.
    """
    grades = axis.by_grade
    measured = bool(grades.captured + grades.file)
    measured = measured and not grades.announced + grades.header
    known = None not in (axis.start, axis.range)
    return bool(axis.contradictions) and measured and known


def _files(step: Step, files: Files) -> Json:
    template, folder = files.template or "", files.directory
    if folder and step.site.flavour.mx.folder_ends_with_slash:
        folder = f"{folder.rstrip('/')}/"
    _, dot, ending = template.rpartition(".")
    pictures = (*(files.snapshots or ()), *(None,) * len(SNAPSHOTS))
    return {
        "imageDirectory": folder,
        "imagePrefix": files.prefix or _COUNTER.split(template)[0] or None,
        "imageSuffix": files.suffix or (ending if dot else None) or None,
        **dict(zip(SNAPSHOTS, pictures, strict=False)),
    }
