"""Whether something grows, by least squares with an honest standard error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SIGMAS = 2.0
MAX_CORRELATION = 0.99


@dataclass(frozen=True, slots=True)
class Trend:
    """A straight line through samples."""

    slope: float
    """Units per hour."""
    error: float
    """Standard error of the slope (units per hour); infinite with too few samples."""

    def __str__(self) -> str:
        return f"{self.slope:+.2f} ± {self.error:.2f}"

    def verdict(self, limit: float) -> str:
        """``pass``, ``fail`` or ``undecided``.

        Args:
            limit: Growth that is allowed (units per hour).

        Returns:
            ``fail`` if the slope is above the limit by more than two standard errors;
            ``undecided`` if the standard error is larger than the limit, so that
            growth of three times the limit could go unseen; else ``pass``.
        """
        if self.slope - SIGMAS * self.error > limit:
            return "fail"
        return "undecided" if self.error > limit else "pass"


def trend(seconds: Sequence[float], values: Sequence[float]) -> Trend:
    """Fit a line.

    Memory grows in steps that last, so neighbouring samples are no independent
    witnesses. The error is widened by the correlation r of neighbouring residuals,
    by sqrt((1 + r) / (1 - r)).
    """
    if len(values) < 4:
        return Trend(math.nan, math.inf)
    hours = np.asarray(seconds) / 3600
    hours = hours - hours.mean()
    y = np.asarray(values, np.float64)
    spread = float((hours**2).sum())
    slope = float((hours * y).sum()) / spread
    residuals = y - y.mean() - slope * hours
    total = float((residuals**2).sum())
    if total < 1e-12:
        return Trend(slope, 0.0)
    neighbours = float((residuals[1:] * residuals[:-1]).sum()) / total
    r = min(max(0.0, neighbours), MAX_CORRELATION)
    variance = total / (len(values) - 2) / spread
    return Trend(slope, math.sqrt(variance * (1 + r) / (1 - r)))
