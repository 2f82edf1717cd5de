"""Images between two triggers: found by their count or by pauses between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Int64Array = NDArray[np.int64]
FloatArray = NDArray[np.float64]

PAUSE = 1.5
"""Periods from one image to the next from which on a trigger was waited for between
them: detectors that go on by themselves keep time to a thousandth. Chosen, not
tuned."""
_INTEGER = 0.2
"""How far an interval may be from a whole number of intervals: wedges are not equally
far in time where a motor moves differently far. Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Images that one trigger made, as far as they came."""

    first: int
    """First ``image_id`` that is surely its own."""
    last: int
    rows: slice
    """Its images among those given."""
    start_s: float
    """When its first image that came began; NaN unknown."""


def segments_of(
    ids: Int64Array,
    start_s: FloatArray | None,
    period_s: float | None,
    images_per_trigger: int | None,
    count: int,
) -> tuple[Segment, ...]:
    """Split images at their triggers.

    Args:
        ids: (n,) ascending.
        start_s: (n,) s, NaN unknown; None: no times.
        period_s: From image to image; None: the shortest of the times.
        images_per_trigger: Then the ids alone tell it.
        count: Images that the detector made as far as known.

    Returns:
        Those of which images came. Without times and count all is one.
    """
    if not ids.size:
        return ()
    times = np.full(ids.size, np.nan) if start_s is None else start_s
    if images_per_trigger is not None:
        trigger = ids // images_per_trigger
        cuts = np.flatnonzero(np.diff(trigger)) + 1
    else:
        cuts = _pauses(ids, times, period_s)
    found = []
    for begin, end in zip((0, *cuts.tolist()), (*cuts.tolist(), ids.size), strict=True):
        first, last = int(ids[begin]), int(ids[end - 1])
        if images_per_trigger is not None:
            n = first // images_per_trigger
            first = n * images_per_trigger
            last = min(first + images_per_trigger, count) - 1
        found.append(Segment(first, last, slice(begin, end), float(times[begin])))
    return tuple(found)


def _pauses(ids: Int64Array, times: FloatArray, period_s: float | None) -> Int64Array:
    """Places in ``ids`` before which the detector waited."""
    timed = np.flatnonzero(np.isfinite(times))
    steps, lapse = np.diff(ids[timed]), np.diff(times[timed])
    if not steps.size:
        return np.empty(0, np.int64)
    period = float((lapse / steps).min()) if period_s is None else period_s
    if period <= 0:
        return np.empty(0, np.int64)
    waited = lapse > (steps - 1 + PAUSE) * period
    return timed[1:][waited].astype(np.int64)


def intervals(parts: Sequence[Segment], size: int) -> list[int] | None:
    """How many triggers after the first segment each one came, by its start time.

    Args:
        parts: Segments of wedges of one size, three at least for an answer.
        size: Images of each.

    Returns:
        None if the times are not those of equally distant triggers.
    """
    times = np.array([one.start_s for one in parts])
    if len(parts) < 3 or not np.isfinite(times).all():
        return None
    counted = np.array([one.first // size for one in parts])
    steps, lapse = np.diff(counted), np.diff(times)
    base = float((lapse / steps).min())
    if base <= 0:
        return None
    ratio = lapse / base
    whole = np.rint(ratio).astype(np.int64)
    if (np.abs(ratio - whole) > _INTEGER).any() or (whole < steps).any():
        return None
    return [int(counted[0]), *(int(counted[0]) + np.cumsum(whole)).tolist()]


def trigger_ordinals(
    parts: Sequence[Segment], captured_s: FloatArray
) -> list[int] | None:
    """Captured trigger of each segment, by the pattern of the times.

    Args:
        parts: Segments.
        captured_s: (t,) ascending times of triggers on another clock, s.

    Returns:
        None if no shift of the clocks explains all segments, or several do.
    """
    times = np.array([one.start_s for one in parts])
    if not np.isfinite(times).all() or captured_s.size < times.size:
        return None
    since = times - times[0]
    closest = np.diff(captured_s).min() if captured_s.size > 1 else np.inf
    found = []
    for origin in captured_s.tolist():
        due = origin + since
        at = np.clip(np.searchsorted(captured_s, due), 1, max(captured_s.size - 1, 1))
        at = np.minimum(at, captured_s.size - 1)
        below = np.maximum(at - 1, 0)
        near = np.where(
            np.abs(captured_s[below] - due) < np.abs(captured_s[at] - due), below, at
        )
        if (np.abs(captured_s[near] - due) < closest / 4).all():
            found.append(near.tolist())
    return found[0] if len(found) == 1 else None
