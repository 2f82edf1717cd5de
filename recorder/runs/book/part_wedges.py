"""Whether the images of a series are of the parts that their numbers say.

A detector counts the images that it made. If it missed the trigger of a wedge, or of a
line, the images after it have the numbers of others. Nothing is moved for it: pauses
between images, and captured triggers, tell that it was so, and the parts that have such
images say it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from recorder.mx.segments import segments_of
from recorder.mx.wedges import Wedges, wedges_of
from recorder.records import RunStatus
from recorder.runs.book.actions import Action, Changed, notice
from recorder.runs.book.parts import first_image
from recorder.runs.ledger import ELSEWHERE
from recorder.runs.run import Run
from recorder.ssx.clocks.unknown import NO_TIME

COUNTED = "images_of_unknown_wedge"
"""What a run's counts call images that are perhaps of another part."""


@dataclass(frozen=True, slots=True, eq=False)
class _Series:
    """All images of a series; arrays (n,), by ascending number."""

    ids: NDArray[np.int64]
    """From 0 for the first image of the first part."""
    place: NDArray[np.int64]
    """Place of the part that has it; -1 where it is after all of the plan."""
    start_s: NDArray[np.float64]
    """Seconds since the first one that has a time; NaN unknown."""
    period_s: float | None
    per_trigger: int | None


def check_wedges(parts: Sequence[Run]) -> list[Action]:
    """Say which parts have images that may be of another one, once a series is over.

    Args:
        parts: All of one announcement.
    """
    ordered = sorted(parts, key=first_image)
    if all(run.wedges_checked for run in parts) or not _side_by_side(ordered):
        return []
    for run in parts:
        run.wedges_checked = True
    series = _series_of(ordered)
    if not series.ids.size:
        return []
    sizes, owner = _triggered(ordered, series)
    found = _found(ordered, series, sizes)
    known = found.index >= 0
    of_part = np.full(series.ids.size, -1)
    of_part[known] = owner[found.index[known]]
    actions: list[Action] = []
    why = "; ".join(note.partition("; ")[0] for note in found.notes)
    moved = False
    for n, run in enumerate(ordered):
        wrong = series.ids[(series.place == n) & (of_part != n)]
        ids = wrong + first_image(ordered[0]) - first_image(run)
        other = (series.place >= 0) & (series.place != n) & (of_part == n)
        if other.any() or run.counts[ELSEWHERE]:
            run.counts[ELSEWHERE] = int(other.sum())
        if ids.size or run.in_doubt:
            actions += _told(run, ids, why)
        if moved != run.moved:
            run.moved = moved
            actions.append(Changed(run, "wedge_moved" if moved else "wedge_known"))
        moved = moved or bool(ids.size)
    return actions


def _side_by_side(ordered: Sequence[Run]) -> bool:
    """Whether all parts are there, and each begins where the one before it ends."""
    if any(run.part is None or run.part.count != len(ordered) for run in ordered):
        return False
    return all(
        a.part is not None and first_image(b) == first_image(a) + a.part.images
        for a, b in pairwise(ordered)
    )


def _series_of(ordered: Sequence[Run]) -> _Series:
    base = first_image(ordered[0])
    ids, times, places = [], [], []
    for n, run in enumerate(ordered):
        mine = run.images.ids
        planned = run.part is not None and mine < run.part.images
        places.append(np.where(planned, n, -1))
        ids.append(mine + first_image(run) - base)
        times.append(run.images.column("start_time_ns")[mine])
    ns = np.concatenate(times)
    timed = ns != NO_TIME
    seconds = np.full(ns.size, np.nan)
    if timed.any():
        seconds[timed] = (ns[timed] - ns[timed].min()) / 1e9
    start = next((run.start for run in ordered if run.start), None)
    numbers = np.concatenate(ids)
    period = start.info.frame_time_s if start else None
    if period is None or not 0 < period < np.inf:
        period = _shortest(numbers, seconds)
    return _Series(
        numbers,
        np.concatenate(places),
        seconds if period is not None else np.full(ns.size, np.nan),
        period,
        start.images_per_trigger if start else None,
    )


def _shortest(ids: NDArray[np.int64], seconds: NDArray[np.float64]) -> float | None:
    """Shortest time from an image to the next; None if no two came that are.

    Too long where few images came: then fewer pauses are seen than there were.
    """
    lapse = np.diff(seconds)[np.diff(ids) == 1]
    lapse = lapse[lapse > 0]
    return float(lapse.min()) if lapse.size else None


def _triggered(
    ordered: Sequence[Run], series: _Series
) -> tuple[list[int], NDArray[np.int64]]:
    """Images between two triggers, and the part of each such stretch.

    The planes of a grid have a trigger for each of their lines, or one.
    """
    whole = [run.part.images if run.part else 0 for run in ordered]
    lines = [_line(run) for run in ordered]
    pauses = len(segments_of(series.ids, series.start_s, series.period_s, None, 0))
    by_line = all(line == series.per_trigger for line in lines) or (
        series.per_trigger is None and pauses > len(ordered)
    )
    if not by_line or not all(lines):
        return whole, np.arange(len(whole))
    counts = [images // (line or 1) for images, line in zip(whole, lines, strict=True)]
    sizes = [line or 1 for line, n in zip(lines, counts, strict=True) for _ in range(n)]
    return sizes, np.repeat(np.arange(len(whole)), counts)


def _line(run: Run) -> int | None:
    """Cells of one line of a grid; None without one."""
    grid = run.announcement.grid
    if grid is None:
        return None
    plane = grid.planes[0]
    return plane.steps[0] if plane.fast == "x" else plane.steps[1]


def _found(ordered: Sequence[Run], series: _Series, sizes: Sequence[int]) -> Wedges:
    ends = [run.end for run in ordered]
    said = [end.images for end in ends if end is not None and end.images is not None]
    well = all(end is not None and end.status is RunStatus.SUCCESS for end in ends)
    rows = np.concatenate([run.events.rows().xray_ns for run in ordered])
    # more rows than triggers are of images
    each = {series.per_trigger} == set(sizes) and 0 < rows.size <= len(sizes)
    return wedges_of(
        series.ids,
        sizes,
        start_s=series.start_s,
        period_s=series.period_s,
        images_per_trigger=series.per_trigger,
        made=sum(said) if len(said) == len(ends) else None,
        sent=rows.size if each else (len(sizes) if well else None),
        captured_s=np.sort(rows - rows.min()) / 1e9 if each else None,
    )


def _told(run: Run, ids: NDArray[np.int64], why: str) -> list[Action]:
    """Note which images are in doubt, anew after late ones came.

    Args:
        run: The part.
        ids: (n,) its images that may be of another one, ascending.
        why: What shows it, for people.
    """
    of = run.part.of if run.part else run.uid
    cuts = np.flatnonzero(np.diff(ids) > 1) + 1
    pieces = np.split(ids, cuts) if ids.size else []
    run.in_doubt = [(int(piece[0]), int(piece[-1])) for piece in pieces]
    run.notes = [note for note in run.notes if COUNTED not in note]
    run.counts[COUNTED] = int(ids.size)
    if not ids.size:
        return [Changed(run, "wedge_known")]
    run.note(
        f"{ids.size} of its images may be of another part of {of}: {why}. They are "
        f"where their numbers say, without an angle and a cell of the plan, and are "
        f"counted as {COUNTED}"
    )
    fields = {"images": int(ids.size), "why": why}
    return [
        notice("wedge_unknown", "warning", run.key, run, **fields),
        Changed(run, "wedge_unknown"),
    ]
