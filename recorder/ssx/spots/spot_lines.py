"""Spots on one line, or in few columns or rows: no crystal makes only those."""

from __future__ import annotations

import numpy as np

from recorder.ssx.arrays import BoolArray, FloatArray, IntArray
from recorder.ssx.spots.chance import log10_tail_bound

_LEAST = 4
"""Fewer spots are not judged."""
_SHARE = 0.5
"""Share of the spots that a line holds more of; a crystal has rows, too, but spots
beside them."""
_WIDTHS = (2.0, 6.0)
"""Half widths of lines, px: columns and narrow streaks, and wide ones."""
_TOGETHER = 1.0
"""Spots so near in x stand in one column, in y in one row (px)."""
_FEW = 40
"""Of more spots many share a column by chance: then only single lines are looked
for."""
_MAX_NFA = -3.0
"""log10 of how often chance makes so full a line, among all those through two spots."""
_MANY = 100
"""More spots than lines make: they are not looked for. Chosen, not tuned."""
_STRONGEST = 16
"""Lines are tried through pairs of so many spots: half of them lie on a line that holds
half of all."""
_MOST_LINES = 4
"""Lines that are looked for one after the other."""


def on_lines(x: FloatArray, y: FloatArray, shape: tuple[int, int]) -> BoolArray:
    """Which spots lie on lines, columns or rows that hold most of an image's spots.

    Args:
        x: (n,) positions, px, strongest first.
        y: (n,)
        shape: (slow, fast) of the image.
    """
    found = np.zeros(len(x), np.bool_)
    for _ in range(_MOST_LINES):
        rest = np.flatnonzero(~found)
        if len(rest) < _LEAST:
            break
        # what shares columns and rows is a lattice along the detector's axes
        here = _crowded(x[rest], shape[1]) ^ _crowded(y[rest], shape[0])
        here |= _fullest(x[rest], y[rest], shape)
        if not here.any():
            break
        found[rest[here]] = True
    return found


def _crowded(u: FloatArray, size: int) -> BoolArray:
    """Spots that share columns, if most do and chance does not make so many."""
    if len(u) > _FEW:
        return np.zeros(len(u), np.bool_)
    order = np.argsort(u, kind="stable")
    near = np.diff(u[order]) <= _TOGETHER
    together = np.zeros(len(u), np.bool_)
    together[order[1:]] |= near
    together[order[:-1]] |= near
    chance = log10_tail_bound(float(near.sum()), len(u) - 1, len(u) * _TOGETHER / size)
    enough = together.sum() > _SHARE * len(u) and chance < _MAX_NFA
    return together if enough else np.zeros(len(u), np.bool_)


def _fullest(x: FloatArray, y: FloatArray, shape: tuple[int, int]) -> BoolArray:
    """Spots on the line through two of them that chance makes least often."""
    n = len(x)
    if n > _MANY:
        return np.zeros(n, np.bool_)
    first, second = _pairs(min(n, _STRONGEST))
    dx, dy = x[second] - x[first], y[second] - y[first]
    length = np.hypot(dx, dy)
    apart = length > 4 * max(_WIDTHS)
    first, dx, dy, length = first[apart], dx[apart], dy[apart], length[apart]
    if len(first) == 0:
        return np.zeros(n, np.bool_)
    away = (x[None, :] - x[first, None]) * dy[:, None]
    away -= (y[None, :] - y[first, None]) * dx[:, None]
    away = np.abs(away) / length[:, None]
    best, fullest = _MAX_NFA, np.zeros(n, np.bool_)
    tried = np.log10(n * (n - 1) / 2 * len(_WIDTHS))
    longest = float(np.hypot(*shape))
    for width in _WIDTHS:
        count = (away <= width).sum(axis=1)
        at = int(np.argmax(count))
        p = 2 * width * longest / (shape[0] * shape[1])
        chance = float(tried + log10_tail_bound(float(count[at] - 2), n - 2, p))
        if count[at] > _SHARE * n and chance < best:
            # two spots give its direction only roughly: take all along it
            best, fullest = chance, away[at] <= max(_WIDTHS)
    return fullest


def _pairs(n: int) -> tuple[IntArray, IntArray]:
    return np.triu_indices(n, 1)
