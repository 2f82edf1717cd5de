"""Rates, intervals, medians: what operators steer by."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.records import Cell
from recorder.ssx.alarms.several import share_of_several
from recorder.ssx.arrays import MAD_SIGMA
from recorder.ssx.clocks.unknown import NO_DELAY
from recorder.ssx.labels.timeline import LIGHT, Labels


def fraction(part: int, whole: int) -> float | None:
    """A rate, None without trials."""
    return part / whole if whole else None


def median_cell(cells: NDArray[np.float64]) -> Cell | None:
    """Median of each cell parameter, shape (n, 6) in; None without cells."""
    if not len(cells):
        return None
    a, b, c, alpha, beta, gamma = (
        round(float(value), 3) for value in np.median(cells, axis=0)
    )
    return a, b, c, alpha, beta, gamma


RESOLUTION_EDGES = (
    0.8,
    1.0,
    1.2,
    1.4,
    1.6,
    1.8,
    2.0,
    2.2,
    2.5,
    3.0,
    3.5,
    4.0,
    5.0,
    7.0,
    10.0,
    20.0,
    100.0,
)
"""Å; edges of the histogram of resolution limits, finer where crystals are told apart.
Chosen, not tuned."""
_CELL_BINS = 24
"""Bins of a histogram of a cell parameter: 0.25 % of the median each, with the width
below. Chosen, not tuned."""
_CELL_SPREAD = 0.03
"""Half width of a histogram relative to the median; for angles of 100 degrees."""


def expected_multi(hits: int, images: int, single: int) -> float | None:
    """Share of indexed images with several lattices, if crystals come independently.

    Args:
        hits: Images with at least one crystal.
        images: All classified images.
        single: Indexed images, None is returned without any.
    """
    if not single or not 0 < hits < images:
        return None
    return share_of_several(hits / images)


def histogram(values: NDArray[np.floating], edges: NDArray[np.floating]) -> list[int]:
    """Counts between the (n + 1,) edges; values outside count in the end bins."""
    if not values.size:
        return [0] * (edges.size - 1)
    inside = np.clip(values, edges[0], np.nextafter(edges[-1], 0))
    counts, _ = np.histogram(inside, edges)
    return [int(n) for n in counts]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts between equally spaced edges."""

    first: float
    last: float
    counts: list[int]


def cell_histograms(cells: NDArray[np.float64]) -> list[Histogram]:
    """One histogram for each cell parameter, (n, 6) in, about their medians."""
    found = []
    for column in range(6 if len(cells) else 0):
        values = cells[:, column]
        middle = float(np.median(values))
        half = _CELL_SPREAD * (middle if column < 3 else 100.0)
        edges = np.linspace(middle - half, middle + half, _CELL_BINS + 1)
        counts = histogram(values, edges)
        found.append(
            Histogram(round(middle - half, 4), round(middle + half, 4), counts)
        )
    return found


@dataclass(frozen=True, slots=True)
class DelayBin:
    """The light images of one slot of a chain."""

    chain: int
    slot: int
    delay_s: float | None
    images: int
    hits: int
    indexed: int


def delay_clusters(delay_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the distinct delays: a gap of 1 µs and 2 % parts one from the next.

    Args:
        delay_ns: Shape (n,), NO_DELAY where unknown.

    Returns:
        Cluster of each delay in ascending order, -1 for unknown ones.
    """
    values, member = np.unique(delay_ns, return_inverse=True)
    gaps = np.diff(values, prepend=values[:1]).astype(np.float64)
    new = gaps > np.maximum(1000.0, 0.02 * np.abs(values.astype(np.float64)))
    number = np.cumsum(new)
    if values.size and values[0] == NO_DELAY:
        number = np.concatenate([[-1], number[1:] - new[1:2].sum()])
    return number[member.reshape(-1)].astype(np.int64)


def delay_bins(
    labels: Labels,
    hit: NDArray[np.bool_],
    indexed: NDArray[np.bool_],
) -> list[DelayBin]:
    """Counts of light images by chain, slot and delay.

    Args:
        labels: Labels of n images.
        hit: Shape (n,).
        indexed: Shape (n,).
    """
    light = labels.pump == LIGHT
    if not light.any():
        return []
    cluster = delay_clusters(labels.delay_ns)
    keys = np.stack([labels.chain, labels.slot, cluster], axis=1)[light]
    found, member = np.unique(keys, axis=0, return_inverse=True)
    member = member.reshape(-1)
    bins = []
    for n, (chain, slot, key) in enumerate(found):
        mine = member == n
        delay = None
        if key >= 0:
            delay = _typical_s(labels.delay_ns[light][mine])
        bins.append(
            DelayBin(
                chain=int(chain),
                slot=int(slot),
                delay_s=delay,
                images=int(mine.sum()),
                hits=int(hit[light][mine].sum()),
                indexed=int(indexed[light][mine].sum()),
            )
        )
    return bins


def _typical_s(delays_ns: NDArray[np.int64]) -> float:
    """Median delay (s), without the digits that scatter from image to image."""
    middle = float(np.median(delays_ns))
    scatter = MAD_SIGMA * float(np.median(np.abs(delays_ns - middle)))
    digits = 9 if scatter < 1 else 9 - math.ceil(math.log10(scatter))
    return round(middle / 1e9, max(6, digits))
