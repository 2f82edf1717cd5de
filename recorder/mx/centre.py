"""Where the crystal is on a map of spots: threshold, connected cells, centre of mass.

Lengths are in cells from the outer corner of cell (0, 0), so that the middle of cell
``i`` is at ``i + 0.5``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

THRESHOLD = 0.25
"""Share of the map's maximum from which on a cell is of a crystal: that of zocalo."""
_ONE_CELL = 1 / 12
"""Variance (cells²) of where in one cell a crystal is that is seen in no other."""
_SEVERAL_CELLS = 1 / 36
"""The same of a crystal in two cells and more, divided by the cells along a side: what
the size of the cells adds. It is twice what round planted crystals whose spots grow
with their share of a cell have; real ones are neither round nor that regular."""


@dataclass(frozen=True, slots=True)
class Found:
    """A crystal on a map; pairs are (x, y)."""

    centre: tuple[float, float]
    """Centre of mass, cells."""
    sigma: tuple[float, float]
    """Its standard deviation, cells: by the counts and by the size of a cell."""
    first: tuple[int, int]
    """First cell of the box around it."""
    last: tuple[int, int]
    """Last cell of the box."""
    peak: tuple[int, int]
    """The cell with the most spots."""
    cells: int
    total: float
    """Spots of all its cells."""
    maximum: float
    """Spots of the strongest one."""
    beside_unknown: int
    """Neighbouring cells without a value: it may go on there."""
    at_border: bool
    """It touches the border of the grid and may go on beyond."""


def crystals(
    values: FloatArray, hits: BoolArray | None = None, *, most: int = 10
) -> tuple[Found, ...]:
    """Crystals on a map, the one with most spots first.

    Args:
        values: (ny, nx) spots of each cell; NaN where nothing is known.
        hits: (ny, nx) cells whose spots are a crystal's beyond doubt: what has none of
            them is noise. None: all cells with spots.
        most: That many at most.

    Returns:
        Empty if no cell is a hit: then there is no crystal, and no centre of noise.
    """
    known = np.nan_to_num(np.asarray(values, np.float64), nan=0.0)
    sure = known > 0 if hits is None else np.asarray(hits, np.bool_) & (known > 0)
    if not sure.any():
        return ()
    label, count = connected(known >= max(THRESHOLD * known[sure].max(), _LEAST))
    total = np.bincount(label.ravel(), known.ravel(), minlength=count + 1)
    has_hit = np.bincount(label.ravel(), sure.ravel(), minlength=count + 1) > 0
    order = [int(n) for n in np.argsort(-total, kind="stable") if n and has_hit[n]]
    return tuple(_found(values, known, label == n) for n in order[:most])


_LEAST = 1e-9
"""Spots of a cell: more than none."""


def connected(mask: BoolArray) -> tuple[NDArray[np.int64], int]:
    """Number cells that touch each other by a side.

    Args:
        mask: (ny, nx).

    Returns:
        (ny, nx) numbers from 1, 0 where the mask is not set; and the highest one.
    """
    ny, nx = mask.shape
    padded = np.zeros((ny, nx + 2), np.int8)
    padded[:, 1:-1] = mask
    edges = np.diff(padded, axis=1)
    row, begin = np.nonzero(edges == 1)
    end = np.nonzero(edges == -1)[1]
    parent = list(range(row.size))
    rows = np.searchsorted(row, np.arange(ny + 1)).tolist()
    first, last = begin.tolist(), end.tolist()
    for y in range(1, ny):
        _join(parent, first, last, (rows[y - 1], rows[y]), (rows[y], rows[y + 1]))
    roots = np.array([_root(parent, n) for n in range(row.size)], np.int64)
    _, number = np.unique(roots, return_inverse=True)
    label = np.zeros((ny, nx), np.int64)
    label[mask] = np.repeat(number + 1, end - begin)
    return label, int(number.max()) + 1 if number.size else 0


def _join(
    parent: list[int],
    first: list[int],
    last: list[int],
    above: tuple[int, int],
    below: tuple[int, int],
) -> None:
    """Join the runs of two neighbouring rows that touch."""
    a, b = above[0], below[0]
    while a < above[1] and b < below[1]:
        if first[a] < last[b] and first[b] < last[a]:
            parent[_root(parent, a)] = _root(parent, b)
        if last[a] < last[b]:
            a += 1
        else:
            b += 1


def _root(parent: list[int], n: int) -> int:
    while parent[n] != n:
        parent[n] = parent[parent[n]]
        n = parent[n]
    return n


def _found(values: FloatArray, known: FloatArray, mine: BoolArray) -> Found:
    y, x = np.nonzero(mine)
    weight = known[mine]
    total = float(weight.sum())
    peak = int(weight.argmax())
    at = [_mean(place.astype(np.float64) + 0.5, weight) for place in (x, y)]
    around = np.zeros_like(mine)
    around[1:] |= mine[:-1]
    around[:-1] |= mine[1:]
    around[:, 1:] |= mine[:, :-1]
    around[:, :-1] |= mine[:, 1:]
    ny, nx = mine.shape
    border = x.min() == 0 or y.min() == 0 or x.max() == nx - 1 or y.max() == ny - 1
    return Found(
        centre=(at[0][0], at[1][0]),
        sigma=(at[0][1], at[1][1]),
        first=(int(x.min()), int(y.min())),
        last=(int(x.max()), int(y.max())),
        peak=(int(x[peak]), int(y[peak])),
        cells=int(x.size),
        total=total,
        maximum=float(weight[peak]),
        beside_unknown=int((around & ~mine & ~np.isfinite(values)).sum()),
        at_border=bool(border),
    )


def _mean(place: FloatArray, weight: FloatArray) -> tuple[float, float]:
    """Weighted mean and its standard deviation, cells."""
    total = weight.sum()
    mean = float((place * weight).sum() / total)
    counting = float(((place - mean) ** 2 * weight).sum() / total**2)
    wide = np.unique(place).size
    size = _ONE_CELL if wide == 1 else _SEVERAL_CELLS / wide
    return mean, math.sqrt(counting + size)
