"""Which cell of a grid each image is from though triggers may have been missed.

Where each cell, or each line, has a trigger of its own, a missed one moves all cells
after it: a crystal is then found beside where it is, and nobody sees it on the map. The
captured positions or the gaps between start times show it; where they cannot, the cells
are unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recorder.mx.cells import ordinals_of
from recorder.mx.grid_walk import NEAR, explained, gaps_of
from recorder.mx.wedges import Wedges, wedges_of
from recorder.records.mx_plan import Plane

Int64Array = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shift:
    """Images that are further on than their count says."""

    image_id: int
    """First of them."""
    cells: int
    """So many cells in all, from there to the next shift."""


@dataclass(frozen=True, slots=True, eq=False)
class GridOrder:
    """Where on the grid images are."""

    ordinal: Int64Array
    """(n,) cell of each image in the order of the scan; -1 unknown or off the grid."""
    by: Literal["captured", "times", "count", "nothing"]
    shifts: tuple[Shift, ...] = ()
    notes: tuple[str, ...] = ()


def grid_order(
    ids: Int64Array,
    plane: Plane,
    *,
    start_s: FloatArray | None = None,
    period_s: float | None = None,
    triggers: int | None = None,
    images_per_trigger: int | None = None,
    made: int | None = None,
    sent: int | None = None,
    captured: FloatArray | None = None,
) -> GridOrder:
    """Give images their cells.

    Args:
        ids: (n,) ``image_id`` within the plane, ascending.
        plane: The grid.
        start_s: (n,) start of each image on the detector's clock, s; NaN unknown.
        period_s: From cell to cell of a line; None: the median of the times.
        triggers: Triggers of the plane; 1: the detector goes on by itself.
        images_per_trigger: Images of each.
        made: Images that the detector made, if somebody said so.
        sent: Cells for which there was a trigger: all of a plane that ended well; None
            if nobody knows.
        captured: (n, 2) x and y in cells, 0 in the middle of the first one, as captured
            at each image; NaN where nothing was.
    """
    if captured is not None and np.isfinite(captured).all(axis=1).any():
        return _by_position(ids, plane, captured)
    count = max(made or 0, int(ids[-1]) + 1 if ids.size else 0)
    if count >= plane.images or triggers == 1:
        notes = _beyond(count, plane)
        return GridOrder(_on(ids, plane), "count", (), notes)
    fast = plane.steps[0] if plane.fast == "x" else plane.steps[1]
    if images_per_trigger == fast and fast > 1:
        lines = wedges_of(
            ids,
            [fast] * (plane.images // fast),
            start_s=start_s,
            period_s=period_s,
            images_per_trigger=fast,
            made=made,
            sent=None if sent is None else -(-sent // fast),
        )
        return _by_lines(ids, fast, lines)
    missing = 0 if sent is None else max(0, min(sent, plane.images) - count)
    return _by_times(ids, plane, fast, start_s, period_s, missing, sent is None)


def _on(ordinal: Int64Array, plane: Plane) -> Int64Array:
    return np.where((ordinal < 0) | (ordinal >= plane.images), -1, ordinal)


def _beyond(count: int, plane: Plane) -> tuple[str, ...]:
    more = count - plane.images
    if more <= 0:
        return ()
    return (
        f"{more} images more than the {plane.images} cells of the grid: they are of no "
        "cell",
    )


def _shifts(ids: Int64Array, ordinal: Int64Array) -> tuple[Shift, ...]:
    known = np.flatnonzero(ordinal >= 0)
    by = (ordinal - ids)[known]
    before = np.concatenate((np.zeros(1, np.int64), by[:-1])) if by.size else by
    changes = np.flatnonzero(by != before)
    return tuple(Shift(int(ids[known[n]]), int(by[n])) for n in changes)


def _said(shifts: tuple[Shift, ...], why: str) -> tuple[str, ...]:
    """Each shift in words, the first ones by name."""
    if not shifts:
        return ()
    first = shifts[0]
    more = f", and again {len(shifts) - 1} times" if len(shifts) > 1 else ""
    return (
        f"triggers made no image: from image {first.image_id} on the map is moved by "
        f"{first.cells} cells{more}, as {why} show",
    )


def _by_position(ids: Int64Array, plane: Plane, captured: FloatArray) -> GridOrder:
    given = np.nan_to_num(captured, nan=-1.0)
    at = np.rint(given)
    clear = (np.abs(given - at) <= NEAR).all(axis=1)
    x, y = at[:, 0].astype(np.int64), at[:, 1].astype(np.int64)
    ordinal = np.where(clear, ordinals_of(plane, x, y), -1)
    shifts = _shifts(ids, ordinal)
    notes = list(_said(shifts, "captured positions"))
    if unknown := int((ordinal < 0).sum()):
        notes.append(f"{unknown} images have no captured position on a cell")
    return GridOrder(ordinal, "captured", shifts, tuple(notes))


def _by_lines(ids: Int64Array, fast: int, lines: Wedges) -> GridOrder:
    known = (lines.index >= 0) & (lines.within >= 0)
    ordinal = np.where(known, lines.index * fast + lines.within, -1)
    shifts = _shifts(ids, ordinal)
    notes = _said(shifts, "start times")
    if not known.all():
        notes = (*notes, _unknown(int((~known).sum())))
    if not known.any():
        return GridOrder(ordinal, "nothing", (), notes)
    return GridOrder(ordinal, "times" if shifts else "count", shifts, notes)


def _unknown(count: int) -> str:
    return (
        "fewer images than cells, and nothing tells which triggers made none: the "
        f"cells of {count} images are unknown; let timing hardware capture the "
        "position at each trigger"
    )


def _by_times(
    ids: Int64Array,
    plane: Plane,
    fast: int,
    start_s: FloatArray | None,
    period_s: float | None,
    missing: int,
    open_end: bool,
) -> GridOrder:
    """A trigger a cell: one that was missed leaves a gap of twice the period."""
    gaps = None if start_s is None else gaps_of(ids, start_s, period_s)
    if gaps is None:
        if missing:
            nothing = np.full(ids.size, -1, np.int64)
            return GridOrder(nothing, "nothing", (), (_unknown(ids.size),))
        return GridOrder(_on(ids, plane), "count")
    ordinal = explained(ids, fast, gaps, None if open_end else missing)
    if ordinal is None:
        nothing = np.full(ids.size, -1, np.int64)
        return GridOrder(nothing, "nothing", (), (_unknown(ids.size),))
    ordinal = _on(ordinal, plane)
    shifts = _shifts(ids, ordinal)
    return GridOrder(
        ordinal, "times" if shifts else "count", shifts, _said(shifts, "start times")
    )
