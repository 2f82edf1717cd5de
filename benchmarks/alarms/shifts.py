"""False alarms of whole shifts in which nothing happens."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from benchmarks.alarms.simulated import Course, World
from recorder.ssx.alarms.events import AlarmRaised

SHIFT_S = 8 * 3600.0
SLICE_S = 10.0


@dataclass(frozen=True, slots=True)
class Shifts:
    """Alarms of some shifts, by kind."""

    sigma: float
    shifts: int
    alarms: Counter[str]
    informed: int
    """Of these, those that only inform, as the rate is too restless."""

    @property
    def a_shift(self) -> float:
        return self.alarms.total() / self.shifts


def watch(sigma: float, shifts: int, seed: int, seconds: float = SHIFT_S) -> Shifts:
    """So many shifts, each a run of its own."""
    told: Counter[str] = Counter()
    informed = 0
    for n in range(shifts):
        rng = np.random.default_rng([seed, n, round(sigma * 100)])
        _, events = Course(World(sigma=sigma)).go(seconds, SLICE_S, rng)
        newest = {e.id: e for e in events if isinstance(e, AlarmRaised)}
        told.update(e.kind for e in newest.values())
        informed += sum(e.severity == "info" for e in newest.values())
    return Shifts(sigma, shifts, told, informed)
