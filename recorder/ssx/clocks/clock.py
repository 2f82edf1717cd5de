"""How one clock runs against another: an affine relation, fitted, never assumed.

Times are integers (ns). Only differences to an anchor become floats: they stay below
2^53 ns (104 days), where every integer is exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from recorder.ssx.arrays import MAD_SIGMA, FloatArray, Int64Array

PRIOR_RATE = 3e-4
"""Clocks and declared periods are trusted to 300 ppm before anything is fitted."""
DRIFT = 2e-7
"""Change of a clock's rate (relative) that is reckoned with after the last anchor."""
QUANTUM_NS = 8.0
"""No residual is smaller: detectors and timing hardware tick in 8 to 20 ns."""
ALARM_PPM = 100.0
"""A rate or period (parts per million) that is further off is said: quartz clocks agree
to some 50. Chosen, not tuned."""
_OUTLIER = 5.0
"""Robust standard deviations beyond which a pair of times is left out of a fit: of
normal jitter one in two million. `make timeline-bench`: half or double changes no
label."""


@dataclass(frozen=True, slots=True)
class Clock:
    """``target = at_origin_ns + (source - origin_ns) * (1 + rate)``."""

    origin_ns: int
    """A time of the source clock, amid its anchors."""
    at_origin_ns: int
    """The same moment on the target clock."""
    rate: float = 0.0
    """Relative: 1e-6 is 1 ppm."""
    sigma_ns: float = QUANTUM_NS
    """Robust standard deviation of the residuals."""
    rate_sigma: float = PRIOR_RATE
    anchors: int = 0
    """Pairs of times that the fit rests on."""
    last_ns: int = 0
    """Source time of the last anchor."""

    @property
    def ppm(self) -> float:
        """Rate against the target clock in parts per million."""
        return self.rate * 1e6

    def moved(self, later_ns: int) -> Clock:
        """The same clock against triggers that come so much later (ns)."""
        return replace(self, at_origin_ns=self.at_origin_ns + later_ns)

    def predict(self, source_ns: Int64Array) -> Int64Array:
        """Target times (ns) of source times (ns), both of shape (n,)."""
        after = source_ns - self.origin_ns
        grown: Int64Array = after + np.rint(after * self.rate).astype(np.int64)
        return self.at_origin_ns + grown

    def doubt_ns(self, source_ns: Int64Array) -> FloatArray:
        """How far a prediction may be off (ns, one sigma), shape (n,)."""
        away = np.abs(source_ns - self.last_ns).astype(np.float64)
        allowance = DRIFT if self.anchors else 0.0
        doubt: FloatArray = self.sigma_ns + away * (self.rate_sigma + allowance)
        return doubt


def fit_clock(
    source_ns: Int64Array, target_ns: Int64Array, prior: Clock | None = None
) -> tuple[Clock, Int64Array]:
    """Relate two clocks by pairs of times of the same moments.

    A straight line by least squares, fitted again without pairs that are further off
    than five robust standard deviations.

    Args:
        source_ns: Times on one clock, ascending, shape (n,), n at least 1.
        target_ns: The same moments on the other clock, shape (n,).
        prior: Whose rate is kept while it is better known than these pairs tell.

    Returns:
        The relation, and the residuals (ns, target minus prediction), shape (n,).
    """
    middle = int(source_ns[len(source_ns) // 2])
    anchor = int(target_ns[len(source_ns) // 2])
    x = (source_ns - middle).astype(np.float64)
    y = (target_ns - anchor).astype(np.float64) - x
    rate, known = (prior.rate, prior.rate_sigma) if prior else (0.0, PRIOR_RATE)
    use = np.ones(x.size, np.bool_)
    offset, sigma, sigma_rate = 0.0, QUANTUM_NS, known
    for _ in range(3):
        offset, slope, sigma, spread = _line(x[use], y[use])
        sigma_rate = spread
        if spread < known or (prior is None and spread < PRIOR_RATE):
            rate = slope
        else:
            sigma_rate = known
            offset = float(np.median(y[use] - rate * x[use]))
            sigma = _robust(y[use] - rate * x[use] - offset)
        off = np.abs(y - rate * x - offset)
        good = off <= _OUTLIER * sigma
        if bool((good == use).all()) or not good.any():
            break
        use = good
    whole = round(offset)
    clock = Clock(
        origin_ns=middle,
        at_origin_ns=anchor + whole,
        rate=rate,
        sigma_ns=sigma,
        rate_sigma=sigma_rate,
        anchors=int(use.sum()),
        last_ns=int(source_ns[-1]),
    )
    return clock, target_ns - clock.predict(source_ns)


def _line(x: FloatArray, y: FloatArray) -> tuple[float, float, float, float]:
    """Offset, slope, residual sigma and the slope's standard deviation."""
    mean_x, mean_y = float(x.mean()), float(y.mean())
    dx = x - mean_x
    spread = float(dx @ dx)
    if x.size < 3 or spread == 0.0:
        return mean_y, 0.0, QUANTUM_NS, math.inf
    slope = float(dx @ (y - mean_y)) / spread
    offset = mean_y - slope * mean_x
    sigma = _robust(y - offset - slope * x)
    return offset, slope, sigma, sigma / math.sqrt(spread)


def _robust(residual: FloatArray) -> float:
    """Standard deviation from the median absolute deviation, at least a tick."""
    return max(QUANTUM_NS, MAD_SIGMA * float(np.median(np.abs(residual))))
