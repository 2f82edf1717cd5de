"""Which trigger made each image, how sure that is, and what it says of losses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.records import Start
from recorder.ssx.arrays import Int64Array
from recorder.ssx.chains.pattern import Pattern
from recorder.ssx.clocks.clock import Clock
from recorder.ssx.clocks.nearest import spacings
from recorder.ssx.clocks.unknown import NO_ORDINAL, NO_TIME
from recorder.ssx.matching.certainty import (
    Facts,
    certainty,
    conflict_of,
    open_start,
    sums,
)
from recorder.ssx.matching.clock_breaks import Break
from recorder.ssx.matching.first_guess import candidates, first_rate
from recorder.ssx.matching.matcher import Matcher
from recorder.ssx.matching.rate_conflict import rate_conflict
from recorder.ssx.triggers.trigger_table import TriggerTable

BLOCK = 1024
"""Image ids that are matched at once: a live run is settled by these. `make
timeline-bench`: half or double changes no label."""
_FITS = 0.5
"""Share of the images that must match for triggers to be those of the images."""


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """Trigger of each image, in ascending image_id; arrays of shape (n,)."""

    ordinal: Int64Array
    """NO_ORDINAL where it is not known."""
    residual_ns: Int64Array
    """Trigger time minus prediction of the fitted clock; NO_TIME without."""
    sure: NDArray[np.bool_]
    """The ordinal rests on more than the count of images."""
    known: NDArray[np.bool_]
    """The ordinal may be used at all."""
    start: Start
    by_time: bool
    """Image times gave the ordinals; else their count did."""
    missed: int
    """Triggers before the last image that made none."""
    tail: int
    """Triggers after the last image; lost or missed, see ``made``."""
    breaks: tuple[Break, ...] = ()
    clock: Clock | None = None
    rate: float = 0.0
    """Relative rate of the triggers' clock over the image clock, over the whole run."""
    total: int | None = None
    """Triggers that there were in all; None if nobody says."""
    conflict: str = ""
    """How the images contradict the plan, so that no trigger is known; for people."""


