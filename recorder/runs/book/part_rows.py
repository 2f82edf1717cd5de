"""Which image of a series a captured row is of, where the series has several parts.

Timing hardware captures a row for each image, or for each trigger, which may make many:
nothing says which. The first two rows tell it, by the time between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from recorder.mx.segments import PAUSE
from recorder.records import EventType, TimedEvent
from recorder.runs.run import Run
from recorder.runs.tables.event_arrays import XRAY
from recorder.ssx.clocks.unknown import NO_TIME
from recorder.ssx.triggers.captured import NO_NUMBER

_FIRST = 16
"""Events of a part among which its first rows are looked for. Chosen, not tuned."""
_SOONER = 0.75
"""Part of the time that the images of a trigger take, before which the next trigger
cannot come: a row that does is of an image. Chosen, not tuned."""


def image_of_row(
    event: TimedEvent, parts: Sequence[Run], seen: int, planned: int
) -> int | None:
    """Image of the series that a row is of, the first one of its trigger.

    Args:
        event: The row; it has a trigger number.
        parts: Of one announcement.
        seen: Highest ``image_id`` of the series that came, plus one.
        planned: Images of the series.

    Returns:
        None if nothing tells it for certain.
    """
    if event.trigger is None:
        return None
    numbers = [
        run.events.first_number for run in parts if run.events.first_number is not None
    ]
    place = max(event.trigger - min(numbers, default=event.trigger), 0)
    start = next((run.start for run in parts if run.start), None)
    each = start.images_per_trigger if start else None
    if place == 0 or each == 1:
        return place
    step, apart = _first_two(event, parts)
    period = start.info.frame_time_s if start else None
    if apart is not None and period is not None and period > 0:
        told = _by_time(apart / period, step, each)
        if told is not None:
            return place * told
    elif each is not None and place * each >= planned:
        return place  # there are more rows than triggers
    return place if each is None and place + 1 >= seen else None


def _by_time(periods: float, step: int, each: int | None) -> int | None:
    """Images of each row, by the time between the first two; None: unknown.

    Args:
        periods: From one to the other, in periods of the images.
        step: Numbers from one to the other.
        each: Images of each trigger, if that is known.
    """
    if each is None:
        return 1 if periods < PAUSE * step else None
    if periods < _SOONER * each * step:
        return 1
    return each if step < each else None


def _first_two(event: TimedEvent, parts: Sequence[Run]) -> tuple[int, float | None]:
    """Numbers and seconds between the two rows with the lowest numbers."""
    rows = dict(_early(parts))
    timed = not event.body.get("untimed")
    if event.type is EventType.XRAY_DETECTION and event.trigger is not None and timed:
        rows.setdefault(event.trigger, event.time_ns)
    if len(rows) < 2:
        return 1, None
    first, second = sorted(rows)[:2]
    lapse = rows[second] - rows[first]
    return second - first, lapse / 1e9 if lapse > 0 else None


def _early(parts: Sequence[Run]) -> Iterator[tuple[int, int]]:
    """Number and time of the first rows that came of the series."""
    for run in parts:
        names = ("type", "trigger", "time_ns")
        kind, number, time_ns = (run.events.column(name)[:_FIRST] for name in names)
        known = (kind == XRAY) & (number != NO_NUMBER) & (time_ns != NO_TIME)
        for n in np.flatnonzero(known).tolist():
            yield int(number[n]), int(time_ns[n])
        if known.sum() > 1:
            return
