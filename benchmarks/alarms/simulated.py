"""Runs of which everything is known: crystals come at random until something happens.

Crystals in an image are Poisson distributed; an image with one or more is a hit. The
mean wanders: its logarithm is an AR(1) process of 10 s. What stays as it is stays at
the good shares of the designs (rings 1 %, misfires 1 in 1000, losses 1 in 10,000): the
worst case of "all is well".
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.alarms.events import Event
from recorder.ssx.alarms.observation import (
    Fates,
    Images,
    Observation,
    Pulses,
    RunFacts,
    images,
)
from recorder.ssx.alarms.watch import AlarmState, step

Floats = NDArray[np.float64]
START_S = 1_795_541_400.0
MEMORY_S = 10.0
"""Time after which the wander of the hit rate has forgotten all but 1/e."""
SOLVENT_WANDER = 0.3
"""Wander of solvent ring and background relative to that of the hit rate."""


@dataclass(frozen=True, slots=True)
class World:
    """What goes on at the beamline."""

    hz: float = 100.0
    hit_rate: float = 0.2
    index_rate: float = 0.7
    clumps: float = 0.0
    """Share of the hits that have a second crystal beyond chance."""
    rings: float = 0.01
    unprocessed: float = 0.0
    misfires: float = 0.001
    losses: float = 1e-4
    light: float = 1.0
    """Hit rate of light images over that of dark ones."""
    solvent: float = 100.0
    background: float = 50.0
    resolution: float = 2.0
    cell: float = 1.0
    """Factor of the lengths."""
    sigma: float = 0.0
    """Relative standard deviation of the wander."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How far a simulated run has come."""

    image_id: int = 0
    time_s: float = START_S
    wander: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Of hits, solvent and background, in standard deviations."""


def _wander(
    rng: np.random.Generator, begin: float, n: int, hz: float
) -> tuple[Floats, float]:
    """Standard AR(1), a step each tenth of a second; (n,) and its last value."""
    block = max(1, round(hz / 10))
    steps = -(-n // block)
    keep = math.exp(-block / hz / MEMORY_S)
    drawn = rng.normal(0, math.sqrt(1 - keep * keep), steps)
    path, value = np.empty(steps), begin
    for k in range(steps):
        value = keep * value + drawn[k]
        path[k] = value
    return np.repeat(path, block)[:n], value


def make(
    world: World, clock: Clock, n: int, rng: np.random.Generator
) -> tuple[Images, Pulses, Fates, Clock]:
    """The next n images."""
    paths, ends = [], []
    for begin in clock.wander:
        if world.sigma:
            path, end = _wander(rng, begin, n, world.hz)
        else:
            path, end = np.zeros(n), begin
        paths.append(path)
        ends.append(end)
    ids = clock.image_id + np.arange(n)
    times = clock.time_s + np.arange(1, n + 1) / world.hz
    light = ids % 2 == 0
    rate = world.hit_rate * np.exp(world.sigma * paths[0] - world.sigma**2 / 2)
    rate = np.minimum(rate * np.where(light, world.light, 1.0), 0.98)
    crystals = rng.poisson(-np.log1p(-rate))
    crystals += (crystals == 1) & (rng.random(n) < world.clumps)
    hit = crystals > 0
    indexed = hit & (rng.random(n) < world.index_rate)
    little = SOLVENT_WANDER * world.sigma
    noise = rng.normal(0, 1, (4, n))
    lengths = 78.0 * world.cell * (1 + 0.004 * noise[3])
    seen = images(
        ids,
        times,
        hit,
        processed=rng.random(n) >= world.unprocessed,
        tried=hit,
        several=hit,
        lattices=np.where(indexed, np.minimum(crystals, 2), 0),
        rings=rng.random(n) < world.rings,
        pump=light.astype(np.int64),
        solvent=world.solvent * np.exp(little * paths[1]) * (1 + 0.1 * noise[0]),
        background=world.background * np.exp(little * paths[2]) * (1 + 0.1 * noise[1]),
        resolution=np.where(hit, world.resolution * (1 + 0.1 * noise[2]), np.nan),
        cell_lengths=np.where(indexed, lengths, np.nan)[:, None]
        * np.array([1, 1, 0.5]),
    )
    due = ids[light]
    pulses = Pulses(due, times[light], rng.random(due.size) >= world.misfires)
    fates = Fates(ids, times, rng.random(n) < world.losses)
    first, second, third = ends
    clock = Clock(int(ids[-1]) + 1, float(times[-1]), (first, second, third))
    return seen, pulses, fates, clock


@dataclass(frozen=True, slots=True)
class Course:
    """A simulated run, watched, up to now."""

    world: World
    state: AlarmState = field(default_factory=AlarmState)
    clock: Clock = field(default_factory=Clock)

    def go(
        self, seconds: float, slice_s: float, rng: np.random.Generator
    ) -> tuple[Course, list[Event]]:
        """Goes on for some time, cut into slices."""
        state, clock = self.state, self.clock
        events: list[Event] = []
        n = round(slice_s * self.world.hz)
        for _ in range(round(seconds / slice_s)):
            seen, pulses, fates, clock = make(self.world, clock, n, rng)
            state, more = step(
                state,
                Observation(
                    time_s=clock.time_s,
                    run=RunFacts("simulated", sample="crystals"),
                    images=seen,
                    pulses=pulses,
                    fates=fates,
                ),
            )
            events += more
        return replace(self, state=state, clock=clock), events
