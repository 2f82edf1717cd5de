"""When triggers came: as their rows say, and worked out where rows are missing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import Int64Array
from recorder.ssx.clocks.unknown import NO_TIME
from recorder.ssx.triggers.captured import CapturedTriggers, in_order

_REGULAR = 1e-3
"""Triggers are as evenly spaced as declared if their distances agree so well."""
_JITTER = 1e-2
"""Of their spacing: even triggers scatter less; the matcher allows it (tolerances)."""
LOOKED_AT = 1024
"""First rows that are held against the chains, half as many for each slot. Chosen, not
tuned."""
AS_DECLARED, _MOST = 0.1, 0.9
"""A step is as declared within this share of it; rows are if so many of their steps
are. Also: how much better another slot must fit. Chosen, not tuned."""


def row_times(
    rows: CapturedTriggers, first: int, count: int, declared: Int64Array
) -> tuple[Int64Array, NDArray[np.bool_]]:
    """Times of all triggers: those of rows, and what is worked out where rows miss.

    Args:
        rows: The rows.
        first: The hardware's number of the first trigger.
        count: Triggers up to the last row.
        declared: Times as declared (ns), ascending, shape (m,).

    Returns:
        Times (ns), shape (n,), n at least ``count`` where the rows have times, else the
        declared ones; and where images may be matched to them, shape (n,).
    """
    if not rows.timed:
        return declared, np.ones(declared.size, np.bool_)
    times = np.full(count, NO_TIME, np.int64)
    good = in_order(rows.xray_ns)
    times[(rows.xray - first)[good]] = rows.xray_ns[good]
    known = np.flatnonzero(times != NO_TIME)
    if known.size < min(2, count):
        return declared, np.ones(declared.size, np.bool_)
    usable = np.ones(count, np.bool_)
    if known.size < count:
        _fill(times, usable, known, declared)
    lead = int(known[0])
    spaced = count <= declared.size and spaced_as_declared(
        times[lead:], declared[lead:count]
    )
    usable[:lead] = spaced
    if spaced:
        # Before the first row and after the last one the chains tell the times.
        scale = _scale(times[lead:], declared[lead:count])
        before = np.rint((declared[lead] - declared[:lead]) * scale).astype(np.int64)
        more = declared[count:]
        after = np.rint((more - declared[count - 1]) * scale).astype(np.int64)
        times[:lead] = times[lead] - before
        times = np.concatenate((times, times[-1] + after))
        usable = np.concatenate((usable, np.ones(more.size, np.bool_)))
    return times, usable


def _scale(times: Int64Array, declared: Int64Array) -> float:
    span = float(declared[-1] - declared[0])
    return float(times[-1] - times[0]) / span if span > 0 else 1.0


def spaced_as_declared(times: Int64Array, declared_ns: Int64Array) -> bool:
    """Whether rows are spaced as the chains declare; by the first ones of them.

    Args:
        times: Times of triggers (ns), shape (n,).
        declared_ns: As declared, shape (m,).
    """
    n = min(times.size, declared_ns.size, LOOKED_AT)
    if n < 2:
        return n == 1
    steps, declared = np.diff(times[:n]), np.diff(declared_ns[:n])
    off = np.abs(steps - declared) <= AS_DECLARED * np.maximum(declared, 1)
    return float(np.mean(off)) > _MOST


def _fill(
    times: Int64Array,
    usable: NDArray[np.bool_],
    known: Int64Array,
    declared: Int64Array,
) -> None:
    """Put in the times of missing rows where the triggers are regular."""
    missing = np.flatnonzero(times == NO_TIME)
    after = np.searchsorted(known, missing)
    after = np.clip(after, 1, max(1, known.size - 1))
    left, right = known[after - 1], known[after]
    span = times[right] - times[left]
    one = np.diff(times[known])[np.diff(known) == 1]
    step = float(np.median(one)) if one.size else 0.0
    if one.size and float(np.median(np.abs(one - step))) > _JITTER * step:
        step = 0.0  # uneven triggers: what was between two rows is not known
    even = (right - left) * step
    part = (missing - left) / (right - left)
    limit = np.maximum(_REGULAR * span, _JITTER * span / (right - left))
    regular = np.abs(span - even) <= limit
    if declared.size >= times.size:
        wide = (declared[right] - declared[left]).astype(np.float64)
        part = np.where(wide > 0, (declared[missing] - declared[left]) / wide, part)
        regular |= np.abs(span - wide) <= limit
    usable[missing[~regular]] = False
    times[missing] = times[left] + np.rint(part * span).astype(np.int64)
