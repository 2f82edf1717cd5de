"""Bridges a gap in the images, with the clock before it and the rate after it."""

from __future__ import annotations

import numpy as np

from recorder.ssx.arrays import Int64Array
from recorder.ssx.clocks.clock import DRIFT
from recorder.ssx.matching.start_candidates import StartCandidates

DOUBT = 0.25
"""Share of the spacing: a time that is known less well names no trigger."""
_DOUBTS = 4
"""Standard deviations of the bridged clock within which the trigger must lie. Chosen,
not tuned."""


def bridge_gap(
    candidates: StartCandidates,
    before: tuple[int, int],
    start_ns: int,
    triggers: Int64Array,
    gaps: Int64Array,
) -> int | None:
    """The candidate that the last match before the gap leads to.

    Args:
        candidates: Candidates for the first image after the gap.
        before: Index of the last matched trigger, and its image's start time (ns).
        start_ns: Start time of the first image after the gap.
        triggers: Trigger times, ascending (ns).
        gaps: Distance of each to its nearer neighbour (ns).

    Returns:
        Index of a trigger; None if the gap is too long for what is known of the clock.
    """
    ordinal, source = before
    if candidates.clock is None or not 0 <= ordinal < triggers.size:
        return None
    away = start_ns - source
    wanted = int(triggers[ordinal]) + away + round(away * candidates.clock.rate)
    doubt = (
        abs(away) * (candidates.clock.rate_sigma + DRIFT)
        + 2 * candidates.clock.sigma_ns
    )
    off = np.abs(triggers[candidates.triggers] - wanted)
    candidate = int(candidates.triggers[np.argmin(off)])
    sure = doubt <= DOUBT * gaps[candidate] and int(off.min()) <= _DOUBTS * doubt
    return candidate if sure else None
