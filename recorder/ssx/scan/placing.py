"""Which trigger of the walk made each image.

A missed trigger shifts all images after it by one: the count of images alone gives
their wells only if none was missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from recorder.ssx.arrays import BoolArray, Int64Array
from recorder.ssx.clocks.unknown import NO_ORDINAL


class PlacedBy(StrEnum):
    """What the wells of images rest on."""

    POSITION = "position"
    """The captured positions of the stage."""
    TRIGGER = "trigger"
    """The triggers of the timeline, and the count of images between them."""
    IMAGE_ID = "image_id"
    """The count of images: no trigger is known, and none is known to be missed."""
    NOTHING = "nothing"
    """Triggers made no image, and nothing tells which."""


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Triggers of the images of a run, as far as they can be known."""

    ordinal: Int64Array
    """NO_ORDINAL where it is not known, shape (n,)."""
    by: PlacedBy
    visited: BoolArray | None = None
    """Places of the walk that the stage was at, (m,); None without positions."""
    moved: int = 0
    """Images that were at another well than the walk has for their trigger."""


def place_images(ids: Int64Array, ordinal: Int64Array, missing: bool) -> Placed:
    """The trigger of each image.

    Args:
        ids: image_ids, ascending, shape (n,).
        ordinal: Their triggers by the timeline, NO_ORDINAL where unknown, shape (n,).
        missing: Some triggers are known to have made no image, not which.
    """
    known = ordinal != NO_ORDINAL
    if known.all():
        return Placed(ordinal, PlacedBy.TRIGGER)
    if known.any():
        return Placed(_between(ids, ordinal, known), PlacedBy.TRIGGER)
    if missing:
        return Placed(ordinal, PlacedBy.NOTHING)
    return Placed(ids, PlacedBy.IMAGE_ID)


def _between(ids: Int64Array, ordinal: Int64Array, known: Int64Array) -> Int64Array:
    """Fill in images between two that are as many triggers apart as images.

    No trigger was missed there. The same before the first one, if none was missed
    before it.
    """
    at = np.flatnonzero(known)
    shift = ordinal[at] - ids[at]
    right = np.searchsorted(at, np.arange(ids.size))  # next known one, or itself
    before = np.where(right > 0, shift[np.maximum(right - 1, 0)], 0)
    after = shift[np.minimum(right, at.size - 1)]
    forced = ~known & (right < at.size) & (before == after)
    return np.where(forced, ids + after, ordinal)


def by_position(
    placed: Placed, ordinal: Int64Array, there: BoolArray, visited: BoolArray
) -> Placed:
    """Triggers of the walk by where the stage was, which counts more than the walk.

    Args:
        placed: By the triggers of the images.
        ordinal: Trigger of the walk that is for the well at which the stage was when an
            image was made, NO_ORDINAL where that is no well, shape (n,).
        there: Images of which the position is known, shape (n,).
        visited: Places of the walk that the stage was at, shape (m,).

    Returns:
        An image without a position keeps its trigger if all others were where the walk
        has them: else nothing tells where it was.
    """
    off = there & (ordinal != placed.ordinal) & (placed.ordinal != NO_ORDINAL)
    moved = int(off.sum())
    rest = placed.ordinal if not moved else np.full_like(placed.ordinal, NO_ORDINAL)
    return Placed(
        np.where(there, ordinal, rest), PlacedBy.POSITION, visited=visited, moved=moved
    )
