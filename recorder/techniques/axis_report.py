"""The axis of a run in its report: sweeps, angles by what they rest on, lost angles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recorder.mx.angles import AngleGrade, Angles, image_angles
from recorder.mx.sweeps import Turn, last_exposed, sweep_of, turn_of
from recorder.records.image_outcome import INDEXED, NON_INDEXED_HIT
from recorder.records.mx_plan import Sweep
from recorder.records.technique_report import (
    AxisReport,
    GradeCounts,
    LostAngles,
    SweepReport,
)
from recorder.runs.run import Run
from recorder.runs.timeline.mx_images import MxImages

Int64Array = NDArray[np.int64]
FloatArray = NDArray[np.float64]

SHOWN_SWEEPS = 100
"""Sweeps that a report lists. Chosen, not tuned."""
_DIGITS = 6
"""Decimals of a degree: motors have three, encoders five."""
_SAME = 1e-3
"""Degrees within which the widths of images are the same: files have rounded angles.
Chosen, not tuned."""


def axis_report(run: Run, images: MxImages, made: int) -> AxisReport:
    """What is known of how a run's crystal was turned.

    Args:
        run: The run.
        images: Its images.
        made: How many it has.
    """
    plan, ids, angles = run.announcement.sweeps, run.images.ids, images.angles
    sweeps = plan.sweeps if plan else ()
    measured = not sweeps or _otherwise(angles)
    turn = _measured(ids, angles.start, angles.end) if measured else turn_of(sweeps)
    wedges = images.wedges
    index = sweep_of(ids, sweeps)[0] if wedges is None else wedges.index
    reports = _sweeps(run, sweeps, index, angles.end)
    counted = np.bincount(angles.grade, minlength=len(AngleGrade)).tolist()
    missed = wedges.missed if wedges else ()
    shown = made if run.final or turn is None else max(made, turn.images)
    first = angles.start[0] if ids.size and ids[0] == 0 else np.nan
    return AxisReport(
        name=images.axis,
        start=_number(first) if np.isfinite(first) else _start(turn),
        end=_end(run, images, made, turn, measured=measured),
        range=_number(turn.range) if turn else None,
        overlap=_number(turn.range - turn.pitch) if turn else None,
        total=_number(shown * turn.pitch) if turn else None,
        sweeps=reports[:SHOWN_SWEEPS],
        wedges_whole=sum(one.whole for one in reports),
        wedges_planned=len(sweeps),
        wedges_missed=len(missed),
        of_no_sweep=int((index < 0).sum()) if sweeps else 0,
        by_grade=GradeCounts(
            captured=counted[AngleGrade.CAPTURED],
            file=counted[AngleGrade.FILE],
            announced=counted[AngleGrade.ANNOUNCED],
            header=counted[AngleGrade.HEADER],
            none=counted[AngleGrade.NONE],
        ),
        lost=_lost(run, images, made),
        contradictions=angles.contradictions,
    )


def _number(value: float) -> float:
    return round(float(value), _DIGITS) + 0.0


def _start(turn: Turn | None) -> float | None:
    return None if turn is None else _number(turn.start)


def _sweeps(
    run: Run, sweeps: tuple[Sweep, ...], index: Int64Array, end: FloatArray
) -> tuple[SweepReport, ...]:
    outcome = run.images.column("outcome")[run.images.ids]
    known, count = index >= 0, len(sweeps)
    indexed = outcome == INDEXED
    sums = [
        np.bincount(index[known & mine], minlength=count)
        for mine in (known, indexed | (outcome == NON_INDEXED_HIT), indexed)
    ]
    last = np.full(count, -1, np.int64)
    np.maximum.at(last, index[known], np.flatnonzero(known))
    return tuple(
        SweepReport(
            start=_number(sweep.start),
            range=_number(sweep.range),
            pitch=_number(sweep.step),
            overlap=_number(sweep.range - sweep.step),
            planned=sweep.images,
            received=int(sums[0][n]),
            end=_number(end[last[n]])
            if last[n] >= 0 and np.isfinite(end[last[n]])
            else None,
            hits=int(sums[1][n]),
            indexed=int(sums[2][n]),
            whole=int(sums[0][n]) == sweep.images,
            kappa=sweep.kappa,
            chi=sweep.chi,
            phi=sweep.phi,
        )
        for n, sweep in enumerate(sweeps)
    )


def _otherwise(angles: Angles) -> bool:
    """Whether captured angles, or those of a file, say otherwise than the plan.

    And none rests on less, so that they say it all.
    """
    known = angles.grade[angles.grade != AngleGrade.NONE]
    best = known.size > 0 and bool((known >= AngleGrade.FILE).all())
    return best and bool(angles.contradictions)


def _measured(ids: Int64Array, start: FloatArray, end: FloatArray) -> Turn | None:
    """Equal steps of known angles; None: they differ."""
    known = np.isfinite(start) & np.isfinite(end)
    if not known.any():
        return None
    ids, start, width = ids[known], start[known], (end - start)[known]
    turned = float(np.median(width))
    if np.abs(width - turned).max() > _SAME:
        return None
    pitch = turned
    if ids.size > 1:
        steps = np.diff(start) / np.diff(ids)
        pitch = float(np.median(steps))
        if np.abs(np.diff(start) - pitch * np.diff(ids)).max() > _SAME:
            return None
    return Turn(float(start[0] - ids[0] * pitch), turned, pitch, int(ids[-1]) + 1)


def _end(
    run: Run, images: MxImages, made: int, turn: Turn | None, *, measured: bool
) -> float | None:
    """Where the last image that was made ends."""
    ids, end, plan = run.images.ids, images.angles.end, run.announcement.sweeps
    if ids.size and ids[-1] == made - 1 and np.isfinite(end[-1]):
        return _number(end[-1])
    if plan is None or measured:
        return None if turn is None or not made else _number(last_exposed(turn, made))
    index, within = sweep_of(np.array([made - 1]), plan.sweeps)
    if index[0] < 0 or not _by_count(images):
        return None
    return _number(last_exposed(plan.sweeps[index[0]], int(within[0]) + 1))


def _by_count(images: MxImages) -> bool:
    """Whether no missed trigger has moved images from where their count has them."""
    return images.wedges is None or not images.wedges.notes


def _lost(run: Run, images: MxImages, made: int) -> tuple[LostAngles, ...]:
    """Ranges of lost images, with angles where no missed trigger has moved them."""
    ranges = run.images.lost_ranges(made)
    if not ranges:
        return ()
    plan, header = run.announcement.sweeps, run.start
    angles = image_angles(
        np.array(ranges, np.int64).ravel(),
        plan.sweeps if plan and _by_count(images) else (),
        axis=images.axis,
        header=header.goniometer if header else (),
        file=header.angles if header else None,
        triggers=header.triggers if header else None,
        images_per_trigger=header.images_per_trigger if header else None,
    )
    starts, ends = angles.start[::2], angles.end[1::2]
    return tuple(
        LostAngles(
            first=first,
            last=last,
            start=_number(start) if np.isfinite(start) else None,
            end=_number(end) if np.isfinite(end) else None,
        )
        for (first, last), start, end in zip(ranges, starts, ends, strict=True)
    )
