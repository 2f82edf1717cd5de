"""Charged particles that hit the sensor."""

from __future__ import annotations

import math

import numpy as np

from recorder.simulate.arrays import Ints


def add_zingers(
    counts: Ints, shape: tuple[int, int], mean: float, rng: np.random.Generator
) -> int:
    """Add charged particles: photons in 1 to 3 px, one in five a short streak.

    Args:
        counts: Photons, (slow * fast,), changed.
        shape: (slow, fast).
        mean: Mean number of events.
        rng: Draws them.

    Returns:
        The number of events.
    """
    number = int(rng.poisson(mean))
    for _ in range(number):
        cells = _track(rng) + rng.integers((0, 0), shape)
        cells = cells[((cells >= 0) & (cells < shape)).all(axis=1)]
        places = cells[:, 0] * shape[1] + cells[:, 1]
        counts[places] += rng.lognormal(math.log(60), 0.8, len(places)).astype(int)
    return number


def _track(rng: np.random.Generator) -> Ints:
    """Pixels that one event touches, (n, 2) around (0, 0)."""
    if rng.random() < 0.2:
        angle = rng.uniform(0, 2 * math.pi)
        along = np.arange(int(rng.integers(4, 16)))
        line = np.outer(along, (math.sin(angle), math.cos(angle)))
        return np.unique(np.rint(line).astype(np.int64), axis=0)
    corner = np.array([(0, 0), (0, 1), (1, 0)])
    turned: Ints = corner[: int(rng.integers(1, 4))] * rng.choice((-1, 1), 2)
    return turned
