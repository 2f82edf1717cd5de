"""When triggers may have come, and how fast their clock runs: first guesses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import Int64Array
from recorder.ssx.chains.pattern import Pattern
from recorder.ssx.clocks.clock import PRIOR_RATE
from recorder.ssx.clocks.unknown import NO_TIME
from recorder.ssx.triggers.trigger_table import TriggerTable

_TRIED = 4096
"""First images, or triggers, that tell a typical step. `make timeline-bench`: half or
double changes no label."""
_NEVER_THE_SAME = 0.02
"""Relative difference of rates beyond which these are other triggers."""
_EVEN, _STEADY, _TYPICAL = 0.1, 1e-2, 0.05
"""Of the period, by which a step may differ and still count as even: between images,
between positions, between triggers that give a rate. Chosen, not tuned."""
_MOST, _MANY = 0.8, 0.7
"""Share of such steps that makes images, or a rate, even: some images are lost. Chosen,
not tuned."""
_LEAST_SIGMA = 1e-5
"""Relative uncertainty of a rate from a typical step, at least: the median of a few
steps is not known better. Chosen, not tuned."""


def candidates(
    ids: Int64Array,
    start_ns: Int64Array,
    timed: NDArray[np.bool_],
    table: TriggerTable,
    pattern: Pattern | None,
) -> list[Int64Array]:
    """Times that the triggers may have had: known, declared, or evenly spaced.

    Args:
        ids: image_ids, ascending, shape (n,).
        start_ns: Start times by the detector's clock, shape (n,).
        timed: Which images have a usable time, shape (n,).
        table: The triggers as captured or declared.
        pattern: The declared chains; None without any.

    Returns:
        Ascending times (ns), one array of shape (triggers,) for each possibility.
    """
    times, periodic = table.time_ns, pattern is not None and pattern.periodic
    found = []
    if times.size and (table.clock or not periodic):
        found.append(times)
    if pattern is not None and periodic and not table.clock:
        some = ids[timed], start_ns[timed]
        found.append(position_times(pattern, *some, table.size))
    if not found:
        found.append(even_times(ids[timed], start_ns[timed], table.size))
    return [times for times in found if times.size > 1]


def position_times(
    pattern: Pattern, ids: Int64Array, start_ns: Int64Array, size: int
) -> Int64Array:
    """Times of the shots of all positions, if positions follow each other evenly.

    Args:
        pattern: The declared chains.
        ids: image_ids, ascending, shape (n,).
        start_ns: Their start times, shape (n,).
        size: Number of triggers.

    Returns:
        Shape (size,), or empty: the chains do not say when the next position comes.
    """
    shots = pattern.time_ns.size
    if not shots or not pattern.periodic:
        return np.empty(0, np.int64)
    if shots == 1:
        return even_times(ids, start_ns, size)
    whole = np.flatnonzero(ids[shots:] - ids[:-shots] == shots)[:_TRIED]
    steps = start_ns[whole + shots] - start_ns[whole]
    if steps.size < 2:
        return np.empty(0, np.int64)
    period = float(np.median(steps))
    span = float(pattern.time_ns[-1] - pattern.time_ns[0])
    regular = float(np.mean(np.abs(steps - period) < _STEADY * period)) > _MOST
    if not regular or period <= span:
        return np.empty(0, np.int64)
    index = np.arange(size, dtype=np.int64)
    begun = np.rint((index // shots) * period).astype(np.int64)
    times: Int64Array = begun + pattern.time_ns[index % shots]
    return times


def even_times(ids: Int64Array, start_ns: Int64Array, size: int) -> Int64Array:
    """Times of evenly spaced triggers, as the images' own times suggest.

    Args:
        ids: image_ids, ascending, shape (n,).
        start_ns: Their start times, shape (n,).
        size: Number of triggers.

    Returns:
        Shape (size,), or empty if the images are not evenly spaced.
    """
    step = np.diff(start_ns)[np.diff(ids) == 1][:_TRIED]
    if step.size < 2:
        return np.empty(0, np.int64)
    period = float(np.median(step))
    if period <= 0 or float(np.mean(np.abs(step - period) < _EVEN * period)) < _MOST:
        return np.empty(0, np.int64)
    multiples: Int64Array = np.rint(np.arange(size) * period).astype(np.int64)
    return multiples


def first_rate(
    ids: Int64Array, start_ns: Int64Array, times: Int64Array
) -> tuple[float, float]:
    """First guess of the relative rate of the triggers' clock, and its uncertainty.

    Clocks agree within :data:`PRIOR_RATE`; a declared period that is further off
    shows in the typical step, if the steps are even.

    Args:
        ids: image_ids, ascending, shape (n,).
        start_ns: Start times, NO_TIME where unknown, shape (n,).
        times: Times of the triggers, ascending (ns), shape (triggers,).
    """
    timed = start_ns != NO_TIME
    ids, start_ns = ids[timed][:_TRIED], start_ns[timed][:_TRIED]
    images = np.diff(start_ns)[np.diff(ids) == 1]
    triggers = np.diff(times[:_TRIED])
    if images.size < 4 or triggers.size < 4:
        return 0.0, PRIOR_RATE
    one, other = float(np.median(images)), float(np.median(triggers))
    even = np.mean(np.abs(images - one) < _TYPICAL * one) > _MANY
    even &= np.mean(np.abs(triggers - other) < _TYPICAL * other) > _MANY
    if one <= 0 or not even:
        return 0.0, PRIOR_RATE
    rate = other / one - 1
    if abs(rate) <= PRIOR_RATE or abs(rate) > _NEVER_THE_SAME:
        return 0.0, PRIOR_RATE
    scatter = float(np.median(np.abs(images - one))) / one
    return rate, max(_LEAST_SIGMA, min(PRIOR_RATE, 3 * scatter))
