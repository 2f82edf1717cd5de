"""The gain that is used, and whether it can be right."""

from __future__ import annotations

import numpy as np

from recorder.records import Learned
from recorder.runs.run import Run

_LEAST = 0.5
"""Counts per photon below which photons would be counted as fractions. Chosen, not
tuned."""
_PHOTONS = 50
"""Photons that a pixel must be able to hold: a gain that leaves room for fewer is none
of a detector in use. Chosen, not tuned."""
_SAME = 0.02
"""Relative change of a gain that is none."""


def note_gain(run: Run, dtype: str, learned: Learned, given: float | None) -> str:
    """Keep the gain with the run.

    Args:
        run: Its gain and pedestal are set.
        dtype: Type of the pixels.
        learned: What the run has taught so far.
        given: Counts per photon that were set, or None.

    Returns:
        What is odd about it, for people; empty if nothing is or it was said.
    """
    background = learned.background
    gain = given if background is None else background.gain
    pedestal = 0.0 if background is None else background.pedestal
    if gain is None:
        return ""
    if run.gain is not None and abs(gain / run.gain - 1) <= _SAME:
        return ""
    run.gain, run.pedestal = round(gain, 4), round(pedestal, 3)
    highest = float(np.iinfo(dtype).max)
    if _LEAST <= gain <= highest / _PHOTONS:
        return ""
    source = "given" if given is not None else "estimated from the images"
    return (
        f"gain of {gain:.4g} counts per photon ({source}) cannot be right for pixels "
        f"of type {dtype}: set classify.gain, or mend adu_per_photon or adu_per_eV of "
        "the geometry file"
    )
