"""A dataset that holds images itself."""

from __future__ import annotations

from typing import Any, Protocol

import h5py
import numpy as np
from numpy.typing import NDArray

from recorder.errors import FileFormatError
from recorder.records import Payload
from recorder.records.limits import MAX_FILE_PIXELS, MAX_IMAGES
from recorder.sources.hdf5.chunk_index import ChunkIndex
from recorder.sources.hdf5.chunks import Lead, read_payload
from recorder.sources.hdf5.opening import Files, Place, guarded

Frames = NDArray[np.int64]


class Source(Protocol):
    """Where images lie: a dataset, or a virtual one made of several."""

    place: Place
    dims: tuple[int, ...]
    """(…, slow, fast)."""
    dtype: np.dtype[Any]

    @property
    def problems(self) -> tuple[str, ...]:
        """What of it cannot be had, each named once."""

    @property
    def bounded(self) -> bool:
        """Whether nothing more can come while nobody writes its files."""

    @property
    def whole_at_once(self) -> bool:
        """Whether a frame is there as a whole as soon as a part of it is."""

    def written(self, middle: Lead) -> Frames:
        """Indices along the first axis that were written, ascending.

        Args:
            middle: Which of the axes between the first and the last two.
        """

    def payload(self, lead: Lead, *, stored: bool = False) -> Payload:
        """One image.

        Args:
            lead: Which one.
            stored: Tell where its bytes lie, if they lie in one piece.

        Raises:
            ImageError: It cannot be had.
            FileFormatError: Its file cannot be had, or is another one by now.
        """


def check_images(item: Any, place: object) -> None:
    """Require a dataset that can be a stack of images.

    Raises:
        FileFormatError: It is none, or larger than any that is read.
    """
    if not isinstance(item, h5py.Dataset) or item.shape is None:
        raise FileFormatError(f"{place} is no stack of images")
    dims, dtype = item.shape, item.dtype
    if len(dims) < 2:
        raise FileFormatError(
            f"{place} is no stack of images: it has {len(dims)} dimensions; name one "
            "of (images, rows, columns) with --dataset"
        )
    if dtype.kind not in "iu":
        raise FileFormatError(f"{place} holds {dtype}, images are whole numbers")
    pixels = dims[-1] * dims[-2]
    if not 0 < pixels <= MAX_FILE_PIXELS:
        raise FileFormatError(
            f"{place}: images of {dims[-2]} x {dims[-1]} pixels: from 1 to "
            f"{MAX_FILE_PIXELS} in all are read"
        )
    if any(not n for n in dims[1:]) or max(dims) > MAX_IMAGES:
        raise FileFormatError(
            f"{place} has the shape {dims}: at most {MAX_IMAGES} images are read"
        )


class Stored:
    """Images that lie in the chunks, or in one stretch, of a dataset.

    Args:
        files: Where it is opened.
        place: The dataset, its links followed.

    Raises:
        FileFormatError: It is no stack of images.
    """

    def __init__(self, files: Files, place: Place) -> None:
        self._files = files
        self.place = place
        self._index: ChunkIndex | None = None
        item = files.dataset(place)
        with guarded(place):
            check_images(item, place)
            if item.external:
                raise FileFormatError(
                    f"{place}: its pixels lie in further files without structure, "
                    "which are not read; repack it with h5repack"
                )
            self.dims: tuple[int, ...] = tuple(map(int, item.shape))
            self.dtype: np.dtype[Any] = item.dtype

    @property
    def problems(self) -> tuple[str, ...]:
        """None: it is there or it is not."""
        return ()

    @property
    def bounded(self) -> bool:
        """Always: all of it lies in one file."""
        return True

    @property
    def whole_at_once(self) -> bool:
        """One chunk for each frame, which gets its place when it is written."""
        item = self._files.dataset(self.place)
        with guarded(self.place):
            early = (
                item.id.get_create_plist().get_alloc_time() == h5py.h5d.ALLOC_TIME_EARLY
            )
            return bool(item.chunks == (1, *self.dims[1:]) and not early)

    def written(self, middle: Lead) -> Frames:
        """Frames whose chunks, at least one of them, have a place in the file."""
        item = self._files.dataset(self.place)
        frames = self.dims[0] if len(self.dims) > 2 else 1
        with guarded(self.place):
            if item.chunks is None:
                compact = item.id.get_create_plist().get_layout() == h5py.h5d.COMPACT
                there = compact or item.id.get_offset() is not None
                return np.arange(frames if there else 0)
            if len(self.dims) == 2:
                return np.arange(1 if item.id.get_num_chunks() else 0)
            pairs = zip(self.dims, item.chunks, strict=True)
            every = np.prod([float(-(-n // c)) for n, c in pairs])
            if item.id.get_num_chunks() == every:
                return np.arange(frames)
            return self._of_chunks(item, middle)

    def _of_chunks(self, item: Any, middle: Lead) -> Frames:
        firsts: set[int] = set()
        deep = item.chunks[1:-2]

        def visit(info: Any) -> None:
            offset = info.chunk_offset
            inner = zip(middle, offset[1:-2], deep, strict=True)
            if all(at <= n < at + depth for n, at, depth in inner):
                firsts.add(int(offset[0]))

        item.id.chunk_iter(visit)
        depth = int(item.chunks[0])
        starts = np.array(sorted(firsts), np.int64)
        found = (starts[:, None] + np.arange(depth)).reshape(-1)
        return np.asarray(found[found < self.dims[0]])

    def payload(self, lead: Lead, *, stored: bool = False) -> Payload:
        """One image; the dataset may have grown, but not changed otherwise."""
        item = self._files.dataset(self.place)
        with guarded(self.place):
            same = item.shape[1:] == self.dims[1:] and item.dtype == self.dtype
            if not same or (lead and item.shape[0] <= lead[0]):
                raise FileFormatError(
                    f"{self.place} became {item.shape} {item.dtype} while it was read"
                )
        if self._index is None and item.chunks is not None:
            with guarded(self.place):
                self._index = ChunkIndex(item)
        return read_payload(item, lead, self._index, stored=stored)
