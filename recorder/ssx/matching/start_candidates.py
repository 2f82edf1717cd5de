"""Which trigger made the first image: the candidates, and what tells them apart.

A detector counts its images, not the triggers, and its clock has an epoch of its own.
So the first image of a segment may belong to any trigger from the earliest possible one
on. Uneven triggers betray the right one by their spacing, even ones by the jitter that
trigger rows and image times share, if they share one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import MAD_SIGMA, FloatArray, Int64Array
from recorder.ssx.clocks.clock import PRIOR_RATE, QUANTUM_NS, Clock
from recorder.ssx.clocks.nearest import nearest

MAX_CANDIDATES = 2048
"""Candidates that are tried; more are not told apart."""
SEPARATION = 8.0
"""A candidate is given up if its sigma exceeds the least one by a factor of
exp(8 / sqrt(n)) over n images. The sigmas of two candidates that are both wrong differ
by a factor of exp(1 / sqrt(n)) at one standard deviation: this is eight of them."""
_WINDOWS = (16, 64, 256, 1024)
"""Images that candidates are compared over: more and more, because most fall behind
soon, and the rate is known better each time."""
_REACH = 0.45
"""Of the spacing to the next trigger: nearer to none than to one is no match."""
_LEAST = 0.9
"""Share of the images that must match for a candidate to be kept."""
_LEAST_IMAGES = 16
"""Images without which no scatter, rate or certainty is believed. `make
timeline-bench`: half or double changes no label."""
_CHANCE = -15.0
"""A chance of 3 in ten million is none."""
_TELLING, _ALIKE = 64, 1.02
"""Candidates whose scatter over so many images differs by less are all alike."""
_RATE_REACH = 1e-3
"""Relative rates further from what was expected are no clock's."""
_SCATTER = 0.1
"""Of the spacing: candidates that scatter more match by chance."""
_SPREAD = 6.0
"""Standard deviations within which a true candidate's residuals lie, from end to end:
over the spacing it is the chance of a wrong one to look so."""
_SIGMAS = 5.0
"""Standard deviations beyond which a residual is an outlier, or a rate another clock's,
as when clocks are fitted (`clock`)."""
_SAFE = 0.3
"""Of the spacing: what the rate's uncertainty may add up to before it decides which
trigger is nearest; below _REACH. Chosen, not tuned."""
_BREAK, _BREAK_NS = 4.0, 100.0
"""Growth of the scatter, and its least size, that no larger window explains."""


@dataclass(frozen=True, slots=True, eq=False)
class StartCandidates:
    """Candidates that fit, for the first image of a segment."""

    triggers: Int64Array
    """Ordinals that the first image may have, ascending; empty if none fits."""
    best: int
    """The one that fits best, -1 without any."""
    clock: Clock | None
    """How image times run against trigger times under ``best``."""
    images: int = 0
    """Images that were compared."""
    log_chance: float = 0.0
    """Natural logarithm of how many candidates would fit so well by chance."""

    @property
    def certain(self) -> bool:
        """Only one candidate fits, by enough images."""
        enough = self.images >= _LEAST_IMAGES and self.log_chance < _CHANCE
        return self.triggers.size == 1 and enough


NO_CANDIDATES = StartCandidates(np.empty(0, np.int64), -1, None)


def find_start_candidates(
    ids: Int64Array,
    start_ns: Int64Array,
    triggers: Int64Array,
    gaps: Int64Array,
    first: int,
    usual: int,
    last: int,
    clock: Clock,
) -> StartCandidates:
    """Try every candidate trigger for the first image.

    Args:
        ids: image_ids of a segment, ascending, shape (n,).
        start_ns: Their start times, shape (n,).
        triggers: Trigger times, ascending.
        gaps: Distance of each to its nearer neighbour; 0 for those that none matches.
        first: Earliest ordinal that the first image may have.
        usual: The one it has if no trigger was missed: taken if nothing tells more.
        last: Latest one.
        clock: Prior of the rate between the two clocks.

    Returns:
        What fits, see :class:`StartCandidates`.
    """
    last = min(last, triggers.size - 1, first + MAX_CANDIDATES - 1)
    candidates = np.arange(max(0, first), last + 1, dtype=np.int64)
    if not candidates.size:
        return NO_CANDIDATES
    tried = candidates.size
    rates = np.full(candidates.size, clock.rate)
    doubts = np.full(candidates.size, clock.rate_sigma)
    sigma: FloatArray = np.full(candidates.size, QUANTUM_NS)
    used = 0
    for size in _WINDOWS:
        doubt = float(np.median(doubts))
        n = _safe(start_ns[: min(size, ids.size)], doubt, gaps, candidates)
        if n <= used and used:
            break
        match = _match(ids[:n], start_ns[:n], triggers, gaps, candidates, rates)
        keep = match.mean(axis=1) >= _LEAST if n else np.ones(candidates.size, np.bool_)
        if not keep.any():
            break
        wanted = _predict(start_ns[:n], triggers[candidates[keep]], rates[keep])
        found = triggers[nearest(triggers, wanted)]
        slopes, scatter, spread = _fits(start_ns[:n], found)
        if used and scatter.min() > _BREAK * max(sigma.min(), _BREAK_NS):
            break  # the clock jumps within this window: what was seen before it counts
        candidates, rates, sigma, used = candidates[keep], rates[keep], scatter, n
        doubts = doubts[keep]
        better = (spread < doubts) & (n >= _LEAST_IMAGES)
        rates = np.where(better, slopes, rates)
        doubts = np.where(better, spread, doubts)
        if n >= _TELLING and float(sigma.max()) < _ALIKE * float(sigma.min()):
            break  # all fit alike: more images tell no more
        near_best = np.log(sigma / sigma.min()) * math.sqrt(n) <= 2 * SEPARATION
        candidates, rates, sigma, doubts = (
            column[near_best] for column in (candidates, rates, sigma, doubts)
        )
    if not used:
        return NO_CANDIDATES
    # A chance match scatters over the whole reach; jitter is small against spacings.
    around = gaps[np.minimum(candidates[:, None] + np.arange(used), gaps.size - 1)]
    near = float(np.median(around[around > 0])) if (around > 0).any() else 0.0
    real = (sigma <= _SCATTER * near) | (used < _LEAST_IMAGES)
    real &= np.abs(rates - clock.rate) <= _SIGMAS * clock.rate_sigma + _RATE_REACH
    if not real.any():
        return NO_CANDIDATES
    candidates, rates, sigma, doubts = (
        candidates[real],
        rates[real],
        sigma[real],
        doubts[real],
    )
    share = np.clip(_SPREAD * sigma / max(near, 1.0), 1e-9, 1.0)
    chance = used * np.log(share) + math.log(tried)
    return _choose(
        candidates, rates, sigma, doubts, chance, used, start_ns, triggers, usual
    )


