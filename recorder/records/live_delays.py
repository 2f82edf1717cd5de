"""Measured delays, as a live state has them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DelayHistogram:
    """Measured delays around the median one."""

    low_s: float = 0.0
    step_s: float = 0.0
    counts: tuple[int, ...] = ()
    mean_s: float | None = None
    sigma_s: float | None = None
    outliers: int = 0
    """Farther from the median than 5 sigma (by the MAD) and 1 us."""
