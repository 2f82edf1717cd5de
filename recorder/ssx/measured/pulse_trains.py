"""Regular pulses hidden in a list of times: the least set of pulse trains.

Each train has a first pulse, a period, and places where a pulse is due. Found one after
the other, the one that explains most pulses first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import MAD_SIGMA, FloatArray, Int64Array
from recorder.ssx.clocks.clock import QUANTUM_NS

MAX_TRAINS = 16
"""Trains that are looked for in one list; what is left is irregular. Chosen, not
tuned."""
MAX_LAG = 16
"""Pulses from one to the next of its train, at most: so many trains may be interleaved.
Half or double changes no period (`make timeline-bench`)."""
_SAMPLE = 4096
"""Pulses that tell a period; the train then follows all. Half or double changes no
period (`make timeline-bench`)."""
_COVERED = 0.5
"""Share of the due pulses that a train must have."""
_BETTER = 1.2
"""A longer period must explain so many times the pulses of a shorter one. Chosen, not
tuned."""
_SIGMAS = 8.0
"""Standard deviations by which a pulse may be off its place, as when images are
matched. Half or double changes no period by more than 0.0001 ppm (`make
timeline-bench`)."""
_LEAST_NS = 2000.0
"""Distance (ns) below which no pulse is refused, as when images are matched. Half or
double changes no period (`make timeline-bench`)."""
_NEAR_GAP, _NEAR_PERIOD = 0.3, 0.1
"""Of the smallest gap, and of the period: how far a pulse may be from its place before
the scatter is known. Chosen, not tuned."""
_TELLING = 12
"""Pulses from which their scatter is an estimate."""


@dataclass(frozen=True, slots=True)
class Train:
    """Pulses at ``first_ns + k * period_ns`` for k = 0 … count - 1."""

    first_ns: float
    """Fitted, not that of a single pulse; from the origin given."""
    period_ns: float | None
    """None for a single pulse, and for pulses without any order."""
    count: int
    """Pulses due, from the first to the last one seen."""
    seen: int
    jitter_ns: float = 0.0
    """Robust standard deviation from the places due."""
    period_sigma_ns: float = 0.0
    irregular: bool = False
    """Pulses that no train explains: ``count`` of them from the first one on."""

    @property
    def drops(self) -> int:
        """Pulses that were due and did not come."""
        return self.count - self.seen


def find_trains(times: Int64Array, origin_ns: int = 0) -> list[Train]:
    """The least set of trains that explains the times.

    Args:
        times: Ascending (ns), shape (n,).
        origin_ns: What ``first_ns`` of the trains counts from.

    Returns:
        Trains by their first pulse; what none explains is one irregular entry.
    """
    left = (times - origin_ns).astype(np.float64)
    trains: list[Train] = []
    while left.size > 2 and len(trains) < MAX_TRAINS:
        best = _best_period(left)
        if best is None:
            break
        train, mine = _follow(left, best, left.size)
        if mine.sum() < 3:
            break
        trains.append(train)
        left = left[~mine]
    trains += _rest(left)
    return sorted(trains, key=lambda train: train.first_ns)


def _rest(left: FloatArray) -> list[Train]:
    if left.size == 0:
        return []
    if left.size <= 2:
        return [Train(float(t), None, 1, 1) for t in left]
    return [Train(float(left[0]), None, left.size, left.size, irregular=True)]


def _best_period(left: FloatArray) -> float | None:
    """The period that explains most of the first pulses, the shortest of equals."""
    sample = left[:_SAMPLE]
    best: tuple[int, float] | None = None
    for lag in range(1, min(MAX_LAG, sample.size - 1) + 1):
        period = float(np.median(sample[lag:] - sample[:-lag]))
        if period <= 0:
            continue
        train, mine = _follow(sample, period, sample.size)
        explained = int(mine.sum())
        if explained < 3 or train.seen < _COVERED * train.count:
            continue
        if best is None or explained > _BETTER * best[0]:
            best = (explained, train.period_ns or period)
    return None if best is None else best[1]


def _follow(
    times: FloatArray, period: float, size: int
) -> tuple[Train, NDArray[np.bool_]]:
    """Fit a train that begins with the first time, over more and more of them."""
    gaps = np.diff(times[: min(size, _SAMPLE)])
    smallest = float(gaps[gaps > 0].min()) if (gaps > 0).any() else period
    limit = widest = min(_NEAR_GAP * smallest, _NEAR_PERIOD * period)
    first, jitter, end = float(times[0]), QUANTUM_NS, 8
    spread = 1.0
    while True:
        end = min(end, size)
        part = times[:end]
        place = np.rint((part - first) / period)
        off = part - first - place * period
        good = _one_each(place, np.abs(off) <= limit)
        if good.sum() >= 3:
            first, period, jitter, spread = _line(place[good], part[good])
            if good.sum() >= _TELLING:
                limit = min(widest, max(_LEAST_NS, _SIGMAS * jitter))
        if end == size:
            break
        end *= 2
    place = np.rint((times - first) / period)
    off = np.abs(times - first - place * period)
    mine = _one_each(place, (off <= limit) & (place >= 0))
    last = int(place[mine].max(initial=0))
    seen = int(mine.sum())
    train = Train(first, period, last + 1, seen, jitter, jitter / spread)
    return train, mine


def _one_each(place: FloatArray, good: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Only the first of several pulses at one place."""
    index = np.flatnonzero(good)
    again = index[1:][np.diff(place[index]) <= 0]
    good[again] = False
    return good


def _line(place: FloatArray, times: FloatArray) -> tuple[float, float, float, float]:
    """First pulse, period, jitter and the square root of the places' spread."""
    base = times[0]
    mean = float(place.mean())
    dx = place - mean
    spread = float(dx @ dx) or 1.0
    y = times - base
    period = float(dx @ (y - y.mean())) / spread
    start = float(y.mean()) - period * mean
    off = y - start - period * place
    jitter = max(QUANTUM_NS / 4, MAD_SIGMA * float(np.median(np.abs(off))))
    return float(base) + start, period, jitter, float(np.sqrt(spread))
