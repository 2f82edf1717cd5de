"""Light images by time point, counted as they are labelled."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, deque

import numpy as np

from recorder.live.traits import Counts, no_counts
from recorder.records.live import DelayHistogram
from recorder.ssx.arrays import MAD_SIGMA, Int64Array
from recorder.ssx.clocks.unknown import NO_DELAY

KEPT = 4096
"""Measured delays that the histogram is made of, the latest: 40 s at 100 Hz. Chosen,
not tuned."""
BINS = 41
"""Of the histogram: 5 sigma to both sides in quarters. Chosen, not tuned."""
OUTLIER_SIGMAS, OUTLIER_NS = 5.0, 1000.0
"""A delay is an outlier beyond both: so a scatter of 20 ns makes none of 200 ns."""
Key = tuple[int, int, int]
"""Chain, slot and cluster of delays; -1 where unknown."""


class Clusters:
    """Delays that are one: a gap of 1 us and 2 % parts one from the next."""

    def __init__(self) -> None:
        self._low: list[int] = []
        self._high: list[int] = []
        self._number: list[int] = []
        self._values: dict[int, deque[int]] = {}
        self._next = 0

    def of(self, delay_ns: int) -> int:
        """Number of the cluster that a delay belongs to; -1 of no delay."""
        if delay_ns == NO_DELAY:
            return -1
        at = bisect_right(self._low, delay_ns) - 1
        for place in (at, at + 1):
            if 0 <= place < len(self._low) and self._near(place, delay_ns):
                self._low[place] = min(self._low[place], delay_ns)
                self._high[place] = max(self._high[place], delay_ns)
                number = self._number[place]
                self._values[number].append(delay_ns)
                return number
        self._low.insert(at + 1, delay_ns)
        self._high.insert(at + 1, delay_ns)
        self._number.insert(at + 1, self._next)
        self._values[self._next] = deque([delay_ns], maxlen=KEPT)
        self._next += 1
        return self._next - 1

    def _near(self, place: int, delay_ns: int) -> bool:
        gap = max(self._low[place] - delay_ns, delay_ns - self._high[place])
        return gap <= max(1000.0, 0.02 * abs(delay_ns))

    def median_s(self, number: int) -> float | None:
        """Median of a cluster's latest delays (s)."""
        values = self._values.get(number)
        return float(np.median(values)) / 1e9 if values else None


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
        keys = np.stack([chain, slot, delay_ns], axis=1)
        found, member = np.unique(keys, axis=0, return_inverse=True)
        sums = np.zeros((len(found), by.shape[1]), np.int64)
        np.add.at(sums, member.reshape(-1), by)
        for (of_chain, of_slot, delay), total in zip(found.tolist(), sums, strict=True):
            key = (of_chain, of_slot, self._clusters.of(delay))
            known = self.counts.setdefault(key, no_counts())
            known += total


class Measured:
    """The latest measured delays, for their histogram."""

    def __init__(self) -> None:
        self._latest: deque[tuple[int, int]] = deque(maxlen=KEPT)

    def add(self, slot: Int64Array, delay_ns: Int64Array) -> None:
        """Add delays with the detection event that they are of, shape (n,)."""
        known = delay_ns != NO_DELAY
        self._latest.extend(
            zip(slot[known].tolist(), delay_ns[known].tolist(), strict=True)
        )

    def histogram(self) -> DelayHistogram:
        """Of the most frequent event."""
        if not self._latest:
            return DelayHistogram()
        most, _ = Counter(slot for slot, _ in self._latest).most_common(1)[0]
        found = np.array([d for slot, d in self._latest if slot == most], np.float64)
        middle = float(np.median(found))
        scatter = MAD_SIGMA * float(np.median(np.abs(found - middle)))
        limit = max(OUTLIER_SIGMAS * scatter, OUTLIER_NS)
        good = found[np.abs(found - middle) <= limit]
        half = max(OUTLIER_SIGMAS * scatter, 1.0)
        counts, _ = np.histogram(good, BINS, (middle - half, middle + half))
        return DelayHistogram(
            low_s=(middle - half) / 1e9,
            step_s=2 * half / BINS / 1e9,
            counts=tuple(counts.tolist()),
            mean_s=float(good.mean()) / 1e9,
            sigma_s=float(good.std()) / 1e9,
            outliers=int(found.size - good.size),
        )
