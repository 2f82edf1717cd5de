"""The host's clock as the recorder compares it: setting the clock does not move it.

Times of arrival, and those of the journal's records, are compared with each other:
which capture came after a run's end, how old an event is. They are read here: Unix time
when the recorder first started after the host booted, and from then on what the kernel
counts since boot. NTP that slews moves both alike; what a step adds is
:meth:`HostClock.step_ns` and is given to times that people and databases see.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

STEP_NS = 100_000_000
"""A difference (ns) that is called a step: `ntpd` steps from 0.128 s on, `chronyd` from
1 s, and reading two clocks takes microseconds. Chosen, not tuned."""
READ_NS = 1_000_000
"""Two clocks that were read further apart (ns) are read again: the process was held up
between them. Chosen, not tuned."""
_READINGS = 10
"""Times that is tried. Chosen, not tuned."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def since_boot_ns() -> int:
    """Nanoseconds since the host booted, asleep as well: no clock that is set."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """Tells this boot of the host from every other; empty if the kernel does not."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""


class HostClock:
    """A clock that goes on evenly while the host's is set.

    Args:
        wall_ns: The host's clock (Unix ns).
        steady_ns: A clock that nobody sets (ns).
    """

    def __init__(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        steady_ns: Callable[[], int] = since_boot_ns,
    ) -> None:
        self._wall_ns = wall_ns
        self._steady_ns = steady_ns
        self.offset_ns = 0
        """Unix time at which the steady clock was 0 (ns)."""
        self.offset_ns = self.step_ns()

    def now_ns(self) -> int:
        """The time (Unix ns), to be compared with others that were read here."""
        return self.offset_ns + self._steady_ns()

    def step_ns(self) -> int:
        """How far the host's clock was set since (ns), forward is positive."""
        readings = []
        for _ in range(_READINGS):
            before = self._steady_ns()
            wall = self._wall_ns()
            took = self._steady_ns() - before
            readings.append((took, wall - before - took // 2))
            if took <= READ_NS:
                break
        return min(readings)[1] - self.offset_ns


_HOST = HostClock()


def arrival_ns() -> int:
    """The time of this moment (Unix ns), to be compared with others read here."""
    return _HOST.now_ns()


def host_clock() -> HostClock:
    """The clock of this process."""
    return _HOST
