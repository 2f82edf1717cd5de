"""A first or last row or column that has other hits than the ones next to it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from recorder.records.scan_report import PatternHint, PatternKind
from recorder.ssx.arrays import MAD_SIGMA, FloatArray
from recorder.ssx.scan.grid import HitGrid

EDGE_Z = 4.0
"""|z| from which on an edge is named: 24 edges are looked at, so chance names one in
600 chips at the most. Tried on simulated chips (tests/unit/test_scan_pattern.py)."""
CLEAR = 1.5
"""Ratio of the two rates from which on a pattern is named: less is no misalignment."""
_WIDTHS = (1, 2, 3)
"""Lines that an edge may have."""
_NEXT = 3
"""Lines next to an edge that it is compared with: loading may change over a chip."""
_FEWEST = 10
"""Lines below which there is nothing to compare an edge with. Chosen, not tuned."""
_TEXT = (
    "hits differ at one edge: perhaps the chip is misaligned, or its edge is not filled"
)


def edge_hints(grid: HitGrid) -> Iterator[PatternHint]:
    """Edges of the chip, and of all its blocks together, that differ clearly."""
    scan = grid.walk.scan
    several = scan.blocks != (1, 1)
    sizes = {"row": scan.rows, "column": scan.columns}
    for axis, (line, size) in enumerate(sizes.items()):
        hits = grid.hit.sum(axis=1 - axis).astype(np.float64)
        tried = grid.tried.sum(axis=1 - axis).astype(np.float64)
        yield from _ends(hits, tried, line, "")
        if several:
            folded = (-1, size)
            yield from _ends(
                hits.reshape(folded).sum(axis=0),
                tried.reshape(folded).sum(axis=0),
                line,
                " of each block",
            )


def _ends(
    hits: FloatArray, tried: FloatArray, line: str, of: str
) -> Iterator[PatternHint]:
    """The clearest width of each end of a line of sums, shape (lines,)."""
    if hits.size < _FEWEST:
        return
    for end in ("first", "last"):
        if end == "last":
            hits, tried = hits[::-1], tried[::-1]
        found = [hint for w in _WIDTHS if (hint := _end(hits, tried, w, line, end, of))]
        if found:
            yield max(found, key=lambda hint: abs(hint.z))


def _end(
    hits: FloatArray, tried: FloatArray, width: int, line: str, end: str, of: str
) -> PatternHint | None:
    z, here, there = _contrasts(hits, tried, width)
    if not z.size:
        return None
    # Crystals in clumps make lines differ more than single ones: so do the inner lines.
    spread = MAD_SIGMA * float(np.median(np.abs(z[1:]))) if z.size > 1 else 1.0
    score = float(z[0]) / max(1.0, spread)
    low, high = sorted((float(here[0]), float(there[0])))
    if abs(score) < EDGE_Z or high < CLEAR * low:
        return None
    lines = f"{end} {line}" if width == 1 else f"{end} {width} {line}s"
    return PatternHint(
        PatternKind.EDGE,
        lines + of,
        round(score, 1),
        round(float(here[0]), 4),
        round(float(there[0]), 4),
        _TEXT,
    )


def _contrasts(
    hits: FloatArray, tried: FloatArray, width: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Two-sample scores of some lines against the next ones, from each line on."""
    sums = [np.concatenate(([0.0], np.cumsum(values))) for values in (hits, tried)]
    first = np.arange(max(0, hits.size - width - _NEXT + 1))
    middle, last = first + width, first + width + _NEXT
    h1, n1 = (values[middle] - values[first] for values in sums)
    h2, n2 = (values[last] - values[middle] for values in sums)
    pooled = (h1 + h2) / np.maximum(n1 + n2, 1.0)
    spread = np.sqrt(
        pooled * (1 - pooled) * (1 / np.maximum(n1, 1) + 1 / np.maximum(n2, 1))
    )
    here, there = h1 / np.maximum(n1, 1.0), h2 / np.maximum(n2, 1.0)
    usable = (spread > 0) & (n1 > 0) & (n2 > 0)
    z = np.where(usable, (here - there) / np.where(usable, spread, 1.0), 0.0)
    return z, here, there