class Assigner:
    """Places the images of a run, in blocks, as they come."""

    def __init__(self) -> None:
        self.matcher: Matcher | None = None

    def begin(self, ids: Int64Array, start_ns: Int64Array, times: Int64Array) -> None:
        """Look at the first images, and at the triggers, for the rate between them."""
        self.matcher = Matcher(*first_rate(ids, start_ns, times))

    def feed(
        self,
        ids: Int64Array,
        start_ns: Int64Array,
        times: Int64Array,
        usable: NDArray[np.bool_] | None = None,
        real: NDArray[np.bool_] | None = None,
        *,
        last: bool,
        first: int = 0,
        seek: bool = True,
    ) -> None:
        """Match further images, in blocks of BLOCK; see :meth:`Matcher.feed`.

        ``usable`` is False for triggers whose time is a guess: no image matches them;
        ``real`` for those whose time was worked out: they have no jitter to share.
        """
        if self.matcher is None:
            self.begin(ids, start_ns, times)
        if self.matcher is None:
            return
        gaps = spacings(times)
        if usable is not None and usable.size == gaps.size:
            gaps[~usable] = 0
        # Blocks of ids, not of images: the same ones whenever images come.
        edges = np.flatnonzero(np.diff(ids // BLOCK)) + 1
        starts = [0, *edges.tolist()]
        for a, b in zip(starts, [*edges.tolist(), ids.size], strict=True):
            self.matcher.feed(
                ids[a:b],
                start_ns[a:b],
                times,
                gaps,
                last=last and b == ids.size,
                first_ordinal=first,
                real=real,
                seek=seek,
            )


def place(
    ids: Int64Array,
    start_ns: Int64Array,
    table: TriggerTable,
    pattern: Pattern | None,
    facts: Facts,
    assigner: Assigner | None = None,
) -> Assignment:
    """Give each image its trigger.

    Args:
        ids: image_ids, ascending, shape (n,).
        start_ns: Start times, NO_TIME where unknown, shape (n,).
        table: The triggers.
        pattern: The declared chains.
        facts: What else is known.
        assigner: One that has been fed all these images already; None to match now.
    """
    timed = start_ns != NO_TIME
    conflict, enough = rate_conflict(ids[timed], start_ns[timed], pattern)
    if conflict and enough and not table.captured:
        return _by_count(ids, table, facts, conflict)
    if assigner is None and timed.any():
        assigner = _matched(ids, start_ns, timed, table, pattern)
    if assigner is None or assigner.matcher is None:
        return _by_count(ids, table, facts, conflict)
    matcher = assigner.matcher
    ordinal, residual, segment = matcher.arrays()
    ordinal = between(ids, ordinal, segment)
    counted = sums(ids, ordinal, table, facts)
    start, certain = certainty(
        matcher.certain, ids, ordinal, segment, counted, table, facts
    )
    sure = certain[segment] if certain.size else np.zeros(ids.size, np.bool_)
    known = sure.copy()
    if start is Start.ASSUMED:
        known |= segment == 0
    return Assignment(
        ordinal=ordinal,
        residual_ns=residual,
        sure=sure & (ordinal != NO_ORDINAL),
        known=known & (ordinal != NO_ORDINAL),
        start=start,
        by_time=True,
        missed=counted.missed,
        tail=counted.tail,
        breaks=tuple(matcher.breaks),
        clock=matcher.clock,
        rate=matcher.rate,
        total=counted.total,
        conflict="" if start is Start.PROVEN else conflict_of(counted),
    )


def _matched(
    ids: Int64Array,
    start_ns: Int64Array,
    timed: NDArray[np.bool_],
    table: TriggerTable,
    pattern: Pattern | None,
) -> Assigner | None:
    """Match to the first triggers that are those of the images."""
    for times in candidates(ids, start_ns, timed, table, pattern):
        assigner = Assigner()
        own = times is table.time_ns
        real = table.real if own else None
        assigner.feed(ids, start_ns, times, table.usable, real, last=True)
        if assigner.matcher is None:
            continue
        found = int((assigner.matcher.arrays()[0] != NO_ORDINAL).sum())
        if found >= _FITS * int(timed.sum()):
            return assigner
    return None


def between(ids: Int64Array, ordinal: Int64Array, segment: Int64Array) -> Int64Array:
    """Ordinals of images without a time of their own, where the count is forced.

    Between two images whose trigger is known, and that are as many triggers apart as
    images, every trigger made an image. All arrays have shape (n,).
    """
    index = np.arange(ids.size)
    matched = ordinal != NO_ORDINAL
    if matched.all() or not matched.any():
        return ordinal
    before = np.maximum.accumulate(np.where(matched, index, -1))
    after = np.minimum.accumulate(np.where(matched, index, ids.size)[::-1])[::-1]
    gap = np.flatnonzero(~matched & (before >= 0) & (after < ids.size))
    left, right = before[gap], after[gap]
    forced = ordinal[right] - ordinal[left] == ids[right] - ids[left]
    forced &= segment[left] == segment[right]
    ordinal = ordinal.copy()
    here = gap[forced]
    ordinal[here] = ordinal[left[forced]] + ids[here] - ids[left[forced]]
    return ordinal


def _by_count(
    ids: Int64Array, table: TriggerTable, facts: Facts, conflict: str = ""
) -> Assignment:
    """Image k has trigger k: all that can be said without times."""
    counted = sums(ids, np.full(ids.size, NO_ORDINAL, np.int64), table, facts)
    if conflict or table.floating:
        start = Start.UNCERTAIN
    elif counted.total == counted.made:
        start = Start.PROVEN
    else:
        start = open_start(counted, table, facts)
    known = np.full(ids.size, start is not Start.UNCERTAIN)
    return Assignment(
        ordinal=ids.copy(),
        residual_ns=np.full(ids.size, NO_TIME, np.int64),
        sure=np.full(ids.size, start is Start.PROVEN),
        known=known,
        start=start,
        by_time=False,
        missed=0,
        tail=max(0, counted.tail),
        total=counted.total,
        conflict=conflict,
    )
