"""Whether the time of an answer tells two questions apart.

Questions are asked in turns of random order, so that whatever slows the host slows
both. The test is a permutation test on the difference of medians: it assumes nothing of
how times are distributed.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHUFFLES = 2000
Ask = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class Difference:
    """Between the times of two questions."""

    median_s: float
    """Of the first one."""
    shift_s: float
    """Median of the second minus median of the first."""
    p: float
    """Share of shuffles with a shift as large."""
    told_apart: float
    """How often the slower of one time each is the same question: 0.5 is by chance."""

    def __str__(self) -> str:
        return (
            f"median {self.median_s * 1e6:.0f} us, shift {self.shift_s * 1e6:+.1f} us "
            f"({self.shift_s / self.median_s:+.1%}), p {self.p:.3f}, "
            f"told apart {self.told_apart:.3f}"
        )


def compared(
    one: NDArray[np.float64], other: NDArray[np.float64], seed: int = 1
) -> Difference:
    """Times of two questions, one of each for each turn (s)."""
    pairs = np.stack([one, other])
    shift = _shift(pairs)
    rng = np.random.default_rng(seed)
    swapped = 0
    for _ in range(SHUFFLES):
        swap = rng.random(len(one)) < 0.5
        swapped += abs(_shift(np.where(swap, pairs[::-1], pairs))) >= abs(shift)
    wins = np.searchsorted(np.sort(one), other, side="left")
    ties = np.searchsorted(np.sort(one), other, side="right") - wins
    told = float((wins + ties / 2).sum() / (len(one) * len(other)))
    return Difference(
        float(np.median(one)), shift, swapped / SHUFFLES, max(told, 1 - told)
    )


def _shift(pairs: NDArray[np.float64]) -> float:
    first, second = np.median(pairs, axis=1)
    return float(second - first)


async def measured(
    ask: Ask, one: str, other: str, turns: int, seed: int = 1
) -> tuple[Difference, Difference]:
    """Wall and CPU times of two questions, asked in turns.

    Args:
        ask: Asks it, in this process.
        one: Address of what is not there.
        other: Address of what is somebody else's.
        turns: How often each is asked.
        seed: Of the order.
    """
    rng = np.random.default_rng(seed)
    found = np.empty((2, 2, turns))
    for turn in range(turns):
        for which in rng.permutation(2):
            wall, cpu = time.perf_counter(), time.process_time()
            await ask((one, other)[which])
            found[0, which, turn] = time.perf_counter() - wall
            found[1, which, turn] = time.process_time() - cpu
    return compared(found[0, 0], found[0, 1]), compared(found[1, 0], found[1, 1])
