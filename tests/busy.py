"""Limits of time on a machine that does other things as well.

A test that measures wall time says with it what holds on an idle machine, where it may
fail for a little more. The limit grows with what the machine has to do, so that it
never fails for its neighbours; counts, order and CPU time are better where they do.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager


def crowd() -> float:
    """How many times as long all takes as on an idle machine, generously."""
    return max(1.0, 5 * os.getloadavg()[0] / (os.cpu_count() or 1))


@contextmanager
def in_time(limit_s: float, most_s: float = 60.0) -> Iterator[None]:
    """What stands within takes at most so long on an idle machine.

    Args:
        limit_s: Seconds there.
        most_s: Seconds at most, however much the machine has to do: less than what
            would be an endless wait.
    """
    before, begun = crowd(), time.monotonic()
    yield
    took = time.monotonic() - begun
    allowed = max(limit_s, min(limit_s * max(before, crowd()), most_s))
    assert took < allowed, f"{took:.1f} s; at most {limit_s} s where nothing else runs"
