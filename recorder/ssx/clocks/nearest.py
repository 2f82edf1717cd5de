"""Nearest times and spacings of ascending times."""

from __future__ import annotations

import numpy as np

from recorder.ssx.arrays import Int64Array


def nearest(times: Int64Array, wanted: Int64Array) -> Int64Array:
    """Index of the nearest of ascending times for each wanted one, any shape."""
    after = np.searchsorted(times, wanted)
    after = np.clip(after, 1, max(1, times.size - 1))
    before = after - 1
    if times.size == 1:
        return np.zeros_like(after)
    nearer = wanted - times[before] <= times[after] - wanted
    chosen: Int64Array = np.where(nearer, before, after)
    return chosen


def spacings(times: Int64Array) -> Int64Array:
    """Distance (ns) of each of ascending times to its nearer neighbour, shape (n,)."""
    if times.size < 2:
        return np.full(times.size, np.iinfo(np.int64).max // 4, np.int64)
    steps = np.diff(times)
    edge = np.concatenate((steps[:1], steps, steps[-1:]))
    nearer: Int64Array = np.minimum(edge[:-1], edge[1:])
    return nearer
