"""The way over a grid by the gaps between start times: turns, missed triggers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Int64Array = NDArray[np.int64]
FloatArray = NDArray[np.float64]

NEAR = 0.25
"""How far a gap may be from a whole number of periods, and a captured position from the
middle of a cell: half of what would be the next one. Chosen, not tuned."""
_LATE = 0.5
"""Periods by which an image has to come late for a turn or a missed trigger. Chosen,
not tuned."""
_TURNS = 100
"""Different lengths of a turn that are tried. Chosen, not tuned."""
_WORK = 500_000
"""Gaps that are looked at in all, about a second of CPU: what is not explained by then
is unknown. One way over 1000 x 1000 cells has 1000 turns. Chosen, not tuned."""
_IMAGES = 100
"""Images whose places are worked out in the time of one gap. Chosen, not tuned."""


def gaps_of(
    ids: Int64Array, start_s: FloatArray, period_s: float | None
) -> FloatArray | None:
    """(n - 1,) periods by which each image came later than its count says."""
    if ids.size < 2 or not np.isfinite(start_s).all():
        return None
    steps, lapse = np.diff(ids), np.diff(start_s)
    period = float(np.median(lapse / steps)) if period_s is None else period_s
    return lapse / period - steps if period > 0 else None


def explained(
    ids: Int64Array, fast: int, gaps: FloatArray, missing: int | None
) -> Int64Array | None:
    """Place of each image, if turns and missed triggers explain every gap in one way.

    Turns at the ends of lines all take the same time, of which nobody knows how long it
    is. The first triggers may have been missed too, and the last ones. There may be
    more ways than there is time to try: then nobody knows either.

    Args:
        ids: (n,) as counted.
        fast: Cells of a line.
        gaps: (n - 1,) see :func:`gaps_of`.
        missing: Cells without an image; None if nobody knows: then no more were missed
            than the gaps show.
    """
    late = gaps[gaps > _LATE]
    turns = _turn_lengths(late, missing)
    found: dict[bytes, Int64Array] = {}
    way, work = _Way(ids, fast, gaps, np.flatnonzero(gaps > _LATE)), 0
    for first in range(min(missing or 0, fast) + 1):
        for turn in turns:
            moved, done = _walked(way, turn, first, missing)
            if (work := work + done) > _WORK:
                return None
            if moved is None:
                continue
            if missing is None and moved[-1] == ids[-1]:
                return moved
            found[moved.tobytes()] = moved
            if len(found) > 1 and missing is not None:
                return None
    return next(iter(found.values())) if len(found) == 1 else None


def _turn_lengths(late: FloatArray, missing: int | None) -> set[float]:
    """Periods that a turn may take: of each gap what no missed trigger explains."""
    gaps = np.unique(np.round(late, 1))
    most = int(gaps.max()) if gaps.size else 0
    missed = np.arange(min(most, missing or 0) + 1)
    rest = np.unique(np.round(gaps[:, None] - missed, 1))
    return {0.0, *rest[rest > 0].tolist()[:_TURNS]}


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """What is to be explained."""

    ids: Int64Array
    """(n,) as counted."""
    fast: int
    """Cells of a line."""
    gaps: FloatArray
    """(n - 1,) see :func:`gaps_of`."""
    late: Int64Array
    """Those that need a turn or a missed trigger, ascending."""


def _walked(
    way: _Way, turn: float, moved: int, most: int | None
) -> tuple[Int64Array | None, int]:
    """Place of each image if a turn takes so many periods; None: it cannot.

    Args:
        way: What is to be explained.
        turn: Periods of a turn.
        moved: Triggers that were missed before the first image.
        most: In all at most; None: as many as one likes.

    Returns:
        The places, and how many gaps were looked at, or as much work as that.
    """
    ids, fast, shifts = way.ids, way.fast, [moved]
    for done, n in enumerate(way.late, 1):
        place = (int(ids[n]) + moved) % fast + int(ids[n + 1] - ids[n])
        ways = _ways(place, fast, float(way.gaps[n]), turn)
        if len(ways) != 1:
            return None, done
        moved += ways.pop()
        if most is not None and moved > most:
            return None, done
        shifts.append(moved)
        if done > _WORK:
            return None, done
    found = ids + np.repeat(shifts, np.diff(way.late + 1, prepend=0, append=ids.size))
    quick = np.diff(found // fast) * turn > way.gaps + NEAR
    work = 1 + way.late.size + ids.size // _IMAGES
    return None if turn > _LATE and quick.any() else found, work


def _ways(place: int, fast: int, gap: float, turn: float) -> set[int]:
    """Triggers that may have been missed in a gap.

    Args:
        place: Of the next image, were none missed; cells from the start of its line.
        fast: Cells of a line.
        gap: Periods that are to be explained.
        turn: Periods of each turn.
    """
    found = set()
    for turns in range(place // fast, place // fast + 3):
        rest = gap - turns * turn
        missed = round(rest)
        fits = (place + missed) // fast == turns
        if missed >= 0 and abs(rest - missed) <= NEAR and fits:
            found.add(missed)
    return found