def _safe(
    start_ns: Int64Array, doubt: float, gaps: Int64Array, candidates: Int64Array
) -> int:
    """How many images can be placed before the clock's rate becomes the question."""
    if start_ns.size == 0 or candidates.size == 0:
        return 0
    near = float(np.median(gaps[candidates[0] : candidates[0] + 4 * start_ns.size]))
    away = np.abs(start_ns - start_ns[0]) * doubt
    bad = np.flatnonzero(away > _SAFE * near)
    return int(bad[0]) if bad.size else start_ns.size


def _predict(
    start_ns: Int64Array, anchors: Int64Array, rates: FloatArray
) -> Int64Array:
    after = start_ns - start_ns[0]
    grown = after + np.rint(np.outer(rates, after)).astype(np.int64)
    wanted: Int64Array = anchors[:, None] + grown
    return wanted


def _match(
    ids: Int64Array,
    start_ns: Int64Array,
    triggers: Int64Array,
    gaps: Int64Array,
    candidates: Int64Array,
    rates: FloatArray,
) -> NDArray[np.bool_]:
    """Which images (columns) find a trigger of their own, by candidate (rows)."""
    wanted = _predict(start_ns, triggers[candidates], rates)
    found = nearest(triggers, wanted)
    good = np.abs(triggers[found] - wanted) <= _REACH * gaps[found]
    good &= found - candidates[:, None] >= ids - ids[0]
    matched: NDArray[np.bool_] = good
    return matched


def _fits(
    start_ns: Int64Array, found: Int64Array
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Slope, scatter and the slope's sigma of each candidate's pairs.

    Fitted again without outliers: a few images behind a jump would tilt the line.
    """
    x = (start_ns - start_ns[0]).astype(np.float64)
    y = (found - found[:, :1]) - x
    use = np.ones(y.shape, np.bool_)
    for _ in range(2):
        count = np.maximum(use.sum(axis=1, keepdims=True), 1)
        mean_x = (use @ x)[:, None] / count
        mean_y = (use * y).sum(axis=1, keepdims=True) / count
        dx = np.where(use, x - mean_x, 0.0)
        spread = np.maximum((dx * dx).sum(axis=1), 1.0)
        slope = (dx * (y - mean_y)).sum(axis=1) / spread
        residual = y - mean_y - slope[:, None] * (x - mean_x)
        residual -= np.median(residual, axis=1, keepdims=True)
        typical = MAD_SIGMA * np.median(np.abs(residual), axis=1, keepdims=True)
        limit = _SIGMAS * np.maximum(QUANTUM_NS, typical)
        use = np.abs(residual) <= limit
    # Not the median alone: its own scatter is larger than that of a mean square.
    clipped = np.clip(residual, -limit, limit)
    sigma = np.maximum(QUANTUM_NS, np.sqrt(np.mean(clipped**2, axis=1)))
    return slope, sigma, sigma / np.sqrt(spread)


def _choose(
    candidates: Int64Array,
    rates: FloatArray,
    sigma: FloatArray,
    doubts: FloatArray,
    chance: FloatArray,
    used: int,
    start_ns: Int64Array,
    triggers: Int64Array,
    usual: int,
) -> StartCandidates:
    """Keep the candidates whose residuals do not speak against them."""
    left = np.log(sigma / sigma.min()) * math.sqrt(max(used, 1)) <= SEPARATION
    best = int(np.argmin(sigma))
    if int(left.sum()) > 1:
        later = np.flatnonzero(left & (candidates >= usual))
        best = int(later[0]) if later.size else int(np.flatnonzero(left)[-1])
    candidate = int(triggers[candidates[best]])
    rate = rates[best : best + 1]
    part = start_ns[:used]
    wanted = _predict(part, np.array([candidate]), rate)[0]
    # Not anchored at the first image: that one may be an outlier.
    off = int(np.median(triggers[nearest(triggers, wanted)] - wanted))
    clock = Clock(
        origin_ns=int(start_ns[0]),
        at_origin_ns=candidate + off,
        rate=float(rates[best]),
        sigma_ns=float(sigma[best]),
        rate_sigma=min(float(doubts[best]), PRIOR_RATE),
        last_ns=int(start_ns[0]),
    )
    return StartCandidates(
        candidates[left], int(candidates[best]), clock, used, float(chance[best])
    )
