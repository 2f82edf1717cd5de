"""Outcomes of images as the arrays that alarms follow."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from recorder.records import Classification, ImageClass, ImageOutcome, WorkLevel
from recorder.ssx.alarms.observation import Images, images, no_images
from recorder.ssx.arrays import FloatArray, Int64Array

_NO_CELL = (math.nan, math.nan, math.nan)
_NON_HIT = ImageClass.NON_HIT


def _nothing(ids: Int64Array) -> Mapping[str, Int64Array]:
    """Nothing else is known."""
    return {}


def slice_of(
    outcomes: Sequence[ImageOutcome],
    time_s: Callable[[ImageOutcome], float],
    known: Callable[[Int64Array], Mapping[str, Int64Array]] = _nothing,
) -> Images:
    """Some images, by ascending image_id.

    Args:
        outcomes: What became of them.
        time_s: Unix time at which an image counts.
        known: Gives what else is known of images, by image_id: pump state, place.
    """
    if not outcomes:
        return no_images()
    ids = np.array([one.image_id for one in outcomes], np.int64)
    times = np.array([time_s(one) for one in outcomes], np.float64)
    seen = [one.found for one in outcomes]
    processed = np.array([isinstance(one.result, Classification) for one in outcomes])
    hit = processed & np.array([one.image_class is not _NON_HIT for one in seen])
    full = np.array([one.effort == WorkLevel.FULL for one in seen])
    resolution = _values([one.resolution for one in seen])
    return images(
        ids,
        times,
        hit,
        processed=processed,
        tried=hit & full,
        several=hit & full,
        lattices=np.array([len(one.lattices) for one in seen]),
        rings=np.array([one.rings > 0 for one in seen]),
        solvent=_values([one.solvent for one in seen]),
        background=_values([one.background for one in seen]),
        resolution=np.where(hit, resolution, math.nan),
        cell_lengths=np.array([_lengths(one) for one in seen], np.float64),
        **known(ids),
    )


def _values(found: Sequence[float | None]) -> FloatArray:
    """NaN where nothing is known."""
    return np.array([math.nan if one is None else one for one in found], np.float64)


def _lengths(found: Classification) -> tuple[float, float, float]:
    if not found.lattices:
        return _NO_CELL
    a, b, c, *_ = found.lattices[0].cell
    return a, b, c
