"""Which wedge an image is of, where each wedge has a trigger of its own.

A detector counts the images that it made. A trigger that it missed makes none, and by
the count alone all images after it would be taken for those of the wedge before. So the
gaps between start times, the images of a trigger and the captured triggers are asked:
what they leave open is unknown (-1), and each miss is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from recorder.mx.segments import Segment, intervals, segments_of, trigger_ordinals
from recorder.mx.ways import fits, possible, settled

Int64Array = NDArray[np.int64]
FloatArray = NDArray[np.float64]

UNKNOWN = -1
"""Wedge of an image of which nothing tells it, or that is beyond the plan."""


@dataclass(frozen=True, slots=True, eq=False)
class Wedges:
    """The wedges of images; arrays (n,), in the order of the ids that were given."""

    index: Int64Array
    """Place of its wedge in the plan, from 0; UNKNOWN."""
    within: Int64Array
    """Place of the image in its wedge, from 0; UNKNOWN."""
    missed: tuple[int, ...] = ()
    """Wedges that surely made no image though a later one did."""
    notes: tuple[str, ...] = ()
    """What people should know."""


def wedges_of(
    ids: Int64Array,
    sizes: Sequence[int],
    *,
    start_s: FloatArray | None = None,
    period_s: float | None = None,
    images_per_trigger: int | None = None,
    made: int | None = None,
    sent: int | None = None,
    captured_s: FloatArray | None = None,
    captured: Int64Array | None = None,
) -> Wedges:
    """Give images their wedges.

    Args:
        ids: (n,) ``image_id`` as the detector counts, ascending, from the first image
            of the first wedge that made some.
        sizes: Planned images of each wedge, at least one wedge.
        start_s: (n,) start of each image on the detector's clock, s from any moment;
            NaN unknown.
        period_s: From one image of a wedge to the next; None: as the times show it, of
            wedges of three images or more.
        images_per_trigger: Images that the detector makes at each trigger.
        made: Images that the detector made, if it or somebody said so.
        sent: Triggers that were sent: all of the plan's in a run that ended well, those
            that timing hardware captured; None if nobody knows, as while a run goes on.
        captured_s: Times of the captured triggers on any clock, s, the first one the
            first wedge's.
        captured: (n,) wedge by the axis position that was captured at the image
            (:func:`~recorder.mx.captured_wedges.wedge_at`); -1 where none was.
    """
    count = max(made or 0, int(ids[-1]) + 1 if ids.size else 0)
    every = sizes[0] if len(set(sizes)) == 1 else None
    per = images_per_trigger if images_per_trigger == every else None
    per = 1 if every == 1 else per
    if period_s is None and min(sizes) < _TELLING:
        start_s = None
    blind = captured is None and captured_s is None
    if per is not None and blind and count >= sum(sizes):
        return _filled(ids, sizes, fit=True, count=count)
    parts = segments_of(ids, start_s, period_s, per, count)
    timed = start_s is not None and np.isfinite(start_s).sum() > 1
    split = ids.size > 0 and (per is not None or timed)
    firm = _firm(parts, every, len(sizes), sent, start_s, captured_s, captured)
    fit = not split or fits(parts, sizes, range(len(sizes)))
    in_order = _in_order(sizes, count, sent, fit) and _agrees(firm, parts, sizes)
    if in_order:
        found = _filled(ids, sizes, fit=fit, count=count)
    else:
        reached = min(sent or len(sizes), len(sizes))
        ways = possible(parts, sizes, reached, made, firm.allows) if split else None
        if ways is None and split and every and firm.known is not None:
            ways = settled(parts, every, reached, made, firm.known)
        open_why = _TOO_MANY if split and ways is None else _NOTHING
        found = _told(ids, parts, sizes, ways, firm.why, open_why)
    return found if captured is None else _as_captured(found, captured)


def _in_order(sizes: Sequence[int], count: int, sent: int | None, fit: bool) -> bool:
    """Whether no trigger was missed, as far as the number of images tells.

    Args:
        sizes: Planned images of the wedges.
        count: Images that were made.
        sent: Triggers that were sent; None: nobody knows.
        fit: Pauses between images are where wedges end.
    """
    if count >= sum(sizes):
        return True
    reached = sizes[:sent]
    missing = sent is not None and count <= sum(reached) - min(reached, default=0)
    return fit and not missing


@dataclass(frozen=True, slots=True)
class _Firm:
    """What is known of segments beside their images."""

    allows: Callable[[int, int], bool]
    """Whether a segment may be of a wedge."""
    why: str
    """What it rests on, for people."""
    known: Sequence[int] | None = None
    """The only wedge that each segment may be of, negative where it is open; None:
    several may be it."""


def _firm(
    parts: Sequence[Segment],
    every: int | None,
    wedges: int,
    sent: int | None,
    start_s: FloatArray | None,
    captured_s: FloatArray | None,
    captured: Int64Array | None,
) -> _Firm:
    """The best there is: captured positions, captured triggers, intervals."""
    known: list[int] | None = None
    why = "the number of images"
    if captured is not None and (captured >= 0).any():
        why = "captured positions"
        known = [_common(captured[part.rows]) for part in parts]
    elif captured_s is not None and start_s is not None and captured_s.size:
        why = "captured triggers"
        known = trigger_ordinals(parts, captured_s)
    elif every is not None and len(parts) < wedges:
        found = intervals(parts, every)
        if found is not None and found[-1] != parts[-1].first // every:
            why = "the start times"
            last = wedges - 1 - found[-1]
            # without word of how many triggers there were, the first one made images
            free = range(last + 1) if sent is not None else range(1)
            if last < 0:
                return _Firm(lambda _s, _w: False, why)
            only = found if len(free) == 1 else None
            return _Firm(lambda s, w: w - found[s] in free, why, only)
    if known is None:
        return _Firm(lambda _s, _w: True, why)
    given = known

    def allows(segment: int, wedge: int) -> bool:
        return given[segment] in (UNKNOWN, wedge)

    return _Firm(allows, why, None if _SEVERAL in given else given)


_NOTHING = "triggers made no image and nothing tells which"
_TOO_MANY = "triggers may have made no image, in more ways than can be gone through"
"""Why wedges are unknown, for people."""
_TELLING = 3
"""Images of the smallest wedge from which on the times alone tell how long it is from
one to the next: in smaller ones the pauses may be all there is. Chosen, not tuned."""
_SEVERAL = -2
"""Wedge of a segment whose images are of several."""


def _common(values: Int64Array) -> int:
    """The one known value of a segment; UNKNOWN without any, _SEVERAL if several."""
    known = np.unique(values[values >= 0])
    if known.size > 1:
        return _SEVERAL
    return int(known[0]) if known.size else UNKNOWN


def _agrees(firm: _Firm, parts: Sequence[Segment], sizes: Sequence[int]) -> bool:
    """Whether nothing speaks against no miss at all."""
    ends = np.cumsum(sizes)
    wedges = np.searchsorted(ends, [one.first for one in parts], "right").tolist()
    return all(
        wedge == len(sizes) or firm.allows(n, wedge) for n, wedge in enumerate(wedges)
    )


def _filled(ids: Int64Array, sizes: Sequence[int], *, fit: bool, count: int) -> Wedges:
    """By the count: the wedges made their images one after the other."""
    ends = np.cumsum(sizes)
    place = np.searchsorted(ends, ids, "right")
    known = place < len(sizes)
    index = np.where(known, place, UNKNOWN)
    starts = np.concatenate((ends - sizes, [0]))
    within = np.where(known, ids - starts[place], UNKNOWN)
    notes = []
    if (beyond := count - int(ends[-1])) > 0:
        notes.append(
            f"{beyond} images more than the {int(ends[-1])} of the plan: they are of "
            "no wedge"
        )
    elif not fit:
        notes.append("pauses between images do not agree with the wedges of the plan")
    return Wedges(index, within, (), tuple(notes))


def _as_captured(found: Wedges, captured: Int64Array) -> Wedges:
    """Images whose position was captured are where it says, whatever else does."""
    other = (captured >= 0) & (captured != found.index)
    if not other.any():
        return found
    index = np.where(other, captured, found.index)
    within = np.where(other, UNKNOWN, found.within)
    text = (
        f"{int(other.sum())} images were captured in another wedge than their number "
        "says: where in it they are is unknown"
    )
    return Wedges(index, within, found.missed, (*found.notes, text))


def _told(
    ids: Int64Array,
    parts: Sequence[Segment],
    sizes: Sequence[int],
    found: list[set[tuple[int, int]]] | None,
    why: str,
    open_why: str,
) -> Wedges:
    """What is certain, and what had to be left open."""
    index = np.full(ids.size, UNKNOWN, np.int64)
    within = np.full(ids.size, UNKNOWN, np.int64)
    certain: list[tuple[int, int | None]] = []
    for part, ways in zip(parts, found or [set() for _ in parts], strict=True):
        wedges = {wedge for wedge, _ in ways}
        firsts = {first for _, first in ways}
        if len(wedges) == 1:
            index[part.rows] = certain_one = wedges.pop()
            first = firsts.pop() if len(firsts) == 1 else None
            certain.append((certain_one, first))
            if first is not None:
                within[part.rows] = ids[part.rows] - first
    unknown = int((index < 0).sum())
    whole = len(certain) == len(parts)
    missed, more = _missed(certain, sizes) if whole else ((), False)
    notes = []
    if missed:
        named = ", ".join(str(wedge + 1) for wedge in missed[:10])
        notes.append(
            f"wedge {named} of {len(sizes)} made no image, as {why} show; the images "
            "after it are where they belong"
        )
    if more:
        notes.append(
            f"triggers made no image, as {why} show, where images are lost besides: "
            "the images after them are where they belong"
        )
    if unknown:
        notes.append(
            f"{open_why}: the wedge of {unknown} images is unknown; let timing "
            "hardware capture the axis at each trigger"
        )
    return Wedges(index, within, missed, tuple(notes))


def _missed(
    certain: Sequence[tuple[int, int | None]], sizes: Sequence[int]
) -> tuple[tuple[int, ...], bool]:
    """Wedges that surely made no image, and whether others made none.

    Args:
        certain: Wedge of each segment, and its first image if that is known.
        sizes: Planned images of the wedges.
    """
    found: list[int] = []
    following, due = 0, 0
    begin = [0, *accumulate(sizes)]
    behind = 0
    more = False
    for wedge, first in certain:
        if first is None:
            more, following, due = True, wedge + 1, -1
            continue
        now = begin[wedge] - first
        if first == due:
            found += range(following, wedge)
        elif now != behind:
            more = True
        following, due, behind = wedge + 1, first + sizes[wedge], now
    return tuple(found), more
