"""The gain that is used, and whether it can be right."""

from __future__ import annotations

import numpy as np

from recorder.records import ClassifierSetup, Learned
from recorder.runs.run import Run
from recorder.runtime.log import get_logger

log = get_logger("runs")

_LEAST = 0.5
"""Counts per photon below which photons would be counted as fractions. Chosen, not
tuned."""
_PHOTONS = 50
"""Photons that a pixel must be able to hold: a gain that leaves room for fewer is none
of a detector in use. Chosen, not tuned."""
_APART = 2.0
"""Factor between a given gain and the one that the images show beyond which people are
told. Chosen, not tuned."""
_SAME = 0.02
"""Relative change of a gain that is none."""


def keep_gain(run: Run, setup: ClassifierSetup, learned: Learned) -> None:
    """Keep the gain with the run, and say if it is odd."""
    odd = note_gain(run, setup.dtype, learned, setup.settings.gain)
    if odd and odd not in run.notes:
        run.note(odd)
        log.warning("gain_odd", run=run.number, uid=run.uid, gain=run.gain, hint=odd)


def note_gain(run: Run, dtype: str, learned: Learned, given: float | None) -> str:
    """Keep the gain with the run.

    Args:
        run: Its gain and pedestal are set.
        dtype: Type of the pixels.
        learned: What the run has taught so far.
        given: Counts per photon that were set, or None.

    Returns:
        What is odd about it, for people; empty if nothing is.
    """
    background = learned.background
    gain = given if background is None else background.gain
    pedestal = 0.0 if background is None else background.pedestal
    if gain is None:
        return ""
    measured = None if background is None else background.measured_gain
    known = run.gain is not None and abs(gain - run.gain) <= _SAME * gain
    run.gain, run.pedestal = float(f"{gain:.5g}"), round(pedestal, 3)
    hint = (
        "set classify.gain, or mend adu_per_photon or adu_per_eV of the geometry file"
    )
    if measured is not None and not 1 / _APART < gain / measured < _APART:
        return (
            f"the given gain of {gain:.4g} counts per photon is used, but the images "
            f"scatter as if it were {measured:.2g}: {hint}"
        )
    if known or _LEAST <= gain <= float(np.iinfo(dtype).max) / _PHOTONS:
        return ""
    source = "given" if given is not None else "estimated from the images"
    return (
        f"a gain of {gain:.4g} counts per photon ({source}) cannot be right for pixels "
        f"of type {dtype}: {hint}"
    )
