"""The header of a series as each of its parts has it, and back."""

from __future__ import annotations

from dataclasses import replace

from recorder.records import SeriesStart
from recorder.records.detector import FileAngles, Goniometer
from recorder.records.mx_plan import Part
from recorder.runs.run import Run


def part_start(start: SeriesStart, part: Part | None) -> SeriesStart:
    """What the header of a series says of one part.

    Args:
        start: The header.
        part: Which part; None: the run is the whole series.
    """
    if part is None:
        return start
    first, images = part.first_image, part.images
    total, each = start.expected_images, start.images_per_trigger
    return replace(
        start,
        expected_images=None if total is None else min(max(total - first, 0), images),
        goniometer=_of_part(start, part),
        angles=None if start.angles is None else _cut(start.angles, part),
        triggers=None if not each or images % each else images // each,
    )


def _of_part(start: SeriesStart, part: Part) -> tuple[Goniometer, ...]:
    """The axes of a part; an increment of 0, which tells no angle, where none is known.

    A header says nothing of what comes after the first trigger.
    """
    first, images = part.first_image, part.images
    each, triggers = start.images_per_trigger, start.triggers
    if each is None:
        told = triggers is None or triggers == 1
    else:  # a first part of several whole triggers says itself how many it has
        several = first == 0 and images % each == 0
        told = triggers == 1 or first + images <= each or several
    return tuple(
        replace(axis, start=axis.start + first * axis.increment)
        if told
        else replace(axis, increment=0.0)
        for axis in start.goniometer
    )


def _cut(angles: FileAngles, part: Part) -> FileAngles:
    """The last part may have images beyond its own."""
    stop = None if part.number == part.count else part.first_image + part.images
    mine = slice(part.first_image, stop)
    end = angles.end
    return replace(
        angles, start=angles.start[mine], end=None if end is None else end[mine]
    )


def whole_start(run: Run) -> SeriesStart | None:
    """The header of its series, as far as it is known to a part."""
    start = run.start
    if run.part is None or run.whole_start is not None or start is None:
        return run.whole_start or start
    first = run.part.first_image
    return replace(
        start,
        expected_images=None,
        goniometer=tuple(
            replace(axis, start=axis.start - first * axis.increment)
            for axis in start.goniometer
        ),
        angles=None,
        triggers=None,
    )
