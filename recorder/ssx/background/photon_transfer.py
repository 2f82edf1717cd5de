"""Gain and read noise from how the variance of counts grows with their mean."""

from __future__ import annotations

import numpy as np

from recorder.ssx.arrays import FloatArray

_GROUPS = 12
"""Groups of pieces of equal mean: enough points for a line, enough pieces in each for a
median. Half or double changes neither gain nor spots (`make bench-quality`, Spots:
signed pixels)."""
_TELLING = 0.2
"""Share of the variance that must follow the mean before it tells the gain. Chosen, not
tuned."""


def gain_and_noise(
    mean: FloatArray, variance: FloatArray, gain: float | None
) -> tuple[float, float]:
    """Gain and read noise (photons²) from variance against mean of short pieces.

    The pieces are sorted by mean into groups; medians, because some hold spots.

    Args:
        mean: (n,) mean counts of a pixel in each piece.
        variance: (n,) variance of a pixel's counts there.
        gain: Counts per photon, if it is known.
    """
    order = np.argsort(mean, kind="stable")
    groups = [part for part in np.array_split(order, _GROUPS) if len(part)]
    if not groups:
        return gain or 1.0, 0.0
    x = np.array([np.median(mean[part]) for part in groups])
    y = np.array([np.median(variance[part]) for part in groups])
    if gain is None:
        spread = x - x.mean()
        size = float(np.square(spread).sum())
        slope = float(spread @ y) / size if size > 0 else 0.0
        # a flat field of view tells nothing: then counts are photons
        told = float(np.ptp(x)) * slope > _TELLING * float(y.mean())
        gain = slope if told and slope > 0 else 1.0
    return gain, max(float((y - gain * np.maximum(x, 0)).mean()) / gain**2, 0.0)
