"""The angle of each image, by the best evidence there is.

Of captured positions, the angles of a file, the announced sweeps and the header the
best one counts, image by image. What contradicts the announcement is told and never
quietly preferred or dropped: with a wrong angle every program that reads the images
turns the crystal the wrong way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from recorder.mx.sweeps import sweep_of
from recorder.mx.wedges import Wedges
from recorder.records.detector import FileAngles, Goniometer
from recorder.records.mx_plan import Sweep

FloatArray = NDArray[np.float64]
Int64Array = NDArray[np.int64]

STANDING = 0.05
"""Degrees by which an angle may differ from the announced one where nothing turns: a
goniometer settles to a thousandth, and announcements are rounded. Chosen, not tuned."""


class AngleGrade(IntEnum):
    """What an image's angle rests on, ascending; codes of ``Angles.grade``."""

    NONE = 0
    HEADER = 1
    """The header of the series, where its increment is not 0."""
    ANNOUNCED = 2
    FILE = 3
    """A file has one for each image."""
    CAPTURED = 4
    """Timing hardware read the axis at the image's trigger."""


@dataclass(frozen=True, slots=True, eq=False)
class Angles:
    """The angles of images; arrays (n,), in the order of the ids that were given."""

    start: FloatArray
    """Degrees where each image begins; NaN unknown."""
    end: FloatArray
    """Degrees where it ends; NaN unknown, as it may be where ``start`` is known."""
    grade: NDArray[np.uint8]
    """AngleGrade of ``start``."""
    contradictions: tuple[str, ...] = ()
    """How the sources differ, for people; at most one text a source."""


def image_angles(
    ids: Int64Array,
    sweeps: Sequence[Sweep] = (),
    *,
    axis: str = "omega",
    header: Sequence[Goniometer] = (),
    file: FileAngles | None = None,
    captured: FloatArray | None = None,
    wedges: Wedges | None = None,
    triggers: int | None = None,
    images_per_trigger: int | None = None,
) -> Angles:
    """Angles of images of one run.

    Args:
        ids: (n,) ``image_id`` within the run.
        sweeps: Its sweeps, whose ``first_image`` counts within the run.
        axis: The axis that turns.
        header: Axes of the header of its series.
        file: Angles of the run's images in a file, by ``image_id``.
        captured: (n,) degrees that timing hardware read at each image's trigger; NaN
            where it did not.
        wedges: Which sweep each image is of, where triggers may be missed; None: by
            the ids alone.
        triggers: Triggers of the series, if the header says it: a header's angles are
            those after the first trigger.
        images_per_trigger: Its images a trigger.
    """
    planned, width = _announced(ids, sweeps, wedges)
    found = Angles(
        np.full(ids.size, np.nan),
        np.full(ids.size, np.nan),
        np.zeros(ids.size, np.uint8),
    )
    texts: list[str] = []
    sources = (
        (
            AngleGrade.HEADER,
            *_of_header(ids, header, axis, triggers, images_per_trigger),
        ),
        (AngleGrade.ANNOUNCED, planned, planned + width),
        (AngleGrade.FILE, *_of_file(ids, file, axis, width, texts)),
        (AngleGrade.CAPTURED, *_of_capture(captured, width)),
    )
    for grade, start, end in sources:
        if start is None or end is None:
            continue
        known = np.isfinite(start)
        if grade is not AngleGrade.ANNOUNCED:
            texts += _contradiction(grade, axis, ids, start, planned, width)
        found.start[known], found.end[known] = start[known], end[known]
        found.grade[known] = grade
    return Angles(found.start, found.end, found.grade, tuple(texts))


def apart(a: FloatArray, b: FloatArray) -> FloatArray:
    """Degrees from ``b`` to ``a`` the shorter way around: 359 and 1 are -2 apart."""
    return np.asarray((a - b + 180.0) % 360.0 - 180.0)


