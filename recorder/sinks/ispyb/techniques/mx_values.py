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
    mx = report.mx or MxReport()
    aborted = report.status != RunStatus.SUCCESS
    last = _last_id(report)
    images = images_made(last, step.run.declared_images, aborted=aborted)
    end = step.run.end
    known = {
        "resolution": mx.resolution_edge,
        "resolutionAtCorner": mx.resolution_corner,
        "flux_end": end.facts.flux if end else None,
    }
    said = {name: value for name, value in known.items() if value is not None}
    return {**_axis(step, images, mx.axis), **said}


def _last_id(report: RunReport) -> int | None:
    """The last ``image_id`` that came; None: none came."""
    images = report.images
    if not images.received:
        return None
    end = images.received + images.lost
    if images.lost_ranges and images.lost_ranges[-1][1] == end - 1:
        end = images.lost_ranges[-1][0]
    return end - 1


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
    if turn is None:
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
    """The axis that turns, and how: as announced, by its images, or by the header."""
    plan = run.announcement.sweeps
    if plan is not None:
        return plan.axis, turn_of(plan.sweeps)
    if found is not None and found.start is not None and found.range is not None:
        pitch = found.range - (found.overlap or 0.0)
        return found.name, Turn(found.start, found.range, pitch, 0)
    start = run.start  # of a part: its own, as if the series began with it
    for one in start.goniometer if start else ():
        # after the first trigger a header's angles say nothing
        once = start is not None and (start.triggers or 1) == 1
        turns = math.isfinite(one.start) and math.isfinite(one.increment)
        if once and turns and one.increment and one.axis in _STARTS:
            return one.axis, Turn(one.start, one.increment, one.increment, 0)
    return "omega", None


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
