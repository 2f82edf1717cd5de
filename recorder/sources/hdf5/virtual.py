"""A virtual dataset: images that lie elsewhere, whole, in turn or in pieces."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.errors import FileFormatError, PartialImageError
from recorder.records import Payload
from recorder.sources.hdf5.chunks import Lead
from recorder.sources.hdf5.opening import Files, Place, guarded
from recorder.sources.hdf5.selection import Axis
from recorder.sources.hdf5.stored import Frames, Source, check_images
from recorder.sources.pixels import decode


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Elements of a virtual dataset and where they lie, axis by axis.

    The axes of more than one element follow each other in the same order on both
    sides, the last two are rows and columns.
    """

    here: tuple[Axis, ...]
    there: tuple[Axis, ...]
    source: Source | None
    """None: it cannot be had, ``problem`` says why."""
    problem: str = ""
    frames: tuple[int, int] = (0, 0)
    """Lowest and highest index along the first axis here."""


def piece(
    here: tuple[Axis, ...], there: tuple[Axis, ...], source: Source, what: str
) -> Piece:
    """Match the axes of both sides.

    Raises:
        FileFormatError: They do not match: it is no stretch of rows and columns.
    """
    leading = [len(axis) for axis in here[:-2] if len(axis) != 1]
    other = [len(axis) for axis in there[:-2] if len(axis) != 1]
    flat = [len(axis) for axis in (*here[-2:], *there[-2:])]
    turned = leading and len(here[0]) > 1 and len(there[0]) != len(here[0])
    if leading != other or flat[:2] != flat[2:] or len(there) < 2 or turned:
        raise FileFormatError(
            f"{what}: its elements do not lie as rows and columns of the same images"
        )
    if any(axis.last >= n for axis, n in zip(there, source.dims, strict=True)):
        raise FileFormatError(f"{what} has {source.dims} elements, fewer than it maps")
    return Piece(here, there, source, frames=(here[0].start, here[0].last))


