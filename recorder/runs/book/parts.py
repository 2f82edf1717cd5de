"""Runs that are parts of one announcement: which of them an image or an event is of.

All parts have one series. Of each, the images count from 0: what is behind the run book
knows of no other part.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from recorder.records import (
    Announcement,
    CollectionEnd,
    Image,
    RunState,
    TimedEvent,
)
from recorder.runs.book.part_rows import image_of_row
from recorder.runs.run import Run


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image of a series belongs."""

    run: Run
    """Its run; if it is of no part, the part that comes before it."""
    image: Image | None
    """As its run counts it; None: it is of no part."""


def by_announcement(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """The runs that are parts, by the uid of their announcement and by number."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        if run.part is not None:
            found.setdefault(run.part.of, []).append(run)
    return {of: sorted(parts, key=_number) for of, parts in found.items()}


def same_announcement(run: Run, runs: Iterable[Run]) -> list[Run]:
    """The parts of a run's announcement that are there; itself if it is whole.

    Args:
        run: The run.
        runs: Where the others are.
    """
    return [run] if run.part is None else by_announcement(runs)[run.part.of]


def lost_so_far(parts: Sequence[Run]) -> int:
    """Images of a series that are missing before the last one that came.

    Args:
        parts: Its runs.
    """
    reached = seen_of_series(parts)
    planned = sum(
        min(_images(run), max(0, reached - first_image(run))) for run in parts
    )
    if parts[0].part is None:
        return parts[0].images.size - parts[0].images.received
    return max(0, planned - sum(run.images.received for run in parts))


def first_parts(runs: Iterable[Run]) -> list[Run]:
    """The runs that are no parts, and of each announcement's parts the first."""
    seen: set[str] = set()
    found = []
    for run in runs:
        if run.part is None or run.part.of not in seen:
            found.append(run)
        if run.part is not None:
            seen.add(run.part.of)
    return found


def place_of(image: Image, parts: Sequence[Run]) -> Place:
    """The part that an image of the series is of.

    Args:
        image: As the detector counts it.
        parts: All parts of one announcement that are in memory.
    """
    number = image.image_id
    for run in parts:
        if (place := place_in(image, run)) is not None:
            return place
    last = max(parts, key=_after)
    if number >= _after(last) and last.part is not None:
        if len(parts) == last.part.count:  # kept where it is seen that it came
            return _counted(last, image)
    before = [run for run in parts if _after(run) <= number]
    return Place(max(before, key=_after) if before else parts[0], None)


def place_in(image: Image, run: Run) -> Place | None:
    """Its place in one part, if it is of that.

    Args:
        image: As the detector counts it.
        run: A part of its series.
    """
    mine = 0 <= image.image_id - first_image(run) < _images(run)
    return _counted(run, image) if mine else None


def _counted(run: Run, image: Image) -> Place:
    first = first_image(run)
    if first:
        image = replace(image, image_id=image.image_id - first)
    return Place(run, image)


def current_part(parts: Sequence[Run]) -> Run:
    """The part that the series is at: that of the last image which came, by number.

    Args:
        parts: Of one announcement; the first of them before the first image.
    """
    return max(parts, key=lambda run: (run.images.received > 0, _reached(run)))


def _reached(run: Run) -> int:
    return first_image(run) + run.images.size if run.images.received else 0


def names_of(run: Run) -> set[str]:
    """Uids by which control systems may speak of a run."""
    of = run.part.of if run.part else run.uid
    return {run.uid, run.announcement.uid or run.uid, of}


def with_part(event: TimedEvent, parts: Sequence[Run]) -> tuple[Run, TimedEvent]:
    """The part that an event is of, and the event with its name.

    By its trigger, where it is certain whether each image has a row or each trigger of
    several images, else the one that the series is at.

    Args:
        event: It names the announcement or one of the parts, or nothing.
        parts: Of one announcement.
    """
    if parts[0].part is None:
        return parts[0], event
    named = [
        run for run in parts if event.collection in (run.uid, run.announcement.uid)
    ]
    run = named[0] if named else _part_of_event(event, parts)
    return run, replace(event, collection=run.uid)


def _part_of_event(event: TimedEvent, parts: Sequence[Run]) -> Run:
    if event.trigger is None:
        return current_part(parts)
    planned = max(_after(run) for run in parts)
    number = image_of_row(event, parts, seen_of_series(parts), planned)
    if number is None:
        return _at_row(parts)
    begun = [run for run in parts if first_image(run) <= number]
    return max(begun, key=first_image) if begun else min(parts, key=first_image)


def _at_row(parts: Sequence[Run]) -> Run:
    """The part of the row that comes now: the next one where all images are here."""
    run = current_part(parts)
    if run.images.size < _images(run):
        return run
    later = [other for other in parts if first_image(other) > first_image(run)]
    return min(later, key=first_image, default=run)


def part_end(end: CollectionEnd, run: Run) -> CollectionEnd:
    """What the end of an announcement says of one part.

    Args:
        end: It names the announcement, or the run.
        run: The run.
    """
    part = run.part
    if part is None or end.uid != part.of or end.images is None:
        return replace(end, uid=run.uid)
    made = max(end.images - part.first_image, 0)
    return replace(end, uid=run.uid, images=min(made, part.images))


def seen_of_series(parts: Sequence[Run]) -> int:
    """Highest ``image_id`` in the series that came, plus one."""
    return max(_reached(run) for run in parts)


def part_of_series(run: Run, parts: Sequence[Announcement]) -> Announcement | None:
    """The part that all images of a run are of which nobody had announced.

    Args:
        run: It has images of a series from ``image_id`` 0 on.
        parts: Of the announcement that came then.
    """
    for announcement in parts:
        part = announcement.part
        if part and part.first_image == 0 and run.images.size <= part.images:
            return announcement
    return None


def series_is_over(parts: Iterable[Run]) -> Run | None:
    """A part whose series has ended, by a detector's word; None without one."""
    ended = (run for run in parts if run.final and not run.given_up)
    over = (run for run in ended if run.ended_ns is not None)
    return max(over, key=lambda run: run.ended_ns or 0, default=None)


def going_on(runs: Iterable[Run]) -> list[Run]:
    """Those whose series goes on, of the parts of one announcement the current one."""
    every = [run for run in runs if run.state is RunState.OPEN]
    parts = by_announcement(every)
    return [
        run if run.part is None else current_part(parts[run.part.of])
        for run in first_parts(every)
    ]


def first_image(run: Run) -> int:
    """``image_id`` in the series of its image 0."""
    return 0 if run.part is None else run.part.first_image


def _images(run: Run) -> int:
    return 0 if run.part is None else run.part.images


def _after(run: Run) -> int:
    return first_image(run) + _images(run)


def _number(run: Run) -> int:
    return 0 if run.part is None else run.part.number
