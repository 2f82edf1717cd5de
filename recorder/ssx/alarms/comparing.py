"""What changed: the time since a change beside the time before it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from recorder.ssx.alarms.events import Evidence
from recorder.ssx.alarms.history import FLAGS, VALUES, Bins, selected
from recorder.ssx.alarms.wilson import score_z
from recorder.ssx.arrays import MAD_SIGMA, FloatArray, Int64Array

SURE = 3.0
"""Standard deviations of a change that counts as one: 1 in 370 by chance."""
_LEAST_BEFORE = 10
"""Bins before the change, at least: with fewer nothing is known of their spread."""
_LEAST_EXPECTED = 5.0
"""Expected successes and failures for a score test, at least: the rule of thumb below
which its tails are no longer those of a normal distribution."""
_LEAST_SPREAD = 0.02
"""Standard deviation of a median relative to it, at least: nobody calls a change of
6 % of the solvent ring a cause, be it ever so sure. Chosen, not tuned."""
_CELL_SPREAD = 0.001
"""The same of the mean logarithm of the cell's lengths: 0.3 % are a change."""
_BATCH_S = 2
"""Batches in which the wander of a rate is measured, s."""
_LEAST_BATCHES = 30
"""Batches without which the wander is not known: a minute."""

SHARES = {
    "hit rate": ("hits", "processed"),
    "index rate of hits": ("indexed", "tried"),
    "images with several lattices": ("several", "several_tried"),
    "images with rings": ("rings", "processed"),
    "unprocessed images": ("unprocessed", "images"),
    "hit rate, light": ("light_hits", "light"),
    "hit rate, dark": ("dark_hits", "dark"),
}
"""Shares that are compared: what is counted, of what."""
LIGHT_TO_DARK = "hit rate, light over dark"
"""Whether light and dark changed apart."""
_PLACE = {name: n for n, name in enumerate(FLAGS)}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Each quantity before and since the change; one that is missing is not known."""

    changes: tuple[Evidence, ...]
    wander: float
    """How many times the hits of 2 s vary as much as chance makes them; 1 if that is
    not known."""

    def z(self, name: str) -> float:
        """Standard deviations of the change of a quantity; NaN: not known."""
        found = self.of(name)
        return math.nan if found is None else found.z

    def of(self, name: str) -> Evidence | None:
        """A quantity; None: not known."""
        return next((one for one in self.changes if one.name == name), None)


def compared(bins: Bins, since_image: int) -> Comparison:
    """Compares what came since an image with what was before.

    Args:
        bins: Up to now; the last may be open.
        since_image: First image of the change. The bin that it lies in counts for
            neither side, unless it is the last.
    """
    first = np.concatenate([[-1], bins.last_image[:-1]]) + 1
    before = selected(bins, bins.last_image < since_image)
    after = selected(bins, first >= since_image)
    if not after.second.size:
        after = selected(bins, bins.last_image >= since_image)
    if before.second.size < _LEAST_BEFORE or not after.second.size:
        return Comparison((), 1.0)
    wander = overdispersion(before) or 1.0
    changes = [
        *_shares(before, after, wander),
        *_light_to_dark(before, after),
        *_medians(before, after),
    ]
    return Comparison(tuple(changes), wander)


def _shares(before: Bins, after: Bins, wander: float) -> list[Evidence]:
    found = []
    sums = before.counts.sum(axis=0), after.counts.sum(axis=0)
    for name, (part, whole) in SHARES.items():
        (k, n), (j, m) = (
            (float(one[_PLACE[part]]), float(one[_PLACE[whole]])) for one in sums
        )
        if n <= 0 or m <= 0:
            continue
        pooled = (k + j) / (n + m)
        z = score_z((k, n), (j, m))
        if min(pooled, 1 - pooled) * min(n, m) < _LEAST_EXPECTED:
            z = 0.0 if math.isnan(z) or abs(z) < _small(k, n, j, m) else z
        if part.endswith("hits"):
            z /= math.sqrt(max(1.0, wander))
        found.append(Evidence(name, k / n, j / m, 0.0 if math.isnan(z) else z))
    return found


def _light_to_dark(before: Bins, after: Bins) -> list[Evidence]:
    """Ratio of the hit rates of light and dark images: what both share cancels out."""
    logs, variance = [], 0.0
    for bins in (before, after):
        sums = bins.counts.sum(axis=0)
        log = 0.0
        for sign, part, whole in (
            (1, "light_hits", "light"),
            (-1, "dark_hits", "dark"),
        ):
            # half a success more keeps the logarithm of none finite
            k, n = float(sums[_PLACE[part]]) + 0.5, float(sums[_PLACE[whole]]) + 1
            if n <= 1:
                return []
            log += sign * math.log(k / n)
            variance += 1 / k - 1 / n
        logs.append(log)
    z = (logs[1] - logs[0]) / math.sqrt(variance)
    return [Evidence(LIGHT_TO_DARK, math.exp(logs[0]), math.exp(logs[1]), z)]


def _small(k: float, n: float, j: float, m: float) -> float:
    """What a score must exceed where few are expected: the skew of the tail is added.

    A Poisson count with a mean of 1 is at 4 or more as often as a normal one beyond
    3.4 standard deviations times this.
    """
    pooled = min((k + j) / (n + m), 1 - (k + j) / (n + m))
    expected = max(pooled * min(n, m), 1e-9)
    return SURE + 1 / math.sqrt(expected)


def _medians(before: Bins, after: Bins) -> list[Evidence]:
    found = []
    for n, name in enumerate(VALUES):
        old, new = _known(before.medians[:, n]), _known(after.medians[:, n])
        if old.size < _LEAST_BEFORE or not new.size:
            continue
        middle, spread = centre_and_spread(old)
        least = _CELL_SPREAD if name == "cell" else _LEAST_SPREAD * abs(middle)
        now = float(np.median(new))
        sigma = max(spread, least)
        z = (now - middle) / sigma if sigma > 0 else math.copysign(99.0, now - middle)
        if name == "cell":
            middle, now = math.exp(middle), math.exp(now)
        found.append(Evidence(name, middle, now, z))
    return found


def _known(values: FloatArray) -> FloatArray:
    return np.asarray(values[np.isfinite(values)])


def centre_and_spread(values: FloatArray) -> tuple[float, float]:
    """Median, and standard deviation from the median absolute deviation."""
    middle = float(np.median(values))
    return middle, MAD_SIGMA * float(np.median(np.abs(values - middle)))


def overdispersion(bins: Bins) -> float | None:
    """By how much the hits of batches of 2 s vary beyond chance.

    Returns:
        Variance over that of a binomial distribution with the mean rate: 1 for a
        constant rate. None where too few batches are known.
    """
    batch = bins.second // _BATCH_S
    starts = np.flatnonzero(np.diff(batch, prepend=-1))
    if starts.size < _LEAST_BATCHES:
        return None
    sums: Int64Array = np.add.reduceat(bins.counts, starts, axis=0)
    n, k = sums[:, _PLACE["processed"]], sums[:, _PLACE["hits"]]
    n, k = n[n > 0], k[n > 0]
    if n.size < _LEAST_BATCHES:
        return None
    rate = float(k.sum() / n.sum())
    if not 0 < rate < 1:
        return None
    return float(np.mean((k - n * rate) ** 2 / (n * rate * (1 - rate))))
