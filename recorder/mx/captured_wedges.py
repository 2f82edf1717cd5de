"""The wedges that captured angles lie in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recorder.mx.wedges import UNKNOWN

Int64Array = NDArray[np.int64]
FloatArray = NDArray[np.float64]

_SLACK = 0.1
"""Degrees by which a captured angle may lie before its wedge: axes are read as they
start. Chosen, not tuned."""


def wedge_at(
    angle: FloatArray, starts: Sequence[float], ends: Sequence[float]
) -> Int64Array:
    """The wedge in which captured angles lie.

    Args:
        angle: (n,) degrees, NaN where none was captured.
        starts: Degrees where each wedge begins.
        ends: Where it ends, in its direction.

    Returns:
        (n,), -1 where it is in none, or in several.
    """
    begin, end = np.asarray(starts, np.float64), np.asarray(ends, np.float64)
    half = np.maximum(np.abs(end - begin) / 2, _SLACK) + _SLACK
    around = half >= 180.0
    place = np.arange(begin.size)
    turns = np.array([[-360.0], [0.0], [360.0]])
    middle = ((begin + end) / 2 % 360.0)[~around] + turns
    at = angle % 360.0
    begun, of_begun = _before(middle - half[~around], place[~around], at, "right")
    over, of_over = _before(middle + half[~around], place[~around], at, "left")
    hits = begun - over + int(around.sum())
    # the sum of all places that an angle is in is the place, where there is one
    found = of_begun - of_over + int(place[around].sum())
    return np.where((hits == 1) & np.isfinite(angle), found, UNKNOWN)


def _before(
    bounds: FloatArray,
    place: Int64Array,
    at: FloatArray,
    side: Literal["left", "right"],
) -> tuple[Int64Array, Int64Array]:
    """How many bounds lie before some angles, and the sum of their places, both (n,).

    Args:
        bounds: (turns, wedges) degrees.
        place: (wedges,)
        at: (n,) degrees.
        side: Whether a bound at the angle itself lies before it: ``right``.
    """
    every, places = bounds.ravel(), np.tile(place, bounds.shape[0])
    order = np.argsort(every)
    count = np.searchsorted(every[order], at, side)
    sums = np.concatenate((np.zeros(1, np.int64), np.cumsum(places[order])))
    return count.astype(np.int64), sums[count]
