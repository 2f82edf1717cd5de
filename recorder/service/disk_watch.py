"""Watches how full the disk of the journal is, and when it will be."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

from recorder.runtime.host_clock import since_boot_ns

SAMPLE_S, OVER_S = 10.0, 600.0
"""Seconds between two samples, and over which the slope is taken: a run of minutes, not
the rotation of a log. Chosen, not tuned."""
LEAST_S = 60.0
"""Seconds below which no slope is told. Chosen, not tuned."""


class DiskWatch:
    """Free space of a folder's disk.

    Args:
        folder: Any folder on it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._samples: deque[tuple[float, int]] = deque(maxlen=int(OVER_S / SAMPLE_S))
        self.free: int | None = None
        """Bytes; None if it cannot be asked."""

    def look(self, now_s: float | None = None) -> None:
        """Ask; from a thread, for a disk may not answer.

        Args:
            now_s: Time since boot (s); None asks for it.
        """
        now_s = since_boot_ns() / 1e9 if now_s is None else now_s
        try:
            found = os.statvfs(self._folder)
        except OSError:
            self.free = None
            return
        self.note(now_s, found.f_bavail * found.f_frsize)

    def note(self, now_s: float, free: int) -> None:
        """So much (bytes) was free at a time (s)."""
        self.free = free
        if not self._samples or now_s - self._samples[-1][0] >= SAMPLE_S:
            self._samples.append((now_s, free))

    def full_s(self) -> float | None:
        """Seconds until it is full at the present slope; None if it does not fill."""
        if self.free is None or len(self._samples) < 2:
            return None
        (then, before), (now, after) = self._samples[0], self._samples[-1]
        if now - then < LEAST_S or after >= before:
            return None
        return round(self.free * (now - then) / (before - after), 1)
