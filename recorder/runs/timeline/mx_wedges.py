"""Which sweep of its plan each image of a run is of, where triggers may be missed.

A wedge is what one trigger makes: a sweep, or a stretch of it where each image, or each
few, have a trigger of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from recorder.mx.captured_wedges import wedge_at
from recorder.mx.segments import PAUSE
from recorder.mx.sweeps import SAME, first_images
from recorder.mx.wedges import UNKNOWN, Wedges, wedges_of
from recorder.records.mx_plan import Sweep
from recorder.runs.run import Run
from recorder.runs.timeline.mx_times import captured_once, ended_well, start_s

_TELLING = 2
"""Times from image to image that tell the usual one, where no header does."""
_BEYOND = 10_000
"""Triggers that may have been missed, which are more than came by so many: what is
planned after them is not gone through. A pause of 100 s at 100 Hz. Chosen, not
tuned."""
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
    if pieces.size.size < 2 or not _in_a_row(sweeps):
        return None
    sizes = pieces.size.tolist()
    rows = captured_once(run, len(sizes))
    sent = len(sizes) if ended_well(run) else None
    at = None if captured is None else pieces.at(captured)
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


@dataclass(frozen=True, slots=True, eq=False)
class _Pieces:
    """What each trigger makes; arrays (k,)."""

    sweep: Int64Array
    """Place of its sweep in the plan."""
    first: Int64Array
    """Its first image in the sweep."""
    size: Int64Array
    """Its images."""
    start: FloatArray
    end: FloatArray
    """Degrees."""
    left_out: tuple[tuple[float, float], ...]
    """Start and end (degrees) of what is planned after them, sweep by sweep."""

    def at(self, captured: FloatArray) -> Int64Array:
        """The piece in which captured angles lie; -1: none, several or a later one."""
        starts = [*self.start.tolist(), *(start for start, _ in self.left_out)]
        ends = [*self.end.tolist(), *(end for _, end in self.left_out)]
        found = wedge_at(captured, starts, ends)
        return np.where(found < self.size.size, found, UNKNOWN)


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


def _pieces(run: Run, sweeps: Sequence[Sweep], *, alone: bool) -> _Pieces:
    """What each trigger makes, of as many triggers as the images that came may be of.

    An announcement may speak of a billion.

    Args:
        run: The run.
        sweeps: Those of its plan.
        alone: Each image has a trigger of its own.
    """
    came = int(run.images.ids[-1]) + 1 if run.images.ids.size else 0
    made = run.end.images if run.end else None
    room = max(came, made or 0, run.events.rows().xray.size) + _BEYOND
    firsts: list[Int64Array] = []
    starts: list[FloatArray] = []
    ends: list[FloatArray] = []
    sizes, left_out = [], []
    for sweep in sweeps:
        size = 1 if alone else _per_trigger(run, sweep) or sweep.images
        kept = min(sweep.images // size, room)
        room -= kept
        firsts.append(np.arange(kept, dtype=np.int64) * size)
        starts.append(_start(sweep, firsts[-1]))
        ends.append(_start(sweep, firsts[-1] + size - 1) + sweep.range)
        sizes.append(size)
        if (then := kept * size) < sweep.images:
            last = float(_start(sweep, sweep.images - 1)) + sweep.range
            left_out.append((float(_start(sweep, then)), last))
    counts = [first.size for first in firsts]
    return _Pieces(
        np.repeat(np.arange(len(sweeps)), counts),
        np.concatenate([np.empty(0, np.int64), *firsts]),
        np.repeat(np.array(sizes, np.int64), counts),
        np.concatenate([np.empty(0), *starts]),
        np.concatenate([np.empty(0), *ends]),
        tuple(left_out),
    )


def _per_trigger(run: Run, sweep: Sweep) -> int | None:
    """Images of a sweep that a trigger makes; None: all, or nobody says it.

    Images that are apart from each other each have one: the axis moves between them.
    """
    start = run.start
    each = start.images_per_trigger if start and start.triggers != 1 else None
    if each is not None and each < sweep.images and sweep.images % each == 0:
        return each
    return 1 if abs(sweep.step - sweep.range) > SAME else None


def _start(sweep: Sweep, image: Int64Array | int) -> FloatArray:
    """Degrees where images of a sweep begin."""
    return np.asarray(sweep.start + image * sweep.step, np.float64)


def _of_sweeps(found: Wedges, pieces: _Pieces) -> Wedges:
    """The same by the sweeps of the plan instead of the pieces."""
    sweep_of, first_of = pieces.sweep, pieces.first
    known = found.index != UNKNOWN
    place = np.where(known, found.index, 0)
    sure = known & (found.within != UNKNOWN)
    missed = np.zeros(sweep_of.size, np.bool_)
    missed[list(found.missed)] = True
    whole = np.setdiff1d(sweep_of[missed], sweep_of[~missed]).tolist()
    return Wedges(
        np.where(known, sweep_of[place], UNKNOWN),
        np.where(sure, first_of[place] + found.within, UNKNOWN),
        tuple(whole),
        found.notes,
    )
