"""Gain, read noise and pedestal: how the variance of counts grows with their mean."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from recorder.ssx.arrays import FloatArray

_GROUPS = 12
"""Groups of pieces of equal mean: enough points for a line, enough pieces in each for a
median. Half or double changes neither gain nor spots (`make bench-quality`, Spots:
signed pixels)."""
_TELLING = 0.2
"""Share of the variance that must follow the mean before it tells the gain. Chosen, not
tuned."""
_PEDESTAL = 0.2
"""Share of the mean below which a pedestal is none: the line's error may be it. Chosen,
not tuned."""


class PhotonTransfer(NamedTuple):
    """How counts scatter; see :class:`recorder.ssx.background.noise.Noise`."""

    gain: float
    """Counts per photon."""
    read_noise: float = 0.0
    """Photons²."""
    pedestal: float = 0.0
    """Counts of a pixel without a photon."""
    told: bool = False
    """Whether the images tell the gain: their variance follows their mean."""


def photon_transfer(
    mean: FloatArray, variance: FloatArray, gain: float | None
) -> PhotonTransfer:
    """Gain, read noise and pedestal from variance against mean of short pieces.

    The pieces are sorted by mean into groups; medians, because some hold spots. The
    line's slope is the gain. Where there are no photons it leaves a variance, which is
    noise, or a mean, which is a pedestal.

    Args:
        mean: (n,) mean counts of a pixel in each piece.
        variance: (n,) variance of a pixel's counts there.
        gain: Counts per photon, if it is known.
    """
    order = np.argsort(mean, kind="stable")
    groups = [part for part in np.array_split(order, _GROUPS) if len(part)]
    if not groups:
        return PhotonTransfer(gain or 1.0)
    x = np.array([np.median(mean[part]) for part in groups])
    y = np.array([np.median(variance[part]) for part in groups])
    told = False
    if gain is None:
        spread = x - x.mean()
        size = float(np.square(spread).sum())
        slope = float((spread * y).sum()) / size if size > 0 else 0.0
        # a flat field of view tells nothing: then counts are photons
        told = slope > 0 and float(np.ptp(x)) * slope > _TELLING * float(y.mean())
        gain = slope if told else 1.0
    rest = float((y - gain * np.maximum(x, 0)).mean())
    if -rest / gain > _PEDESTAL * float(x.mean()) > 0:
        return PhotonTransfer(gain, 0.0, -rest / gain, told)
    return PhotonTransfer(gain, max(rest / gain**2, 0.0), told=told)