class Joined:
    """Images of a virtual dataset.

    Args:
        files: Where it is opened.
        place: The dataset, its links followed.
        pieces: What it is made of; any of them may be unusable.
    """

    def __init__(self, files: Files, place: Place, pieces: list[Piece]) -> None:
        item = files.dataset(place)
        with guarded(place):
            check_images(item, place)
            self.dtype: np.dtype[Any] = item.dtype.newbyteorder("=")
            self._fill: Any = item.fillvalue
            dims = tuple(map(int, item.shape))
            self._fixed = item.maxshape[0] is not None
        self.place = place
        last = max((p.frames[1] for p in pieces), default=-1)
        self.dims: tuple[int, ...] = (max(dims[0], last + 1), *dims[1:])
        fitting = [_fitting(p, self.dtype) for p in pieces]
        self._pieces = sorted(fitting, key=lambda p: p.frames[0])
        self._there: dict[tuple[int, Lead], Frames] = {}
        self._next, self._active, self._at = 0, list[int](), -1

    @property
    def problems(self) -> tuple[str, ...]:
        """What of its pieces cannot be had."""
        named = dict.fromkeys(p.problem for p in self._pieces if p.problem)
        inner = {id(p.source): p.source for p in self._pieces if p.source}
        for source in inner.values():
            named |= dict.fromkeys(source.problems)
        return tuple(named)

    @property
    def bounded(self) -> bool:
        """It has an end, and each frame up to there is there."""
        frames = self.dims[0] if len(self.dims) > 2 else 1
        there = self.written((0,) * (len(self.dims) - 3))
        return self._fixed and not self.problems and len(there) == frames

    @property
    def whole_at_once(self) -> bool:
        """One piece for each frame, and each source so; see :class:`Stored`."""
        mine = [p for p in self._pieces if p.source is not None]
        return all(self._whole(p) and p.source.whole_at_once for p in mine if p.source)

    def written(self, middle: Lead) -> Frames:
        """Frames of which at least one piece was written."""
        found = [self._frames(n, middle) for n in range(len(self._pieces))]
        return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)

    def _frames(self, number: int, middle: Lead) -> Frames:
        """Frames here that a piece really holds."""
        kept = self._there.get((number, middle))
        if kept is None:
            kept = self._there[number, middle] = self._look(number, middle)
        return kept

    def _look(self, number: int, middle: Lead) -> Frames:
        p = self._pieces[number]
        none = np.empty(0, np.int64)
        lead = _lead(p, (p.here[0].start, *middle))
        if p.source is None or lead is None:
            return none
        frames = p.source.written(lead[1:])
        if len(p.there) == 2 or len(p.here[0]) == 1:
            here = len(p.there) == 2 or lead[0] in frames
            return np.array([p.here[0].start]) if len(frames) and here else none
        positions = p.there[0].positions(frames)
        return p.here[0].indices(positions[positions >= 0])

    def payload(self, lead: Lead, *, stored: bool = False) -> Payload:
        """One image: its chunk where a single piece holds all of it."""
        found: list[tuple[Piece, Source, Lead]] = []
        lacking = ""
        for number in self._covering(lead[0]):
            p = self._pieces[number]
            there = _lead(p, lead)
            if p.source is None:
                lacking = p.problem if _covers(p, lead) else lacking
            elif there is None:
                continue
            elif lead[0] in self._frames(number, lead[1:]):
                found.append((p, p.source, there))
            else:
                lacking = f"{p.source.place} was not written"
        if lacking:
            raise PartialImageError(f"a part of the image is missing: {lacking}")
        if len(found) == 1 and self._whole(found[0][0]):
            return found[0][1].payload(found[0][2], stored=stored)
        return self._assemble(found)

    def _covering(self, frame: int) -> list[int]:
        """Pieces that may hold a frame; cheap if asked for in ascending order."""
        if frame < self._at:
            self._next, self._active = 0, []
        self._at = frame
        while (
            self._next < len(self._pieces)
            and self._pieces[self._next].frames[0] <= frame
        ):
            self._active.append(self._next)
            self._next += 1
        self._active = [n for n in self._active if self._pieces[n].frames[1] >= frame]
        return self._active

    def _whole(self, p: Piece) -> bool:
        shape = self.dims[-2:]
        source = p.source
        return (
            source is not None
            and source.dims[-2:] == shape
            and source.dtype.newbyteorder("=") == self.dtype
            and tuple(map(len, p.here[-2:])) == shape
        )

    def _assemble(self, found: list[tuple[Piece, Source, Lead]]) -> Payload:
        shape = (self.dims[-2], self.dims[-1])
        out: NDArray[Any] = np.full(shape, self._fill, self.dtype)
        for p, source, lead in found:
            pixels = decode(source.payload(lead))
            out[_index(p.here)] = pixels[_index(p.there)]
        return Payload(out.tobytes(), "raw", shape, self.dtype.str)

    def uncovered(self, frame: int, middle: Lead) -> NDArray[np.bool_] | None:
        """(slow, fast) pixels that no piece gives, None if there are none."""
        gaps = np.ones(self.dims[-2:], np.bool_)
        for number in self._covering(frame):
            p = self._pieces[number]
            if _covers(p, (frame, *middle)):
                gaps[_index(p.here)] = False
        return gaps if gaps.any() else None


def _fitting(p: Piece, dtype: np.dtype[Any]) -> Piece:
    """The piece; without its source if its numbers may be too large for the whole."""
    source = p.source
    if source is None or np.can_cast(source.dtype, dtype):
        return p
    problem = (
        f"{source.place} not used: it holds {source.dtype.name}, the virtual dataset "
        f"{dtype.name}"
    )
    return replace(p, source=None, problem=problem)


def _covers(p: Piece, lead: Lead) -> bool:
    return all(
        axis.positions(np.array([n]))[0] >= 0
        for axis, n in zip(p.here, lead, strict=False)
    )


def _lead(p: Piece, lead: Lead) -> Lead | None:
    """Where an image lies, None if the piece has nothing of it."""
    positions: list[int] = []
    if p.source is None:
        return None
    for axis, n in zip(p.here[:-2], lead, strict=True):
        position = int(axis.positions(np.array([n]))[0])
        if position < 0:
            return None
        if len(axis) != 1:
            positions.append(position)
    found = []
    for axis in p.there[:-2]:
        position = positions.pop(0) if len(axis) != 1 else 0
        found.append(int(axis.indices(np.array([position]))[0]))
    return tuple(found)


def _index(axes: tuple[Axis, ...]) -> tuple[Any, ...]:
    """Rows and columns of a selection, as slices where they are even."""
    rows, columns = axes[-2:]
    if all(axis.dense or axis.block == 1 for axis in (rows, columns)):
        return tuple(
            slice(axis.start, axis.last + 1, 1 if axis.dense else axis.stride)
            for axis in (rows, columns)
        )
    return np.ix_(rows.all(), columns.all())
