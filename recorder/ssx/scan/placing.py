"""Which trigger of the walk made each image.

A missed trigger shifts all images after it by one: the count of images alone gives
their wells only if none was missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from recorder.ssx.arrays import Int64Array
from recorder.ssx.clocks.unknown import NO_ORDINAL


class PlacedBy(StrEnum):
    """What the wells of images rest on."""

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
