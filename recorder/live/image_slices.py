"""Outcomes of images as the arrays that alarms follow."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from recorder.records import Classification, ImageClass, ImageOutcome, WorkLevel
from recorder.ssx.alarms.observation import Images, images, no_images
from recorder.ssx.arrays import Int64Array

_NO_CELL = (math.nan, math.nan, math.nan)
Place = Callable[[int], tuple[int, int, int]]
"""Block, row and column of an image on a chip."""


def slice_of(
    outcomes: Sequence[ImageOutcome],
    time_s: Callable[[ImageOutcome], float],
    pump: Callable[[Int64Array], Int64Array] | None = None,
) -> Images:
    """Some images, by ascending image_id.

    Args:
        outcomes: What became of them.
        time_s: Unix time at which an image counts.
        pump: Gives LIGHT, DARK or UNKNOWN by image_id, as known now; None: nobody
            knows.
    """
    if not outcomes:
        return no_images()
    found = [one.result for one in outcomes]
    seen = [one if isinstance(one, Classification) else None for one in found]
    hit = [one is not None and one.image_class is not _NON_HIT for one in seen]
    ids = np.array([one.image_id for one in outcomes], np.int64)
    tried = np.array(
        [h and one is not None and not one.effort for one, h in zip(seen, hit, strict=True)],
        np.bool_,
    )
    known = {} if pump is None else {"pump": pump(ids)}
    return images(
        ids,
        np.array([time_s(one) for one in outcomes], np.float64),
        np.array(hit, np.bool_),
        processed=np.array([one is not None for one in seen], np.bool_),
        tried=tried,
        several=tried,
        lattices=np.array([len(one.lattices) if one else 0 for one in seen], np.int64),
        rings=np.array([one is not None and one.rings > 0 for one in seen], np.bool_),
        solvent=_values([one and one.solvent for one in seen]),
        background=_values([one and one.background for one in seen]),
        resolution=_values(
            [one.resolution if one and h else None for one, h in zip(seen, hit, strict=True)]
        ),
        cell_lengths=np.array([_lengths(one) for one in seen], np.float64),
        **known,
    )


_NON_HIT = ImageClass.NON_HIT
FULL = WorkLevel.FULL


def _values(found: Sequence[float | None]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """NaN where nothing is known."""
    return np.array([math.nan if one is None else one for one in found], np.float64)


def _lengths(found: Classification | None) -> tuple[float, float, float]:
    if found is None or not found.lattices:
        return _NO_CELL
    a, b, c, *_ = found.lattices[0].cell
    return a, b, c
