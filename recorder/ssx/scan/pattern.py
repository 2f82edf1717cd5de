"""Patterns of the wells that chance does not make, and what they may come from.

Only what is clear is said: no hint on a chip that is loaded at random, in clumps, or
more at one side than at the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from recorder.records.scan import Along
from recorder.records.scan_report import PatternHint, PatternKind
from recorder.ssx.arrays import BoolArray, FloatArray, Int64Array
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
    # Stripes that are four wells apart are every second well, too: one of them is told.
    inside = sorted((*_alternating(grid), *_stripes(grid)), key=_clearness)[-1:]
    found = sorted((*edge_hints(grid), *inside), key=_clearness)[::-1]
    return tuple(found[:MAX_HINTS])


def _clearness(hint: PatternHint) -> float:
    return abs(hint.z)


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
    level = max(_classes(grid, key).z() for key in (grid.row, grid.column))
    best = max(_diagonals(grid), key=lambda item: item[0].z())
    classes, text = best
    z, rates = classes.z(), grid.rates(classes.lowest())
    low, high = sorted(rates)
    clear = z >= max(_STRIPES_Z, _OVER_OTHERS * level)
    if clear and high >= CLEAR * low:
        yield _hint(PatternKind.STRIPES, "diagonals", z, rates, text)


def _diagonals(grid: HitGrid) -> Iterator[tuple[_Classes, str]]:
    """Wells by diagonal, in blocks and on the chip, and by their step if it is off."""
    well = np.arange(grid.tried.size, dtype=np.int64).reshape(grid.tried.shape)
    down, across = np.divmod(well, grid.tried.shape[1])
    for rows, columns in ((grid.row, grid.column), (down, across)):
        keys: list[Int64Array] = [rows + columns, rows - columns]
        for key in keys:
            each = _classes(grid, key)
            yield each, _ONE_BY_ONE
            for period in _PERIODS:
                yield each.every(period), _ONE_BY_ONE
    for more in _OFF_BY:
        steps, phase = _phase(grid.walk, more)
        text = f"perhaps a line has {steps + more} steps, not {steps}: off by one well"
        yield _classes(grid, phase), text


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


@dataclass(frozen=True, slots=True, eq=False)
class _Classes:
    """Sums over classes of wells; arrays (k,) where no shape is given."""

    key: Int64Array
    """Class of each well from 0, of the grid's shape."""
    excess: FloatArray
    variance: FloatArray

    def every(self, period: int) -> _Classes:
        """The same with classes that are so far apart as one."""
        fold = np.arange(self.excess.size) % period
        return _Classes(
            self.key % period,
            np.bincount(fold, self.excess).astype(np.float64),
            np.bincount(fold, self.variance).astype(np.float64),
        )

    def _scores(self) -> FloatArray:
        usable = self.variance > _ENOUGH
        excess = np.where(usable, self.excess, 0.0)
        scores: FloatArray = excess / np.sqrt(np.where(usable, self.variance, 1.0))
        return scores

    def z(self) -> float:
        """How much the classes differ beyond chance (standard deviations).

        The sum of their squared scores follows chi-square; its cube root is normal
        (E. B. Wilson and M. M. Hilferty, PNAS 17 (1931) 684).
        """
        degrees = int(np.count_nonzero(self.variance > _ENOUGH))
        if degrees < 2:
            return 0.0
        score = self._scores()
        share = float((score * score).sum()) / degrees
        scale = 2 / (9 * degrees)
        sums: float = (share ** (1 / 3) - (1 - scale)) / scale**0.5
        return max(sums, _best_of(score, degrees))

    def lowest(self) -> BoolArray:
        """Wells of the classes with the fewest hits, of the grid's shape."""
        score = self._scores()
        low: BoolArray = (score <= min(-2.0, 0.5 * float(score.min())))[self.key]
        return low


def _classes(grid: HitGrid, key: Int64Array) -> _Classes:
    """The wells by any key, of the grid's shape."""
    key = key - key.min()
    flat = key.ravel()
    return _Classes(
        key,
        np.bincount(flat, grid.excess.ravel()).astype(np.float64),
        np.bincount(flat, grid.variance.ravel()).astype(np.float64),
    )


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
