"""Where a segment ends: long gaps, jumps of the clock, windows that do not match."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import FloatArray, Int64Array
from recorder.ssx.clocks.clock import QUANTUM_NS, Clock
from recorder.ssx.matching.start_candidates import SEPARATION

TELLING = 64
"""Images whose scatter tells something."""
BREAK = 8
"""So many images in a row that match no trigger are a broken clock, not outliers."""
_MEDIAN_OF_NORMAL = 0.3937
"""-ln of the median of the absolute value of a standard normal variable."""
BLUR = 6
"""Images by which the place of a jump of whole periods may be off."""
_SHARE = 0.9
"""Of the images of a window that must match."""
_FORGIVEN = 0.3
"""Misses that each match makes good when the place is looked for from which on they
prevail. Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class Break:
    """Where the thread between images and triggers broke."""

    image_id: int
    """The first image after it."""
    kind: str
    """``gap``: too long without images for the clock's uncertainty; ``step``: the clock
    jumped."""
    resolved: bool
    """The triggers themselves told how to go on."""
    step_ns: int = 0


def broken(
    kind: str,
    image_id: int,
    resolved: bool,
    start_ns: int,
    clocks: tuple[Clock | None, Clock],
) -> Break:
    """A break before an image, and by how much the clock jumped there.

    Args:
        kind: ``gap`` or ``step``.
        image_id: The first image after it.
        resolved: The triggers themselves told how to go on.
        start_ns: Start time of that image.
        clocks: The clock before the break, None without any, and the one after it.
    """
    old, new = clocks
    step_ns = 0
    if kind == "step" and old is not None:
        at = np.array([start_ns], np.int64)
        step_ns = int(old.predict(at)[0] - new.predict(at)[0])
    return Break(image_id, kind, resolved, step_ns)


def strange(
    good: NDArray[np.bool_],
    outside: NDArray[np.bool_],
    off: Int64Array,
    shared: float | None,
    real: NDArray[np.bool_] | None = None,
) -> tuple[int, int]:
    """From which image on a window does not look like what came before.

    Too many images without a trigger; or the jitter that images and triggers shared is
    no longer shared: then the clock jumped by whole periods.

    Args:
        good: Images that matched, shape (n,).
        outside: Images before or after all triggers, or at one that none can match,
            shape (n,).
        off: Distance of each from its nearest trigger (ns), shape (n,).
        shared: Scatter (ns) of jitter that is shared, None if none is.
        real: Where the nearest trigger's time was logged, not worked out, shape (n,);
            None for all. Only those have jitter that can be shared.

    Returns:
        The first strange image, n for none; and how many from there on may lie on
        either side of the jump.
    """
    inside = np.flatnonzero(~outside)
    logged = inside if real is None else inside[real[inside]]
    if shared is not None and logged.size >= TELLING:
        # Of neighbours: a drift of the clock is smooth, jitter is not.
        size = np.abs(np.diff(off[logged], prepend=off[logged[0]])) / math.sqrt(2)
        size = np.maximum(size, QUANTUM_NS) / shared
        change = _change(np.log(size) + _MEDIAN_OF_NORMAL)
        if change is not None:
            return int(logged[max(0, change - BLUR)]), 2 * BLUR
    bad = ~good[inside]
    if inside.size >= BREAK and bad.mean() > 1 - _SHARE:
        first = int(np.argmin(np.cumsum(np.where(bad, 1.0, -_FORGIVEN))))
        return int(inside[first]), 0
    return int(good.size), 0


def _change(growth: FloatArray) -> int | None:
    """Where values that scatter about 0 begin to lie higher, None if they do not.

    Looked for in all of them and in the last ones, which a change may have just
    reached; it is where they cross half of the higher level.
    """
    for part in (growth, growth[-TELLING:]):
        level = float(np.median(part))
        if level * math.sqrt(part.size) > 2 * SEPARATION:
            half = level / 2 - _MEDIAN_OF_NORMAL / 2
            return int(np.argmin(np.cumsum(growth - half)))
    return None


def until_break(good: NDArray[np.bool_]) -> int:
    """Number of images before the first series of misses that is too long for chance.

    A series of misses at the end is left for the next window, which shows its length; a
    short one at the beginning counts as misses.

    Args:
        good: Whether each image has a trigger within the tolerance, shape (n,).
    """
    bad = np.flatnonzero(~good)
    if not bad.size:
        return int(good.size)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], ~good, [0]))))
    starts, ends = edges[::2], edges[1::2]
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if end - start >= BREAK:
            return int(start)
        if end == good.size and start > 0:
            return int(start)
    return int(good.size)
