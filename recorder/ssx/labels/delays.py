"""Delays besides the one from pump start to X-ray start."""

from __future__ import annotations

import numpy as np

from recorder.ssx.arrays import FloatArray, Int64Array
from recorder.ssx.clocks.unknown import NO_DELAY, NO_ORDINAL
from recorder.ssx.triggers.trigger_table import TriggerTable


def mid_exposure(delay_ns: Int64Array, exposure_ns: Int64Array) -> Int64Array:
    """Delay (ns) of the middle of the exposure; NO_DELAY stays, shape (n,)."""
    known = delay_ns != NO_DELAY
    middle: Int64Array = np.where(known, delay_ns + exposure_ns // 2, NO_DELAY)
    return middle


def overlap(
    delay_ns: Int64Array, exposure_ns: Int64Array, pump_s: float | None
) -> FloatArray:
    """Share of the exposure during which the pump was on, 0 to 1, shape (n,).

    NaN where delay, exposure or the pump's duration are not known.

    Args:
        delay_ns: Exposure start minus pump start, NO_DELAY if unknown, shape (n,).
        exposure_ns: Length of the exposure, 0 if unknown, shape (n,).
        pump_s: Duration of the pump; None if unknown.
    """
    known = (delay_ns != NO_DELAY) & (exposure_ns > 0)
    share = np.full(delay_ns.size, np.nan)
    if pump_s is None:
        return share
    start = delay_ns[known].astype(np.float64)
    end = start + exposure_ns[known]
    both = np.minimum(end, pump_s * 1e9) - np.maximum(start, 0.0)
    share[known] = np.clip(both / exposure_ns[known], 0.0, 1.0)
    return share


def since_start(ordinal: Int64Array, table: TriggerTable, first_ns: int) -> Int64Array:
    """Time (ns) of each image's trigger from the run's start, shape (n,).

    Args:
        ordinal: Trigger of each image, NO_ORDINAL where unknown.
        table: The triggers.
        first_ns: Declared time of the first trigger from the run's start.

    Returns:
        NO_DELAY where trigger or time are not known.
    """
    times = table.time_ns
    known = (ordinal != NO_ORDINAL) & (ordinal < times.size)
    found = np.full(ordinal.size, NO_DELAY, np.int64)
    if times.size:
        found[known] = times[ordinal[known]] - times[0] + first_ns
    return found


def after_reaction(since_start_ns: Int64Array, offset_s: float) -> Int64Array:
    """Time (ns) of each image since a reaction trigger at ``offset_s``, shape (n,)."""
    known = since_start_ns != NO_DELAY
    after: Int64Array = np.where(
        known, since_start_ns - round(offset_s * 1e9), NO_DELAY
    )
    return after