def _announced(
    ids: Int64Array, sweeps: Sequence[Sweep], wedges: Wedges | None
) -> tuple[FloatArray, FloatArray]:
    """Planned start of each image, and how far it turns."""
    start, width = np.full(ids.size, np.nan), np.full(ids.size, np.nan)
    if not sweeps:
        return start, width
    index, within = sweep_of(ids, sweeps)
    if wedges is not None:
        index, within = wedges.index, wedges.within
    planned = np.array([(one.start, one.step, one.range) for one in sweeps])
    size = np.array([one.images for one in sweeps])
    mine = (index >= 0) & (within >= 0)
    mine[mine] = within[mine] < size[index[mine]]
    first, step, turned = planned[index[mine]].T
    start[mine], width[mine] = first + within[mine] * step, turned
    return start, width


def _of_header(
    place: Int64Array,
    header: Sequence[Goniometer],
    axis: str,
    triggers: int | None,
    images_per_trigger: int | None,
) -> tuple[FloatArray | None, FloatArray | None]:
    """An increment of 0 says nothing: headers have it of sweeps that do turn."""
    for one in header:
        usable = np.isfinite(one.start) and np.isfinite(one.increment)
        if one.axis != axis or not usable or one.increment == 0:
            continue
        start = one.start + place.astype(np.float64) * one.increment
        if triggers is not None and triggers > 1:
            start = np.where(place < (images_per_trigger or 0), start, np.nan)
        return start, start + one.increment
    return None, None


def _of_file(
    place: Int64Array,
    file: FileAngles | None,
    axis: str,
    width: FloatArray,
    texts: list[str],
) -> tuple[FloatArray | None, FloatArray | None]:
    if file is None:
        return None, None
    moves = np.isfinite(width) & (width != 0)
    if file.axis != axis:
        if _turns(file.start):
            texts.append(
                f"file: {file.axis} turns, announced is {axis}: its angles are not used"
            )
        return None, None
    if file.start.size > 1 and not _turns(file.start) and bool(moves.any()):
        texts.append(
            f"file: {axis} stands at {file.start[0]:.4g}° in all images, announced is "
            "that it turns: the file's angles are not used"
        )
        return None, None
    start = _taken(file.start, place)
    end = start + width
    if file.end is not None:
        given = _taken(file.end, place)
        end = np.where(np.isfinite(given), given, end)
    return start, end


def _of_capture(
    captured: FloatArray | None, width: FloatArray
) -> tuple[FloatArray | None, FloatArray | None]:
    return (None, None) if captured is None else (captured, captured + width)


def _turns(angles: FloatArray) -> bool:
    known = angles[np.isfinite(angles)]
    return known.size > 0 and bool(np.ptp(known) > 0)


def _taken(values: FloatArray, place: Int64Array) -> FloatArray:
    """Entries at places, NaN beyond the last."""
    found = np.full(place.size, np.nan)
    inside = (place >= 0) & (place < values.size)
    found[inside] = values[place[inside]]
    return found


def _contradiction(
    grade: AngleGrade,
    axis: str,
    ids: Int64Array,
    start: FloatArray,
    planned: FloatArray,
    width: FloatArray,
) -> list[str]:
    """What a source says otherwise than the announcement, in one text."""
    with np.errstate(invalid="ignore"):
        off = np.abs(apart(start, planned))
        wrong = off > np.where(width == 0, STANDING, np.abs(width) / 2)
    if not wrong.any():
        return []
    first = int(np.flatnonzero(wrong)[0])
    counts = "the announcement" if grade < AngleGrade.ANNOUNCED else "the former"
    return [
        f"{grade.name.lower()} {axis} of image {ids[first]} is {start[first]:.4f}°, "
        f"announced {planned[first]:.4f}°; {int(wrong.sum())} images differ by more "
        f"than half an image, by {float(off[wrong].max()):.4g}° at most; "
        f"{counts} counts"
    ]
