"""Images that come at another rate than declared: half of it, or twice as fast."""

from __future__ import annotations

import numpy as np

from recorder.ssx.arrays import FloatArray, Int64Array
from recorder.ssx.chains.pattern import Pattern

_SHARE = 0.7
"""Of the steps that must be longer or shorter than declared by the same factor: some
triggers are missed besides, each of which makes one step longer. Chosen, not tuned."""
_WHOLE = 0.05
"""By how much of itself such a factor may differ from a whole number: clocks and
declared periods agree much better. Chosen, not tuned."""
_ENOUGH = 4
"""Steps from which on the factor is no chance: fewer may span a missed trigger."""
_LOOKED_AT = 4096
"""First images whose steps are looked at."""


def rate_conflict(
    ids: Int64Array, start_ns: Int64Array, pattern: Pattern | None
) -> tuple[str, bool]:
    """Whether the images' period is a whole multiple or fraction of the declared one.

    Then either every second trigger made no image, or the triggers themselves came at
    half the rate: nothing tells, and labels differ.

    Args:
        ids: image_ids, ascending, shape (n,).
        start_ns: Their start times, shape (n,).
        pattern: The declared chains; None without any.

    Returns:
        What is seen, for people, empty if there is no conflict; and whether enough
        images say so.
    """
    if pattern is None or pattern.time_ns.size < 2:
        return "", False
    taken, declared = _steps(ids[:_LOOKED_AT], start_ns[:_LOOKED_AT], pattern)
    if not taken.size:
        return "", False
    for ratio, text in (
        (taken / declared, "apart"),
        (declared / np.maximum(taken, 1.0), "close"),
    ):
        factor = round(float(np.median(ratio)))
        alike = np.abs(ratio - factor) <= _WHOLE * factor
        if factor >= 2 and float(alike.mean()) >= _SHARE:
            how = "as far apart" if text == "apart" else "as close together"
            return (
                f"images come {factor} times {how} as the chains declare",
                taken.size >= _ENOUGH,
            )
    return "", False


def _steps(
    ids: Int64Array, start_ns: Int64Array, pattern: Pattern
) -> tuple[FloatArray, FloatArray]:
    """Times between images a cycle apart, and the declared ones if none was missed."""
    times, shots = pattern.time_ns, pattern.time_ns.size
    if pattern.periodic:
        lag, place = 1, ids % shots
        usable = ids[1:] // shots == ids[:-1] // shots
    else:
        cycle = pattern.cycle[:shots]
        lag = max(1, int((cycle == 0).sum())) if cycle.size and cycle[0] == 0 else 1
        lag = min(lag, max(1, ids.size - 1))
        place = np.minimum(ids, shots - 1)
        usable = ids[lag:] < shots
    declared = times[place[lag:]] - times[place[:-lag]]
    taken = start_ns[lag:] - start_ns[:-lag]
    usable &= (declared > 0) & (taken > 0)
    return taken[usable].astype(np.float64), declared[usable].astype(np.float64)
