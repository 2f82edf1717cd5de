"""How long it takes until a fall of the hit rate is told."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from benchmarks.alarms.simulated import Course, World
from recorder.ssx.alarms.events import AlarmRaised

FALLS = {"1/2": 0.5, "1/4": 0.25, "0": 0.0}
CALM_S = 300.0
"""Before the fall: 30,000 images at 100 Hz."""
SLICE_S = 2.5
MOST_S = 60.0


@dataclass(frozen=True, slots=True)
class Delays:
    """Delays of one fall, s; infinite where it was not told within a minute."""

    sigma: float
    fall: str
    seconds: np.ndarray

    @property
    def missed(self) -> float:
        return float(np.mean(np.isinf(self.seconds)))

    @property
    def mean(self) -> float:
        """Of those that were told."""
        return float(np.mean(self.seconds[np.isfinite(self.seconds)]))

    def quantile(self, share: float) -> float:
        return float(np.quantile(self.seconds, share, method="higher"))


def calm_courses(world: World, number: int, seed: int) -> list[Course]:
    """Runs in which nothing happened yet."""
    found = []
    for n in range(number):
        rng = np.random.default_rng([seed, n])
        found.append(Course(world).go(CALM_S, 10.0, rng)[0])
    return found


def measure(
    sigma: float, repeats: int, seed: int, courses: int = 10, hz: float = 100.0
) -> list[Delays]:
    """Delays of all falls, from the same calm courses."""
    calm = calm_courses(World(sigma=sigma, hz=hz), courses, seed)
    calm = [course for course in calm if not course.state.standing]
    found = []
    for name, factor in FALLS.items():
        delays = [
            _one(calm[n % len(calm)], factor, np.random.default_rng([seed, n, 7]))
            for n in range(repeats)
        ]
        known = [delay for delay in delays if delay is not None]
        found.append(Delays(sigma, name, np.array(known)))
    return found


def _one(course: Course, factor: float, rng: np.random.Generator) -> float | None:
    """Until it is told; None where something was told before it happened."""
    course, before = course.go(10.0, SLICE_S, rng)
    if any(event.kind == "hit_rate" for event in before):
        return None
    world = course.world
    begin = course.clock.time_s
    course = replace(course, world=replace(world, hit_rate=world.hit_rate * factor))
    while course.clock.time_s < begin + MOST_S:
        course, events = course.go(SLICE_S, SLICE_S, rng)
        for event in events:
            if isinstance(event, AlarmRaised) and event.kind == "hit_rate":
                return event.at_time_s - begin
    return float("inf")
