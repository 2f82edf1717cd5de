"""Rows of events in order: counters made ascending, the best row of each trigger."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.triggers.captured import NO_NUMBER, unwrap


def ascending(
    trigger: NDArray[np.int64],
    time_ns: NDArray[np.int64],
    xray: NDArray[np.int64],
    laser: NDArray[np.int64],
) -> tuple[NDArray[np.int64], int, int]:
    """Trigger numbers with wraps and restarts taken out; lasers follow the X-rays."""
    order = xray[np.argsort(time_ns[xray], kind="stable")]
    if bool((np.diff(trigger[order]) >= 0).all()):
        return trigger, 0, 0
    unwrapped, wraps, restarts = unwrap(trigger[order], time_ns[order])
    shift = unwrapped - trigger[order]
    numbers = trigger.copy()
    numbers[order] = unwrapped
    mine = laser[trigger[laser] != NO_NUMBER]
    # A laser row belongs to the era of the X-ray row of the same number next to it.
    near = np.searchsorted(time_ns[order], time_ns[mine])
    for place in (near - 1, near):
        side = np.clip(place, 0, order.size - 1)
        here = trigger[order][side] >= trigger[mine]
        numbers[mine[here]] = trigger[mine[here]] + shift[side[here]]
    return numbers, wraps, restarts


def best_rows(
    numbers: NDArray[np.int64],
    grade: NDArray[np.uint8],
    names: NDArray[np.uint16],
    rows: NDArray[np.int64],
) -> NDArray[np.int64]:
    """One row for each trigger and name, the best grade; and all without a trigger."""
    with_number = rows[numbers[rows] != NO_NUMBER]
    without = rows[numbers[rows] == NO_NUMBER]
    order = np.lexsort(
        (
            with_number,
            -grade[with_number].astype(np.int64),
            names[with_number],
            numbers[with_number],
        )
    )
    ordered = with_number[order]
    first = np.ones(ordered.size, np.bool_)
    first[1:] = (np.diff(numbers[ordered]) != 0) | (
        names[ordered][1:] != names[ordered][:-1]
    )
    return np.concatenate((ordered[first], without))
