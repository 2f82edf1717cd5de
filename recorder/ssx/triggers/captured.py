"""What the timing hardware logged, as arrays; and counters that wrap or restart."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import Int64Array
from recorder.ssx.clocks.unknown import NO_TIME

NO_NUMBER = -1
"""Trigger number of a row that has none."""
_WRAPS = (1 << 16, 1 << 32)
"""Values at which counters of timing hardware wrap: those of 16 and of 32 bits."""
_NEAR_WRAP = 0.1
"""Of a counter's range: a fall from so near its top to so near its bottom is a wrap,
any other one a restart. Chosen, not tuned."""


def _ints() -> Int64Array:
    return np.empty(0, np.int64)


def _bools() -> NDArray[np.bool_]:
    return np.empty(0, np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class CapturedTriggers:
    """Captured and measured events of a run, in ascending order.

    Trigger numbers are unwrapped: they never go back within a run.
    """

    laser: Int64Array = field(default_factory=_ints)
    """Trigger number of each laser pulse, NO_NUMBER where the sender has none."""
    laser_ns: Int64Array = field(default_factory=_ints)
    """NO_TIME where only the trigger is known."""
    laser_measured: NDArray[np.bool_] = field(default_factory=_bools)
    """A sensor saw it; else the hardware logged that it was asked for."""
    xray: Int64Array = field(default_factory=_ints)
    """Trigger number of each X-ray detection, ascending, each once."""
    xray_ns: Int64Array = field(default_factory=_ints)
    same_clock: bool = False
    """Laser and X-ray times can be subtracted."""
    clock: str = ""
    """Name of the clock of the X-ray times."""
    laser_off: Int64Array = field(default_factory=_ints)
    """Triggers at which a sensor looked and saw no pulse."""
    restarts: int = 0
    """How often the hardware's counter began anew."""
    wraps: int = 0

    def since(self, number: int) -> CapturedTriggers:
        """The rows from a trigger number on; lasers without a number stay."""
        xray = self.xray >= number
        laser = (self.laser >= number) | (self.laser == NO_NUMBER)
        return replace(
            self,
            laser=self.laser[laser],
            laser_ns=self.laser_ns[laser],
            laser_measured=self.laser_measured[laser],
            xray=self.xray[xray],
            xray_ns=self.xray_ns[xray],
            laser_off=self.laser_off[self.laser_off >= number],
        )

    @property
    def timed(self) -> bool:
        """Whether the X-ray rows have times, in ascending order."""
        return self.xray.size > 0 and bool((self.xray_ns != NO_TIME).all())


def in_order(times: Int64Array) -> NDArray[np.bool_]:
    """Rows whose time fits between those of their neighbours, shape (n,).

    Where a time goes back, the row that disagrees with the one beyond is left out.
    """
    keep = np.ones(times.size, np.bool_)
    for _ in range(8):
        index = np.flatnonzero(keep)
        t = times[index]
        falls = np.flatnonzero(np.diff(t) <= 0)
        if not falls.size:
            return keep
        beyond = np.minimum(falls + 2, t.size - 1)
        before = np.maximum(falls - 1, 0)
        # t[k] is too late if what follows t[k + 1] is below it, too.
        late = (t[beyond] <= t[falls]) & (t[before] < t[falls + 1])
        keep[index[np.where(late, falls, falls + 1)]] = False
    index = np.flatnonzero(keep)
    highest = np.maximum.accumulate(times[index])
    keep[index[1:][times[index][1:] <= highest[:-1]]] = False
    return keep


def unwrap(numbers: Int64Array, times: Int64Array) -> tuple[Int64Array, int, int]:
    """Make a trigger counter ascend that wrapped or began anew.

    A 16- or 32-bit counter that falls from near its top wrapped. Any other fall is a
    restart: the steps of time say how many triggers passed, if they are even.

    Args:
        numbers: Counter of each row in order of time, shape (n,).
        times: Times of the rows (ns), ascending, shape (n,).

    Returns:
        Ascending numbers, the number of wraps, the number of restarts.
    """
    falls = np.flatnonzero(np.diff(numbers) < 0)
    if not falls.size:
        return numbers, 0, 0
    numbers = numbers.copy()
    steps = np.diff(times)[np.diff(numbers) == 1]
    period = float(np.median(steps)) if steps.size else 0.0
    wraps = restarts = 0
    for fall in falls.tolist():
        before, after = int(numbers[fall]), int(numbers[fall + 1])
        if after >= before:
            continue
        size = next((w for w in _WRAPS if before < w), 0)
        if size and before > (1 - _NEAR_WRAP) * size and after < _NEAR_WRAP * size:
            wraps += 1
            numbers[fall + 1 :] += size
            continue
        restarts += 1
        passed = 1
        if period > 0:
            passed = max(1, round((int(times[fall + 1]) - int(times[fall])) / period))
        numbers[fall + 1 :] += before + passed - after
    return numbers, wraps, restarts
