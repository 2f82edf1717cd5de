"""A sweep as ISPyB's columns have it, and where its last image ends.

The two dialects of ISPyB have different formulae. At ESRF and MAX IV (``E``) the range
keeps its sign and the end follows from range and overlap; at Diamond (``D``) the range
is positive whichever way the axis turns. Both take an overlap other than 0 for images
apart from each other: a characterisation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recorder.records.mx_plan import Sweep

Int64Array = NDArray[np.int64]
Dialect = Literal["E", "D"]
SAME = 1e-6
"""Degrees within which two angles of a plan are the same: plans have three decimals at
most. Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class AxisColumns:
    """``axisStart``, ``axisEnd``, ``axisRange`` and ``overlap``, degrees."""

    start: float
    end: float
    range: float
    overlap: float


@dataclass(frozen=True, slots=True)
class Turn:
    """Images of equal steps that stand for all sweeps of a collection."""

    start: float
    """Degrees, where the first image begins."""
    range: float
    """Degrees of an image, with its sign."""
    pitch: float
    """Degrees from the start of an image to that of the next, on average."""
    images: int
    """As planned."""


def images_made(last_id: int | None, planned: int | None, *, aborted: bool) -> int:
    """How many images a collection has.

    Args:
        last_id: Highest ``image_id`` that came; None: none came.
        planned: Images of its plan; None if there is none.
        aborted: It ended before its plan did.
    """
    made = 0 if last_id is None else last_id + 1
    return made if aborted or planned is None else max(made, planned)


def last_exposed(sweep: Sweep | Turn, images: int) -> float:
    """Angle (degrees) where the last of so many images ends; its start without any."""
    if images < 1:
        return sweep.start
    return sweep.start + (images - 1) * _pitch(sweep) + sweep.range


def axis_columns(sweep: Sweep | Turn, images: int, dialect: Dialect) -> AxisColumns:
    """The axis of a collection of one sweep.

    Args:
        sweep: The sweep, or what stands for all of them (:func:`turn_of`).
        images: Its images: the plan's at the start, those made at the end.
        dialect: ``E`` or ``D``, see above.

    Returns:
        Degrees; 0.0 and never -0.0 where nothing turns or overlaps.
    """
    pitch = _pitch(sweep)
    if dialect == "E":
        overlap = sweep.range - pitch
        end = sweep.start + images * (sweep.range - overlap)
        found = AxisColumns(sweep.start, end, sweep.range, overlap)
    else:
        end = sweep.start + images * sweep.range
        overlap = abs(sweep.range) - abs(pitch)
        found = AxisColumns(sweep.start, end, abs(sweep.range), overlap)
    values = (found.start, found.end, found.range, found.overlap)
    return AxisColumns(*(round(value, 9) + 0.0 for value in values))


def turn_of(sweeps: Sequence[Sweep]) -> Turn | None:
    """One sweep that stands for several, as one collection can have them.

    Wedges of several images each get the pitch that has them end where they do: 4
    wedges of 10 images every 90 degrees are 40 images of a pitch of 9.

    Args:
        sweeps: The sweeps of one collection, at least one.

    Returns:
        None if they are not alike, or not at equal distances: no columns say it.
    """
    first = sweeps[0]
    if len(sweeps) == 1:
        return Turn(first.start, first.range, first.step, first.images)
    if not regular(sweeps):
        return None
    spacing = sweeps[1].start - first.start
    images = sum(sweep.images for sweep in sweeps)
    return Turn(first.start, first.range, spacing / first.images, images)


def regular(sweeps: Sequence[Sweep]) -> bool:
    """Whether sweeps are alike and at equal distances, as wedges mostly are."""
    if len(sweeps) < 2:
        return True
    if len({_likeness(sweep) for sweep in sweeps}) > 1:
        return False
    if any(sweep.run is not None for sweep in sweeps):
        return False
    starts = [sweep.start for sweep in sweeps]
    gaps = [b - a for a, b in pairwise(starts)]
    return all(abs(gap - gaps[0]) <= SAME for gap in gaps)


def first_images(sweeps: Sequence[Sweep]) -> tuple[int, ...]:
    """``image_id`` of the first image of each sweep; see :attr:`Sweep.first_image`."""
    found, following = [], 0
    for sweep in sweeps:
        first = following if sweep.first_image is None else sweep.first_image
        found.append(first)
        following = first + sweep.images
    return tuple(found)


def sweep_of(ids: Int64Array, sweeps: Sequence[Sweep]) -> tuple[Int64Array, Int64Array]:
    """Sweeps of images by their count alone.

    Args:
        ids: (n,) ``image_id`` within the run.
        sweeps: Its sweeps.

    Returns:
        Place of each image's sweep in the plan, and of the image in its sweep, from 0,
        both (n,); -1 for an image of none. Where sweeps have images in common, the one
        that begins last counts.
    """
    none = np.full(ids.size, -1, np.int64)
    if not sweeps:
        return none, none
    first = np.array(first_images(sweeps), np.int64)
    size = np.array([sweep.images for sweep in sweeps], np.int64)
    order = np.argsort(first, kind="stable")
    place = np.searchsorted(first[order], ids, "right") - 1
    index = order[np.maximum(place, 0)]
    within = ids - first[index]
    mine = (place >= 0) & (within < size[index])
    return np.where(mine, index, none), np.where(mine, within, none)


def _likeness(sweep: Sweep) -> tuple[object, ...]:
    return (
        *(sweep.range, sweep.step, sweep.images, sweep.kappa, sweep.chi, sweep.phi),
        *(sweep.position, sweep.end_position),
    )


def _pitch(sweep: Sweep | Turn) -> float:
    return sweep.step if isinstance(sweep, Sweep) else sweep.pitch
