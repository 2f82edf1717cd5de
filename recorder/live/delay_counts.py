"""Light images by time point, counted as they are labelled."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, deque

import numpy as np
from numpy.typing import NDArray

from recorder.live.traits import Counts, no_counts
from recorder.records.live_delays import DelayHistogram
from recorder.ssx.arrays import MAD_SIGMA, Int64Array
from recorder.ssx.clocks.unknown import NO_DELAY

KEPT = 4096
"""Measured delays that the histogram is made of, the latest: 40 s at 100 Hz. Chosen,
not tuned."""
BINS = 41
"""Of the histogram: 5 sigma to both sides in quarters, or up to the farthest delay that
is no outlier. Chosen, not tuned."""
OUTLIER_SIGMAS, OUTLIER_NS = 5.0, 1000.0
"""A delay is an outlier beyond both: so a scatter of 20 ns makes none of 200 ns."""
LATEST = 64
"""Groups of delays whose median is that of a cluster. Chosen, not tuned."""
Key = tuple[int, int, int]
"""Chain, slot and cluster of delays; -1 where unknown."""


class Clusters:
    """Delays that are one: a gap of 1 us and 2 % parts one from the next."""

    def __init__(self) -> None:
        self._low: list[int] = []
        self._high: list[int] = []
        self._number: list[int] = []
        self._medians: dict[int, deque[float]] = {}

    def of(self, delays_ns: Int64Array) -> int:
        """Number of the cluster that delays belong to.

        Args:
            delays_ns: Ascending, without a gap, shape (n,).
        """
        low, high = int(delays_ns[0]), int(delays_ns[-1])
        at = bisect_right(self._low, low) - 1
        near = [n for n in (at, at + 1) if self._is_near(n, low, high)]
        if near:
            place = near[0]
            self._low[place] = min(self._low[place], low)
            self._high[place] = max(self._high[place], high)
        else:
            place = at + 1
            self._low.insert(place, low)
            self._high.insert(place, high)
            self._number.insert(place, len(self._medians))
            self._medians[len(self._medians)] = deque(maxlen=LATEST)
        number = self._number[place]
        self._medians[number].append(float(np.median(delays_ns)))
        return number

    def _is_near(self, place: int, low: int, high: int) -> bool:
        if not 0 <= place < len(self._low):
            return False
        gap = max(self._low[place] - high, low - self._high[place])
        return bool(gap <= least_gap_ns(np.array([low]))[0])

    def median_s(self, number: int) -> float | None:
        """Median of a cluster's latest delays (s)."""
        values = self._medians.get(number)
        return float(np.median(values)) / 1e9 if values else None


def least_gap_ns(delays_ns: Int64Array) -> NDArray[np.float64]:
    """The gap (ns) up to which a delay is the same as another one, shape (n,)."""
    return np.maximum(1000.0, 0.02 * np.abs(delays_ns.astype(np.float64)))


class DelayCounts:
    """Counts of light images by chain, slot and delay.

    Args:
        clusters: Which delays are one; shared by all that are to be added.
    """

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters
        self.counts: dict[Key, Counts] = {}

    def add(
        self, chain: Int64Array, slot: Int64Array, delay_ns: Int64Array, by: Counts
    ) -> None:
        """Count images, arrays (n,) and (n, 7)."""
        if not chain.size:
            return
        order = np.lexsort((delay_ns, slot, chain))
        chain, slot, delay_ns = chain[order], slot[order], delay_ns[order]
        with np.errstate(over="ignore"):  # an unknown delay is far from all others
            gap = np.diff(delay_ns.astype(np.float64))
        new = (np.diff(chain) != 0) | (np.diff(slot) != 0)
        new |= gap > least_gap_ns(delay_ns[1:])
        starts = np.concatenate(([0], np.flatnonzero(new) + 1))
        sums = np.add.reduceat(by[order], starts, axis=0)
        for first, end, total in zip(
            starts.tolist(), [*starts.tolist()[1:], chain.size], sums, strict=True
        ):
            known = int(delay_ns[first]) != NO_DELAY
            cluster = self._clusters.of(delay_ns[first:end]) if known else -1
            key = (int(chain[first]), int(slot[first]), cluster)
            self.counts[key] = self.counts.get(key, no_counts()) + total


class Measured:
    """The latest measured delays, for their histogram."""

    def __init__(self) -> None:
        self._latest: deque[tuple[int, int]] = deque(maxlen=KEPT)
        self._ahead: list[tuple[int, int]] = []

    def set_ahead(self, slot: Int64Array, delay_ns: Int64Array) -> None:
        """Delays that are told, but not settled; in the place of those before."""
        self._ahead = _known(slot, delay_ns)

    def add(self, slot: Int64Array, delay_ns: Int64Array) -> None:
        """Add delays with the detection event that they are of, shape (n,)."""
        self._latest.extend(_known(slot, delay_ns))

    def histogram(self) -> DelayHistogram:
        """Of the most frequent event."""
        every = [*self._latest, *self._ahead]
        if not every:
            return DelayHistogram()
        most, _ = Counter(slot for slot, _ in every).most_common(1)[0]
        found = np.array([delay for slot, delay in every if slot == most], np.float64)
        middle = float(np.median(found))
        scatter = MAD_SIGMA * float(np.median(np.abs(found - middle)))
        limit = max(OUTLIER_SIGMAS * scatter, OUTLIER_NS)
        good = found[np.abs(found - middle) <= limit]
        farthest = float(np.abs(good - middle).max())  # each one has its bin
        half = max(OUTLIER_SIGMAS * scatter, farthest, 1.0)
        counts, _ = np.histogram(good, BINS, (middle - half, middle + half))
        return DelayHistogram(
            low_s=(middle - half) / 1e9,
            step_s=2 * half / BINS / 1e9,
            counts=tuple(counts.tolist()),
            mean_s=float(good.mean()) / 1e9,
            sigma_s=float(good.std()) / 1e9,
            outliers=int(found.size - good.size),
        )


def _known(slot: Int64Array, delay_ns: Int64Array) -> list[tuple[int, int]]:
    known = delay_ns != NO_DELAY
    return list(zip(slot[known].tolist(), delay_ns[known].tolist(), strict=True))
