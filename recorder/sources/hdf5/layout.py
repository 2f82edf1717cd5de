"""Which image of a series lies where, which are lost, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from recorder.errors import FileFormatError, MissingDataFileError
from recorder.records.limits import MAX_IMAGES
from recorder.sources.hdf5.locate import Located, Part
from recorder.sources.hdf5.stored import Frames
from recorder.sources.hdf5.view import Shape, View, view_of

_MOST_RANGES = 5
"""Stretches of lost images that a message names. Chosen, not tuned."""


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """A stretch of images that lie in one dataset, or are lost with it."""

    first: int
    count: int
    name: str
    """Of the dataset, as the master calls it."""
    view: View | None
    problem: str = ""
    """What of it cannot be had."""
    written: Frames = field(default_factory=lambda: np.empty(0, np.int64))
    """Indices of the images that are there."""

    @property
    def file(self) -> Path | None:
        """The file that holds it."""
        return self.view.source.place.file if self.view else None

    @property
    def dataset(self) -> str:
        """Path in the file that holds it, or its name if it cannot be had."""
        return self.view.source.place.name if self.view else self.name


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where the images of a file are."""

    segments: tuple[Segment, ...]
    others: tuple[str, ...] = ()
    """Further image datasets, not chosen."""

    @property
    def images(self) -> int:
        """Images that the file announces, lost ones included."""
        return max((s.first + s.count for s in self.segments), default=0)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is lost, each named once."""
        return tuple(dict.fromkeys(s.problem for s in self.segments if s.problem))

    @property
    def notes(self) -> tuple[str, ...]:
        """What was taken for what."""
        views = [s.view for s in self.segments if s.view]
        return tuple(dict.fromkeys(v.note for v in views if v.note))[:1]

    @property
    def view(self) -> View | None:
        """The first that can be had: all others are of its shape and type."""
        return next((s.view for s in self.segments if s.view), None)


def arrange(
    located: Located, stated: Collection[Shape], announced: int, channel: int | None
) -> Layout:
    """Give each dataset its images.

    Args:
        located: The datasets, in order.
        stated: Sizes of an image by what else is known.
        announced: Images that the master announces; 0 if it does not.
        channel: Which of several images of an exposure, from 1; None: the first.

    Raises:
        FileFormatError: The only dataset cannot be read.
    """
    parts = located.parts
    if all(part.low for part in parts) and len({p.low for p in parts}) == len(parts):
        parts = tuple(sorted(parts, key=lambda part: part.low))
    if len(parts) == 1 and parts[0].source is not None:
        views: list[View | str] = [view_of(parts[0].source, stated, channel)]
    else:
        views = _alike([_viewed(part, stated, channel) for part in parts], stated)
    segments = [
        Segment(0, v.count, part.name, v)
        if isinstance(v, View)
        else Segment(0, 0, part.name, None, v)
        for part, v in zip(parts, views, strict=True)
    ]
    placed = _place(segments, [part.low for part in parts], announced)
    layout = Layout(tuple(map(_looked_at, placed)), located.others)
    if layout.images > MAX_IMAGES:
        raise FileFormatError(f"more than {MAX_IMAGES} images: not one series")
    return layout


def _viewed(part: Part, stated: Collection[Shape], channel: int | None) -> View | str:
    if part.source is None:
        return part.problem
    try:
        return view_of(part.source, stated, channel)
    except FileFormatError as error:
        return str(error)


def _alike(views: list[View | str], stated: Collection[Shape]) -> list[View | str]:
    """What differs from the stated size, or from most images, is not used."""
    kinds: Counter[tuple[Shape, str]] = Counter()
    for v in views:
        if isinstance(v, View):
            kinds[v.shape, v.dtype.name] += v.count
    if len(kinds) < 2:
        return views
    right = [kind for kind in kinds if kind[0] in stated] or list(kinds)
    most = max(right, key=lambda kind: kinds[kind])
    return [
        f"{v.source.place} not used: images of {v.shape} {v.dtype.name}, the others "
        f"are {most[0]} {most[1]}"
        if isinstance(v, View) and (v.shape, v.dtype.name) != most
        else v
        for v in views
    ]


def _place(segments: list[Segment], lows: list[int], announced: int) -> list[Segment]:
    """Count on from dataset to dataset; a lost one gets what no other holds."""
    placed: list[Segment] = []
    first = 0
    for n, segment in enumerate(segments):
        count, low = segment.count, lows[n]
        if low and announced and low - 1 + count > announced:
            low = 0  # counted otherwise
        if segment.view is None:
            later = [m for m in range(n + 1, len(segments)) if lows[m]]
            known = sum(s.count for s in segments[n + 1 :])
            end = lows[later[0]] - 1 if later else announced - known
            others = segments[n : later[0] if later else None]
            if later:
                end -= sum(s.count for s in others)
            missing = sum(1 for s in others if s.view is None)
            count = max(0, end - first) // max(1, missing)
        gap = ""
        if segment.view is not None and low - 1 > first:
            gap = f"{_between(first, low - 2)}: in none of the data files, lost"
            first = low - 1
        problem = segment.problem or gap
        placed.append(replace(segment, first=first, count=count, problem=problem))
        first += count
    return placed


def _looked_at(segment: Segment) -> Segment:
    """Which of its images are there."""
    if segment.view is None:
        where = _between(segment.first, segment.first + segment.count - 1)
        lost = f"; lost: {where}" if segment.count else ""
        return replace(segment, problem=segment.problem + lost)
    problems = [segment.problem] if segment.problem else []
    problems += segment.view.source.problems
    try:
        written = segment.view.written()
    except FileFormatError as error:
        return replace(segment, view=None, problem=str(error))
    if len(written) < segment.count:
        where = _missing(written, segment.count, segment.first)
        if segment.view.source.problems:
            problems.append(f"lost: {where}")
        else:
            place = segment.view.source.place
            problems.append(
                f"{place}: {where} never written (is it complete?): lost, not counted "
                "as images"
            )
    return replace(segment, written=written, problem="; ".join(problems))


def _missing(written: Frames, count: int, first: int) -> str:
    """The gaps, for people."""
    edges = np.concatenate([[-1], written, [count]])
    before = np.flatnonzero(np.diff(edges) > 1)
    found = [
        _between(int(edges[n]) + 1 + first, int(edges[n + 1]) - 1 + first)
        for n in before[:_MOST_RANGES]
    ]
    more = f" … ({count - len(written)} in all)" if len(before) > _MOST_RANGES else ""
    return ", ".join(found) + more


def _between(first: int, last: int) -> str:
    return f"image {first}" if first >= last else f"images {first} to {last}"


def missing_file_error(layout: Layout) -> MissingDataFileError:
    """The error for a file none of whose images can be had."""
    return MissingDataFileError("; ".join(layout.problems) or "it has no images")
