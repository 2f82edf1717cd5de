"""All ways in which wedges can have made the images that came."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

import numpy as np

from recorder.mx.segments import Segment

_STATES = 100_000
"""Ways of giving images to wedges that are gone through before it counts as unknown: a
tenth of a second. Four wedges have some dozen. Chosen, not tuned."""


def fits(parts: Sequence[Segment], sizes: Sequence[int], order: Sequence[int]) -> bool:
    """Whether each segment lies within one wedge, if these made their images."""
    ends = np.cumsum([sizes[wedge] for wedge in order])
    places = [
        (
            np.searchsorted(ends, one.first, "right"),
            np.searchsorted(ends, one.last, "right"),
        )
        for one in parts
    ]
    wedges = [int(first) for first, last in places if first == last]
    return len(wedges) == len(parts) and len(set(wedges)) == len(wedges)


def possible(
    parts: Sequence[Segment],
    sizes: Sequence[int],
    sent: int,
    made: int | None,
    allows: Callable[[int, int], bool],
) -> list[set[tuple[int, int]]] | None:
    """Wedge and first image of each segment, in all ways that explain the images.

    A way is a choice of wedges that made their images, one after the other. None: there
    are too many ways.
    """
    firsts = [one.first for one in parts]

    def step(wedge: int, cursor: int) -> tuple[int, int | None] | None:
        """Cursor after a wedge that made its images, and its segment."""
        after = cursor + sizes[wedge]
        n = bisect_left(firsts, cursor)
        if n == len(parts) or parts[n].first >= after:
            return after, None
        again = n + 1 < len(parts) and parts[n + 1].first < after
        if parts[n].last >= after or again or not allows(n, wedge):
            return None
        return after, n

    seen = int(parts[-1].last) + 1 if parts else 0
    end = seen if made is None else made
    rest = np.concatenate((np.cumsum(sizes[:sent][::-1])[::-1], [0])).tolist()
    layers: list[dict[int, None]] = [{0: None}]
    states = 0
    for wedge in range(sent):
        following: dict[int, None] = {}
        least = end - rest[wedge + 1]
        for cursor in layers[-1]:
            if cursor >= least:
                following[cursor] = None
            moved = step(wedge, cursor)
            if moved is not None and least <= moved[0] and _may_end(moved[0], made):
                following[moved[0]] = None
        layers.append(following)
        states += len(following)
        if states > _STATES:
            return None
    good = set(layers[-1])
    found: list[set[tuple[int, int]]] = [set() for _ in parts]
    for wedge in reversed(range(sent)):
        before: set[int] = set()
        for cursor in layers[wedge]:
            if cursor in good:
                before.add(cursor)
            moved = step(wedge, cursor)
            if moved is not None and moved[0] in good:
                before.add(cursor)
                if moved[1] is not None:
                    found[moved[1]].add((wedge, cursor))
        good = before
    return found


def _may_end(cursor: int, made: int | None) -> bool:
    """Whether so many images may have been made."""
    return made is None or cursor <= made


def settled(
    parts: Sequence[Segment],
    size: int,
    sent: int,
    made: int | None,
    known: Sequence[int],
) -> list[set[tuple[int, int]]] | None:
    """The one way that is left where each segment can be of one wedge at most.

    Args:
        parts: Segments of wedges of one size.
        size: Images of each wedge.
        sent: Wedges that may have made images.
        made: Images that were made, if somebody says so.
        known: The wedge of each segment; negative: it is open.

    Returns:
        As :func:`possible`, nothing for an open one. None: no wedges are like this.
    """
    block = np.array([one.first // size for one in parts])
    within = all(one.last // size == n for one, n in zip(parts, block, strict=True))
    wedge = np.array(known)
    sure = wedge >= 0
    behind = (wedge - block)[sure]
    if not within or (np.diff(block) < 1).any() or not behind.size:
        return None
    end = -(-(made or 0) // size)
    last = max(end, int(block[-1]) + 1) + int(behind[-1])
    if behind[0] < 0 or (np.diff(behind) < 0).any() or last > sent:
        return None
    return [
        {(mine, n * size)} if mine >= 0 else set()
        for mine, n in zip(wedge.tolist(), block.tolist(), strict=True)
    ]
