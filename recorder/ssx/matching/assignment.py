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
from recorder.ssx.matching.clock_breaks import Break
from recorder.ssx.matching.first_guess import candidates, first_rate
from recorder.ssx.matching.matcher import Matcher
from recorder.ssx.triggers.trigger_table import Reference

BLOCK = 1024
_FITS = 0.5
"""Share of the images that must match for triggers to be those of the images."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a run besides images and events."""

    announced: bool = True
    header: bool = True
    """The series was followed from its beginning."""
    ended: bool = False
    success: bool = False
    """It ended as planned: all triggers were given."""
    made: int | None = None
    """Images that the detector made, where somebody says so."""
    triggers: int | None = None
    """Triggers that the run was announced with."""


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
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


class Placer:
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
        *,
        last: bool,
        first: int = 0,
    ) -> None:
        """Match further images, in blocks of BLOCK; see :meth:`Matcher.feed`.

        ``usable`` is False for triggers whose time is a guess: no image matches them.
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
                ids[a:b], start_ns[a:b], times, gaps, last=last and b == ids.size,
                first_ordinal=first,
            )  # fmt: skip


def place(
    ids: Int64Array,
    start_ns: Int64Array,
    reference: Reference,
    pattern: Pattern | None,
    facts: Facts,
    placer: Placer | None = None,
) -> Placement:
    """Give each image its trigger.

    Args:
        ids: image_ids, ascending, shape (n,).
        start_ns: Start times, NO_TIME where unknown, shape (n,).
        reference: The triggers.
        pattern: The declared chains.
        facts: What else is known.
        placer: One that has been fed all these images already; None to match now.
    """
    timed = start_ns != NO_TIME
    if placer is None and timed.any():
        placer = _matched(ids, start_ns, timed, reference, pattern)
    if placer is None or placer.matcher is None:
        return _by_count(ids, reference, facts)
    matcher = placer.matcher
    ordinal, residual, stretch = matcher.arrays()
    ordinal = between(ids, ordinal, stretch)
    missed, tail = _losses(ids, ordinal, reference, facts)
    start, certain = _certainty(
        matcher.certain, ids, ordinal, stretch, tail, reference, facts
    )
    sure = certain[stretch] if certain.size else np.zeros(ids.size, np.bool_)
    known = sure.copy()
    if start is Start.ASSUMED:
        known |= stretch == 0
    return Placement(
        ordinal=ordinal,
        residual_ns=residual,
        sure=sure & (ordinal != NO_ORDINAL),
        known=known & (ordinal != NO_ORDINAL),
        start=start,
        by_time=True,
        missed=missed,
        tail=tail,
        breaks=tuple(matcher.breaks),
        clock=matcher.clock,
        rate=matcher.rate,
    )


def _matched(
    ids: Int64Array,
    start_ns: Int64Array,
    timed: NDArray[np.bool_],
    reference: Reference,
    pattern: Pattern | None,
) -> Placer | None:
    """Match to the first triggers that are those of the images."""
    for times in candidates(ids, start_ns, timed, reference, pattern):
        placer = Placer()
        placer.feed(ids, start_ns, times, reference.usable, last=True)
        if placer.matcher is None:
            continue
        found = int((placer.matcher.arrays()[0] != NO_ORDINAL).sum())
        if found >= _FITS * int(timed.sum()):
            return placer
    return None


def between(ids: Int64Array, ordinal: Int64Array, stretch: Int64Array) -> Int64Array:
    """Ordinals of images without a time of their own, where the count is forced.

    Between two images whose trigger is known, and that are as many triggers apart as
    images, every trigger made an image.
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
    forced &= stretch[left] == stretch[right]
    ordinal = ordinal.copy()
    here = gap[forced]
    ordinal[here] = ordinal[left[forced]] + ids[here] - ids[left[forced]]
    return ordinal


def _losses(
    ids: Int64Array, ordinal: Int64Array, reference: Reference, facts: Facts
) -> tuple[int, int]:
    """Triggers that made no image: before the last image, and after it."""
    matched = np.flatnonzero(ordinal != NO_ORDINAL)
    if not matched.size:
        return 0, 0
    last = int(matched[-1])
    missed = int(ordinal[last] - ids[last])
    total = reference.triggers
    if total is None:
        return missed, 0
    made = max(facts.made or 0, int(ids[-1]) + 1)
    return missed, total - made - missed


def _certainty(
    certain: list[bool],
    ids: Int64Array,
    ordinal: Int64Array,
    stretch: Int64Array,
    tail: int,
    reference: Reference,
    facts: Facts,
) -> tuple[Start, NDArray[np.bool_]]:
    """How sure the start is, and which stretches are certain.

    A stretch has the lowest ordinals that it can have. It cannot have higher ones if
    there is no room before what follows: a certain stretch, or the end of the triggers.
    So certainty goes back from there.
    """
    flags = np.array(certain, np.bool_)
    matched = np.flatnonzero(ordinal != NO_ORDINAL)
    follows = reference.triggers is not None and tail == 0
    if tail < 0 and (
        reference.clock or (matched.size and ordinal[matched[-1]] > ids[-1])
    ):
        # More triggers used than there were: some jump was taken for missed triggers.
        return Start.UNCERTAIN, np.zeros(flags.size, np.bool_)
    missed = ordinal - ids
    for number in range(flags.size - 1, -1, -1):
        mine = matched[stretch[matched] == number]
        if not mine.size:
            continue
        after = matched[matched > mine[-1]]
        room = missed[after[0]] - missed[mine[-1]] if after.size else 0
        flags[number] = flags[number] or (follows and room == 0)
        follows = bool(flags[number])
    used = int(ids[-1]) + 1 if ids.size else 0
    used = max(used, facts.made or 0) + (
        int(missed[matched[-1]]) if matched.size else 0
    )
    if flags.size and flags[0]:
        return Start.PROVEN, flags
    return _open_start(reference.triggers, used, reference, facts), flags


def _open_start(
    total: int | None, used: int, reference: Reference, facts: Facts
) -> Start:
    """What may be said of a start that is not proven."""
    if not facts.header:
        return Start.UNCERTAIN
    if total is not None and used > total and reference.clock:
        return Start.UNCERTAIN
    if facts.ended and facts.success and total is not None and used < total:
        return Start.UNCERTAIN
    return Start.ASSUMED


def _by_count(ids: Int64Array, reference: Reference, facts: Facts) -> Placement:
    """Image k has trigger k: all that can be said without times."""
    made = max(facts.made or 0, int(ids[-1]) + 1 if ids.size else 0)
    total = reference.triggers
    if total is not None and total == made:
        start = Start.PROVEN
    else:
        start = _open_start(total, made, reference, facts)
    known = np.full(ids.size, start is not Start.UNCERTAIN)
    return Placement(
        ordinal=ids.copy(),
        residual_ns=np.full(ids.size, NO_TIME, np.int64),
        sure=np.full(ids.size, start is Start.PROVEN),
        known=known,
        start=start,
        by_time=False,
        missed=0,
        tail=0 if total is None else max(0, total - made),
    )
