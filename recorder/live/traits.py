"""What is counted of an image, as one byte, and sums of such bytes.

An image costs one byte and one look at a table; sums over many are one call of numpy.
"""

from __future__ import annotations

from dataclasses import astuple, fields

import numpy as np
from numpy.typing import NDArray

from recorder.records import ImageClass, ImageOutcome, NotProcessed, WorkLevel
from recorder.records.image_outcome import INDEXED, NON_HIT, NON_INDEXED_HIT, NOT_SEEN
from recorder.records.live import Trials
from recorder.runs.tables.image_table import ImageTable

Traits = NDArray[np.uint8]
Counts = NDArray[np.int64]
NAMES = tuple(item.name for item in fields(Trials))
RECEIVED, CLASSIFIED, HIT, TRIED, IS_INDEXED, MULTI, RINGS = (
    1 << n for n in range(len(NAMES))
)
TABLE: Counts = np.unpackbits(
    np.arange(1 << len(NAMES), dtype=np.uint8)[:, None],
    axis=1,
    bitorder="little",
    count=len(NAMES),
).astype(np.int64)
"""(128, 7): what each byte counts for, in the order of ``Trials``."""
TABLE.flags.writeable = False


def no_counts() -> Counts:
    """Nothing was counted, shape (7,)."""
    return np.zeros(len(NAMES), np.int64)


def traits_of(image: ImageOutcome) -> int:
    """What a finished image counts for."""
    found = image.result
    if isinstance(found, NotProcessed):
        return RECEIVED
    made = RECEIVED | CLASSIFIED | (RINGS if found.rings else 0)
    if found.image_class is ImageClass.NON_HIT:
        return made
    made |= HIT | (TRIED if found.effort != WorkLevel.NO_INDEXING else 0)
    if found.image_class is ImageClass.INDEXED:
        made |= IS_INDEXED | (MULTI if len(found.lattices) > 1 else 0)
    return made


def traits_in(images: ImageTable) -> Traits:
    """What each image of a table counts for, by image_id; 0 for one that did not come.

    Args:
        images: The table.
    """
    outcome = images.column("outcome")
    indexed = outcome == INDEXED
    hit = indexed | (outcome == NON_INDEXED_HIT)
    tried = hit & (images.column("effort") != WorkLevel.NO_INDEXING)
    made = np.where(outcome != NOT_SEEN, RECEIVED, 0)
    made |= np.where(hit | (outcome == NON_HIT), CLASSIFIED, 0)
    made |= np.where(hit, HIT, 0) | np.where(tried, TRIED, 0)
    made |= np.where(indexed, IS_INDEXED, 0)
    made |= np.where(indexed & (images.column("lattices") > 1), MULTI, 0)
    made |= np.where(images.column("rings") > 0, RINGS, 0)
    return made.astype(np.uint8)


def count(traits: Traits) -> Counts:
    """Sums over images, shape (7,)."""
    found: Counts = np.bincount(traits, minlength=len(TABLE)) @ TABLE
    return found


def trials(counts: Counts) -> Trials:
    """Sums as a record."""
    return Trials(*counts.tolist())


def counts_of(found: Trials) -> Counts:
    """The reverse."""
    return np.array(astuple(found), np.int64)
