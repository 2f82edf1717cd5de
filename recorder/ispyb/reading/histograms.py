"""Histograms of unit cells, as py-ISPyB makes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

BINS = 50
"""Bars of a histogram: py-ISPyB's."""
FAR = 1.5
"""Interquartile ranges beyond the quartiles where a value is left out: py-ISPyB's."""
Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Of one parameter of the cell."""

    x: tuple[float, ...]
    """51 edges, in Å or degrees."""
    y: tuple[int, ...]
    """50 counts."""
    median: float
    """Of all values, those left out as well."""


def histogram(values: Floats) -> Histogram | None:
    """The histogram of values; None without any.

    Args:
        values: Float64 of shape (n,), finite.
    """
    if not len(values):
        return None
    low, high = np.quantile(values, (0.25, 0.75))
    far = FAR * (high - low)
    near = values[(values >= low - far) & (values <= high + far)]
    counts, edges = np.histogram(near, bins=BINS)
    return Histogram(
        tuple(edges.tolist()), tuple(counts.tolist()), float(np.median(values))
    )
