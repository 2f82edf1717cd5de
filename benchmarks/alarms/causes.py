"""Whether the right cause is named first, and none where there is none."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.alarms.chip import chip_runs
from benchmarks.alarms.delays import calm_courses
from benchmarks.alarms.simulated import Course, World
from recorder.ssx.alarms.events import AlarmRaised, Event

NONE = "none"
"""Name of a hint where there is none."""
AFTER_S = 60.0
"""After the change; the last look for a cause is 30 s after an alarm."""
SLICE_S = 5.0


@dataclass(frozen=True, slots=True)
class Case:
    """What happens, and what should be said."""

    name: str
    cause: str
    kinds: tuple[str, ...]
    """Alarms that may name it."""
    change: dict[str, float]
    """Factors of the world's fields; of those that are 0, values."""


CALM = World(hit_rate=0.3, sigma=0.1)
"""Before: 100 Hz, 30 % hits that wander by 10 %, 70 % of them indexed."""
HITS = ("hit_rate",)
CASES = (
    Case(
        "jet moved", "jet", HITS, {"hit_rate": 0.4, "solvent": 0.6, "background": 0.8}
    ),
    Case("jet gone", "jet", HITS, {"hit_rate": 0.0, "solvent": 0.2, "background": 0.5}),
    Case("crystals settled", "settled", HITS, {"hit_rate": 0.33}),
    Case(
        "no X-rays",
        "no_x_rays",
        HITS,
        {"hit_rate": 0.0, "solvent": 0.01, "background": 0.01},
    ),
    Case(
        "geometry moved", "geometry", ("index_rate",), {"index_rate": 0.4, "cell": 1.01}
    ),
    Case(
        "too dense",
        "dense",
        ("index_rate", "several_lattices"),
        {"index_rate": 0.6, "clumps": 0.35},
    ),
    Case("ice", "ice", ("rings", "index_rate"), {"rings": 30.0, "index_rate": 0.5}),
    Case(
        "thicker jet",
        "thick",
        ("background", "resolution"),
        {"background": 1.8, "resolution": 1.25},
    ),
    Case("laser hurts", "laser", HITS, {"light": 0.1}),
    Case("overload", "overload", HITS, {"hit_rate": 0.5, "unprocessed": 0.5}),
)


@dataclass(frozen=True, slots=True)
class Named:
    """First hints of the runs of one case."""

    name: str
    cause: str
    first: Counter[str]
    """NOT_TOLD: there was no alarm at all."""

    @property
    def right(self) -> float:
        """Of the runs in which there was an alarm."""
        return self.first[self.cause] / max(1, self.runs)

    @property
    def runs(self) -> int:
        return self.first.total()


def measure(runs: int, seed: int, courses: int = 10) -> list[Named]:
    """All cases, the chip, and runs in which hits fall and nothing else does."""
    calm = calm_courses(CALM, courses, seed)
    found = [_case(case, calm, runs, seed) for case in CASES]
    found.append(Named("chip misaligned", "chip", chip_runs(runs, seed)))
    found.append(nothing_else(calm, runs, seed))
    return found


def changed(world: World, change: dict[str, float]) -> World:
    """The world after it happened."""
    fields = {
        name: getattr(world, name) * factor or factor for name, factor in change.items()
    }
    return replace(world, **fields)


def _case(case: Case, calm: list[Course], runs: int, seed: int) -> Named:
    first: Counter[str] = Counter()
    for n in range(runs):
        rng = np.random.default_rng([seed, n, 11])
        course, _ = calm[n % len(calm)].go(10.0, SLICE_S, rng)
        course = replace(course, world=changed(course.world, case.change))
        _, events = course.go(AFTER_S, SLICE_S, rng)
        first[named(events, case.kinds)] += 1
    return Named(case.name, case.cause, first)


def named(events: list[Event], kinds: tuple[str, ...]) -> str:
    """First hint of the newest word on the first alarm of these kinds."""
    raised = [e for e in events if isinstance(e, AlarmRaised) and e.kind in kinds]
    with_hint = [e for e in raised if e.hints]
    if not raised:
        return "no alarm"
    return with_hint[-1].hints[0].cause if with_hint else NONE


def nothing_else(calm: list[Course], runs: int, seed: int) -> Named:
    """The hits fall, in light and dark alike, and nothing else changes with them.

    The share of images with several lattices is held where it was: were it to fall, it
    would be the mark of settled crystals.
    """
    first: Counter[str] = Counter()
    for n in range(runs):
        rng = np.random.default_rng([seed, n, 13])
        course, _ = calm[n % len(calm)].go(10.0, SLICE_S, rng)
        world = replace(course.world, hit_rate=0.3 * 0.4, clumps=CLUMPS_KEPT)
        _, events = replace(course, world=world).go(AFTER_S, SLICE_S, rng)
        first[named(events, HITS)] += 1
    return Named("hits fall, nothing else", NONE, first)


CLUMPS_KEPT = 0.1127
"""Clumps that make up for the pairs that a hit rate of 12 % has less than one of 30 %:
(0.168 - 0.0627) / (1 - 0.0627)."""
