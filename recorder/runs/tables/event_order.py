"""Rows of events in order: counters made ascending, the best row of each trigger."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.runs.tables.columns import Columns
from recorder.runs.tables.event_arrays import CAPTURED, LASER, XRAY
from recorder.ssx.triggers.captured import NO_NUMBER, unwrap


@dataclass(frozen=True, slots=True, eq=False)
class Numbered:
    """Captured rows of a log from one event on."""

    xray: NDArray[np.int64]
    """Which events are X-ray rows."""
    laser: NDArray[np.int64]
    same_clock: bool
    number: NDArray[np.int64]
    """Trigger number of each event; of captured ones ascending."""
    wraps: int
    restarts: int


def numbered(columns: Columns, since: int) -> Numbered:
    """Which events are captured rows, and their numbers made ascending.

    Args:
        columns: Those of an event log.
        since: Event before which none is looked at; the others count from 0.
    """
    view = columns.view
    grade, kind, off = view("grade", since), view("type", since), view("off", since)
    trigger, time_ns = view("trigger", since), view("time_ns", since)
    good = grade >= CAPTURED
    xray = np.flatnonzero(good & (kind == XRAY) & ~off & (trigger != NO_NUMBER))
    laser = np.flatnonzero(good & (kind == LASER) & ~off)
    used = np.concatenate((xray, laser))
    codes = np.zeros(1, np.uint16)
    if used.size:
        codes = np.unique(view("clock", since)[used])
    same = codes.size == 1 and int(codes[0]) != 0
    if same and xray.size:
        return Numbered(xray, laser, same, *ascending(trigger, time_ns, xray, laser))
    return Numbered(xray, laser, same, trigger, 0, 0)


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
