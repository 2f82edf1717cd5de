"""Patterns of the wells that chance does not make, and what they may come from.

Only what is clear is said: no hint on a chip that is loaded at random, in clumps, or
more at one side than at the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.records.scan import Along
from recorder.records.scan_report import PatternHint, PatternKind
from recorder.ssx.arrays import FloatArray, Int64Array
from recorder.ssx.scan.edges import CLEAR, edge_hints
from recorder.ssx.scan.grid import HitGrid, hit_grid
from recorder.ssx.scan.walk import Walk

MAX_HINTS = 4
"""Patterns that a report names, the clearest first."""
_SIGN_Z = 4.5
"""|z| from which on a checker or alternating lines are named. Tried on simulated chips
(tests/unit/test_scan_pattern.py)."""
_SAME_SIGN = 0.6
"""Share of their lines' sums that must agree with the pattern: a few crowded lines are
none. Random sums reach 0.3 on a chip of 20 lines."""
_STRIPES_Z = 4.0
"""z from which on stripes are named. Tried as above."""
_OVER_OTHERS = 2.0
"""Stripes are so much clearer than rows and columns: clumps of crystals make all of
them alike."""
_PERIODS = (3, 4, 5, 6)
"""Wells from one diagonal to the next; two make a checker. Chosen, not tuned."""
_OFF_BY = (-2, -1, 1, 2)
"""Steps that a line may have more than declared."""
_ALTERNATING = {
    PatternKind.CHECKER: "perhaps off by one well, or a pump that changes the hit rate",
    PatternKind.LINES: "perhaps the stage lags where it goes back, or off by one well",
}
_ONE_BY_ONE = "perhaps off by one well from line to line"
_NORMAL = NormalDist()
_LEAST = 1e-300
"""Probability below which doubles know none."""
_ENOUGH = 5.0
"""Variance of a sum of wells below which it is too skew to be scored: the corners of a
chip, and chips with few hits. Below it, chance made stripes of 3 % of chips at 5 %."""
_SHORTEST = 6
"""Steps of a line below which stripes are not told from anything. Chosen, not tuned."""


def pattern_hints(walk: Walk, states: NDArray[np.uint8]) -> tuple[PatternHint, ...]:
    """What speaks against a chip that is aligned and walked as declared.

    Args:
        walk: The walk.
        states: :class:`~recorder.ssx.scan.wells.WellState` of each well, shape (rows,
            columns) of the chip.

    Returns:
        The clearest first, at most MAX_HINTS; none if nothing is clear.
    """
    grid = hit_grid(walk, states)
    if grid is None:
        return ()
    found = [*edge_hints(grid), *_alternating(grid), *_stripes(grid)]
    found.sort(key=lambda hint: -abs(hint.z))
    return tuple(found[:MAX_HINTS])


def _alternating(grid: HitGrid) -> Iterator[PatternHint]:
    """Each second well, row or column."""
    row, column = grid.row, grid.column
    cases = (
        ("each second well, like a checker", PatternKind.CHECKER, row + column, 1),
        ("each second row", PatternKind.LINES, row, 1),
        ("each second column", PatternKind.LINES, column, 0),
    )
    for where, kind, parity, axis in cases:
        odd = parity % 2 == 1
        sign = np.where(odd, 1.0, -1.0)
        z = grid.z(sign)
        sums = (sign * grid.excess).sum(axis=axis)
        whole = float(np.abs(sums).sum())
        rate, elsewhere = grid.rates(odd)
        low, high = sorted((rate, elsewhere))
        coherent = whole > 0 and abs(float(sums.sum())) >= _SAME_SIGN * whole
        if abs(z) >= _SIGN_Z and coherent and high >= CLEAR * low:
            yield _hint(kind, where, z, (rate, elsewhere), _ALTERNATING[kind])


def _stripes(grid: HitGrid) -> Iterator[PatternHint]:
    """Diagonals: lines have more or fewer steps than declared."""
    if min(grid.walk.scan.rows, grid.walk.scan.columns) < _SHORTEST:
        return
    row, column = grid.row, grid.column
    level = max(_spread_z(grid, key)[0] for key in (row, column))
    down, across = np.indices(grid.tried.shape, np.int64)
    diagonals: list[Any] = [row + column, row - column, down + across, down - across]
    keys: list[tuple[Int64Array, str]] = [(key, _ONE_BY_ONE) for key in diagonals[:2]]
    keys += [(key % n, _ONE_BY_ONE) for key in diagonals for n in _PERIODS]
    for more in _OFF_BY:
        steps, phase = _phase(grid.walk, more)
        text = f"perhaps a line has {steps + more} steps, not {steps}: off by one well"
        keys.append((phase, text))
    best: PatternHint | None = None
    for key, text in keys:
        z, lowest = _spread_z(grid, key)
        if z < max(_STRIPES_Z, _OVER_OTHERS * level, best.z if best else 0.0):
            continue
        rates = grid.rates(lowest)
        low, high = sorted(rates)
        if high >= CLEAR * low:
            best = _hint(PatternKind.STRIPES, "diagonals", z, rates, text)
    if best:
        yield best


def _phase(walk: Walk, more: int) -> tuple[int, Int64Array]:
    """Steps of a line, and the step of each well if lines had ``more`` of them.

    A snake comes back over the same steps. Wells that are skipped have -1.
    """
    scan = walk.scan
    lines, steps = scan.rows, scan.columns
    if scan.order is Along.COLUMNS:
        lines, steps = steps, lines
    length = steps + more
    line, phase = np.divmod(walk.place % (lines * length), length)
    if scan.snake:
        phase = np.where(line % 2 == 1, length - 1 - phase, phase)
    return steps, np.where(walk.place >= 0, phase, -1)


def _spread_z(grid: HitGrid, key: Int64Array) -> tuple[float, NDArray[np.bool_]]:
    """How much classes of wells differ beyond chance, and the wells of the lowest one.

    The sum of their squared scores follows chi-square; its cube root is normal (E. B.
    Wilson and M. M. Hilferty, PNAS 17 (1931) 684).

    Args:
        grid: The wells.
        key: Class of each well, of the grid's shape.
    """
    shifted = (key - key.min()).ravel()
    excess = np.bincount(shifted, grid.excess.ravel()).astype(np.float64)
    variance = np.bincount(shifted, grid.variance.ravel()).astype(np.float64)
    usable = variance > _ENOUGH
    score = np.where(usable, excess, 0.0) / np.sqrt(np.where(usable, variance, 1.0))
    degrees = int(np.count_nonzero(usable))
    if degrees < 2:
        return 0.0, np.zeros(key.shape, np.bool_)
    share = float((score * score).sum()) / degrees
    scale = 2 / (9 * degrees)
    z = max((share ** (1 / 3) - (1 - scale)) / scale**0.5, _best_of(score, degrees))
    low = score <= min(-2.0, 0.5 * float(score.min()))
    return z, low[shifted].reshape(key.shape)


def _best_of(score: FloatArray, classes: int) -> float:
    """The largest score, as if there had been one class (standard deviations)."""
    chance = classes * math.erfc(float(np.abs(score).max()) / math.sqrt(2))
    return -_NORMAL.inv_cdf(min(max(chance, _LEAST), 0.5))


def _hint(
    kind: PatternKind, where: str, z: float, rates: tuple[float, float], text: str
) -> PatternHint:
    return PatternHint(
        kind, where, round(z, 1), round(rates[0], 4), round(rates[1], 4), text
    )
