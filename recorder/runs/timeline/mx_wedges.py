"""Which sweep of its plan each image of a run is of, where triggers may be missed.

A wedge is what one trigger makes: a sweep, or a stretch of it where each image, or each
few, have a trigger of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from recorder.mx.segments import PAUSE
from recorder.mx.sweeps import first_images
from recorder.mx.wedges import UNKNOWN, Wedges, wedge_at, wedges_of
from recorder.records.mx_plan import Sweep
from recorder.runs.run import Run
from recorder.runs.timeline.mx_times import captured_once, ended_well, start_s

_TELLING = 2
"""Times from image to image that tell the usual one, where no header does."""
Int64Array = NDArray[np.int64]
FloatArray = NDArray[np.float64]


def wedges_of_run(
    run: Run, sweeps: Sequence[Sweep], captured: FloatArray | None
) -> Wedges | None:
    """The sweeps of the received images; None if their ids alone tell them.

    They do if one trigger makes all of them, or if the plan leaves images out between.

    Args:
        run: The run.
        sweeps: Those of its plan.
        captured: Angle at each image's trigger, (n,); None: not captured.
    """
    pieces = _pieces(run, sweeps, alone=_triggers_alone(run, sweeps))
    if len(pieces) < 2 or not _in_a_row(sweeps):
        return None
    sizes = [sweep.images for _, _, sweep in pieces]
    rows = captured_once(run, len(sizes))
    sent = len(sizes) if ended_well(run) else None
    at = None
    if captured is not None:
        wedges = [sweep for _, _, sweep in pieces]
        ends = [s.start + (s.images - 1) * s.step + s.range for s in wedges]
        at = wedge_at(captured, [sweep.start for sweep in wedges], ends)
    found = wedges_of(
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
    return _of_sweeps(found, pieces)


def _in_a_row(sweeps: Sequence[Sweep]) -> bool:
    """Whether each sweep begins with the image after the one before."""
    sizes = [sweep.images for sweep in sweeps]
    return first_images(sweeps) == (0, *accumulate(sizes[:-1]))


Piece = tuple[int, int, Sweep]
"""Place of a sweep in the plan, its first image of this piece, and the piece."""


def _triggers_alone(run: Run, sweeps: Sequence[Sweep]) -> bool:
    """Whether the images of one sweep seem to have triggers of their own.

    Nobody says it (stream v2 does not), but one trigger makes images without a pause.
    """
    start, since = run.start, start_s(run)
    if len(sweeps) != 1 or since is None or (start and start.triggers is not None):
        return False
    known = np.isfinite(since)
    apart = np.diff(since[known]) / np.diff(run.images.ids[known])
    if apart.size < _TELLING:
        return False
    period = start.info.frame_time_s if start else None
    usual = float(np.median(apart))
    return bool((apart > PAUSE * (period or usual)).any() and usual > 0)


def _pieces(run: Run, sweeps: Sequence[Sweep], *, alone: bool) -> list[Piece]:
    """What each trigger makes.

    Args:
        run: The run.
        sweeps: Those of its plan.
        alone: Each image has a trigger of its own.
    """
    found: list[Piece] = []
    for n, sweep in enumerate(sweeps):
        size = 1 if alone else _per_trigger(run, sweep) or sweep.images
        found += [
            (n, first, Sweep(sweep.start + first * sweep.step, sweep.range, size))
            for first in range(0, sweep.images, size)
        ]
    return found


def _per_trigger(run: Run, sweep: Sweep) -> int | None:
    """Images of a sweep that a trigger makes; None: all, or nobody says it.

    Images that are apart from each other each have one: the axis moves between them.
    """
    start = run.start
    each = start.images_per_trigger if start and start.triggers != 1 else None
    if each is not None and each < sweep.images and sweep.images % each == 0:
        return each
    return 1 if sweep.step != sweep.range else None


def _of_sweeps(found: Wedges, pieces: Sequence[Piece]) -> Wedges:
    """The same by the sweeps of the plan instead of the pieces."""
    sweep_of = np.array([n for n, _, _ in pieces], np.int64)
    first_of = np.array([first for _, first, _ in pieces], np.int64)
    known = found.index != UNKNOWN
    place = np.where(known, found.index, 0)
    sure = known & (found.within != UNKNOWN)
    missed = set(found.missed)
    whole = [
        n
        for n in range(int(sweep_of[-1]) + 1)
        if all(piece in missed for piece in np.flatnonzero(sweep_of == n).tolist())
    ]
    return Wedges(
        np.where(known, sweep_of[place], UNKNOWN),
        np.where(sure, first_of[place] + found.within, UNKNOWN),
        tuple(whole),
        found.notes,
    )
