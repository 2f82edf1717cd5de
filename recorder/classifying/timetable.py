"""Which learned state an image uses, and which it teaches: by its image_id alone.

State n is learned from images before a fixed image_id and used from another one on;
between the two lie a few images that the workers classify meanwhile.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

FIRST = (64, 128, 256, 512)
"""The image_ids from which the first states are used: each time twice as many, so that
a short run has a map at all and a long one soon a better one. The first one sets which
runs never learn. Chosen, not tuned."""
EVERY = 512
"""States are used from these image_ids on, then from every 512th on."""
LEAD = 32
"""So many images before it is used, a state is learned."""
WINDOW = 64
"""Images before that from which the background is learned."""


def state_of(image_id: int) -> int:
    """Number of the learned state that an image uses; 0: none."""
    if image_id < FIRST[-1]:
        return bisect_right(FIRST, image_id)
    return len(FIRST) + (image_id - FIRST[-1]) // EVERY


def used_from(number: int) -> int:
    """First image_id that uses a state."""
    if number <= len(FIRST):
        return FIRST[number - 1]
    return FIRST[-1] + (number - len(FIRST)) * EVERY


def teaches(image_id: int) -> int:
    """Number of the first state that an image can teach."""
    return state_of(image_id + LEAD) + 1


def used_at(number: int, last: Sequence[int]) -> float:
    """Middle one of the images that use a state.

    Args:
        number: Of the state.
        last: Of the last state, which images behind it do not use: its hits.
    """
    if last:
        return sum(last) / len(last)
    return (used_from(number) + used_from(number + 1)) / 2
