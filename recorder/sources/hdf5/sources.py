"""From a dataset's place to what holds its images, through virtual datasets."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recorder.errors import FileFormatError
from recorder.records.limits import MAX_MAPPINGS, MAX_OBJECTS_IN_FILE
from recorder.sources.hdf5.links import VIRTUAL_PREFIX, find_file, resolve
from recorder.sources.hdf5.opening import Files, Place, guarded
from recorder.sources.hdf5.selection import Axis, Box, boxes, whole
from recorder.sources.hdf5.stored import Source, Stored
from recorder.sources.hdf5.virtual import Joined, Piece, piece

_MAX_WITHIN = 8
"""Virtual datasets made of virtual datasets; beamlines use two. Chosen, not tuned."""
_NUMBER = re.compile(r"%(%|b)")


@dataclass(frozen=True, slots=True)
class _Mapping:
    """One entry of a virtual dataset, as the file has it."""

    file: str
    dataset: str
    here: Any
    there: Any


class Sources:
    """Finds what holds the images of a dataset; each is looked at once.

    Args:
        files: Opens what links lead to.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._known: dict[Place, Source | FileFormatError] = {}
        self._left = MAX_MAPPINGS
        self._depth = 0

    def at(self, place: Place) -> Source:
        """The images at a place; links are followed.

        Raises:
            FileFormatError: There are none, or they cannot be had.
        """
        place = resolve(self._files, place)
        known = self._known.get(place)
        if known is None:
            self._known[place] = FileFormatError(
                f"{place}: virtual datasets lead in a circle; name the dataset of the "
                "images with --dataset"
            )
            self._depth += 1
            try:
                known = self._new(place)
            except FileFormatError as error:
                known = error
            self._depth -= 1
            self._known[place] = known
        if isinstance(known, FileFormatError):
            raise known
        return known

    def _new(self, place: Place) -> Source:
        item = self._files.dataset(place)
        with guarded(place):
            virtual = bool(item.is_virtual)
        if not virtual:
            return Stored(self._files, place)
        if self._depth > _MAX_WITHIN:
            raise FileFormatError(
                f"{place}: more than {_MAX_WITHIN} virtual datasets within each other"
            )
        with guarded(place):
            shape = tuple(map(int, item.shape))
            mappings = self._mappings(item, place)
        pieces: list[Piece] = []
        for mapping in mappings:
            pieces += self._pieces(place, mapping, shape)
        return Joined(self._files, place, pieces)

    def _mappings(self, item: Any, place: Place) -> list[_Mapping]:
        plist = item.id.get_create_plist()
        count = plist.get_virtual_count()
        self._left -= count
        if self._left < 0:
            raise FileFormatError(
                f"{place} is made of more than {MAX_MAPPINGS} pieces: too many to read"
            )
        return [
            _Mapping(
                plist.get_virtual_filename(n),
                plist.get_virtual_dsetname(n),
                plist.get_virtual_vspace(n),
                plist.get_virtual_srcspace(n),
            )
            for n in range(count)
        ]

    def _pieces(
        self, place: Place, mapping: _Mapping, shape: tuple[int, ...]
    ) -> list[Piece]:
        """A mapping as pieces; one that cannot be had says so and stays in place."""
        what = f"{place.file.parent / mapping.file}: {mapping.dataset}"
        try:
            with guarded(what):
                here = boxes(mapping.here, shape, MAX_MAPPINGS)
            if any(not part.count for box in here for part in box):
                return self._endless(place, mapping, here[0], shape[0])
        except FileFormatError as error:
            text = f"{place}: a piece of it is not read: {error}"
            return [_lost(whole(shape), text)] if shape[0] else []
        return self._bounded(place, mapping, here)

    def _bounded(self, place: Place, mapping: _Mapping, here: list[Box]) -> list[Piece]:
        self._left -= len(here)
        try:
            source = self._source(place, mapping.file, mapping.dataset)
            what = str(source.place)
            with guarded(what):
                there = boxes(mapping.there, source.dims, MAX_MAPPINGS)
            return [piece(h, t, source, what) for h, t in _paired(here, there, what)]
        except FileFormatError as error:
            return [_lost(box, str(error)) for box in here]

    def _source(self, place: Place, file: str, dataset: str) -> Source:
        holder = place.file
        if file != ".":
            holder = find_file(place.file, file, VIRTUAL_PREFIX)
        return self.at(Place(holder, dataset))

    def _endless(
        self, place: Place, mapping: _Mapping, here: Box, extent: int
    ) -> list[Piece]:
        """A mapping that grows: over numbered files, or with its source."""
        if any(not axis.count for axis in here[1:]):
            raise FileFormatError("it grows along another axis than that of the images")
        first = here[0]
        numbered = any(
            match[1] == "b"
            for name in (mapping.file, mapping.dataset)
            for match in _NUMBER.finditer(name)
        )
        if not numbered:
            return self._growing(place, mapping, here)
        count = max(0, -(-(extent - first.start) // first.stride))
        count = max(count, _highest(place.file, mapping.file) + 1)
        found: list[Piece] = []
        for n in range(min(count, MAX_OBJECTS_IN_FILE)):
            block = replace(first, start=first.start + n * first.stride, count=1)
            one = replace(
                mapping,
                file=_with_number(mapping.file, n),
                dataset=_with_number(mapping.dataset, n),
            )
            found += self._bounded(place, one, [(block, *here[1:])])
        return found

    def _growing(self, place: Place, mapping: _Mapping, here: Box) -> list[Piece]:
        source = self._source(place, mapping.file, mapping.dataset)
        there = boxes(mapping.there, source.dims, 1)[0]
        if not there[0].count:
            left = source.dims[0] - there[0].start - there[0].block
            count = max(0, left // there[0].stride + 1)
            there = (replace(there[0], count=count), *there[1:])
        count = len(there[0]) // here[0].block
        if not count:
            return []
        here = (replace(here[0], count=count), *here[1:])
        return [piece(here, there, source, str(source.place))]


def _lost(here: Box, problem: str) -> Piece:
    return Piece(here, (), None, problem, (here[0].start, here[0].last))


def _with_number(name: str, number: int) -> str:
    return _NUMBER.sub(lambda match: "%" if match[1] == "%" else str(number), name)


def _highest(holder: Path, pattern: str) -> int:
    """The highest number of the files that a pattern names, -1 if there are none."""
    name = Path(pattern).name
    parts = [_with_number(part, 0) for part in re.split(r"(?<!%)%b", name)]
    if len(parts) != 2:
        return -1
    matching = re.compile(f"{re.escape(parts[0])}([0-9]{{1,9}}){re.escape(parts[1])}")
    folder = holder.parent / Path(pattern).parent
    with guarded(folder):
        found = [matching.fullmatch(path.name) for path in folder.iterdir()]
    return max((int(match[1]) for match in found if match), default=-1)


def _paired(here: list[Box], there: list[Box], what: str) -> list[tuple[Box, Box]]:
    """Boxes of both sides, cut so that each has its partner.

    Raises:
        FileFormatError: They are not stretches of whole images on both sides.
    """
    if len(here) == len(there) == 1:
        return [(here[0], there[0])]
    stretches = []
    for side in (here, there):
        if any(box[1:] != side[0][1:] or not box[0].dense for box in side):
            raise FileFormatError(f"{what}: pieces of it are no stretches of images")
        stretches.append([[box[0].start, len(box[0])] for box in side])
    ours, theirs = stretches
    if sum(n for _, n in ours) != sum(n for _, n in theirs):
        raise FileFormatError(f"{what}: fewer images than it is said to give")
    found = []
    while ours and theirs:
        count = min(ours[0][1], theirs[0][1])
        cut = [Axis(side[0][0], count, 1, count) for side in (ours, theirs)]
        found.append(((cut[0], *here[0][1:]), (cut[1], *there[0][1:])))
        for taken in (ours, theirs):
            first, length = taken.pop(0)
            if length > count:
                taken.insert(0, [first + count, length - count])
    return found
