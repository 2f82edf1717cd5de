"""A HDF5 file whose numbers are written beside the HDF5 library.

The library may end the process when a disk refuses a write, and its files in Python
stand still when other threads work. So it lays the file out in memory, where the
datasets are holes that take no room; then what it wrote there is copied to the disk,
and the numbers are written to where they belong, a block at a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
_COPIED = 1 << 20
"""Bytes that are copied at a time. Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the numbers of a dataset belong."""

    offset: int
    """First byte in the file."""
    length: int
    """Entries."""
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    """Of one entry."""

    @property
    def entry_bytes(self) -> int:
        """Bytes of one entry."""
        return self.dtype.itemsize * int(np.prod(self.shape, dtype=np.int64))


def make_holes(group: h5py.Group, length: int, like: Arrays) -> dict[str, Place]:
    """Make a dataset for each column, none of whose numbers is written.

    Args:
        group: Where they go; one that an open file of :func:`laid_out` has.
        length: Entries of each.
        like: Arrays of the same types; their first axis is not looked at.
    """
    kind = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    kind.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    kind.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    places = {}
    for name, values in like.items():
        shape = values.shape[1:]
        space = h5py.h5s.create_simple((length, *shape))
        type_id = h5py.h5t.py_create(values.dtype, logical=True)
        made = h5py.h5d.create(group.id, name.encode(), type_id, space, kind)
        places[name] = Place(made.get_offset() or 0, length, values.dtype, shape)
    return places


@contextmanager
def laid_out(
    descriptor: int, make: Callable[[h5py.File], dict[str, dict[str, Place]]]
) -> Iterator[dict[str, Columns]]:
    """A new file, to whose datasets numbers are then written.

    Args:
        descriptor: Of the file; empty, and open to write.
        make: Makes all that is in it; the places by any name.

    Yields:
        The datasets by the same name.

    Raises:
        OSError: The disk refuses.
    """
    memory = os.memfd_create("results")
    try:
        # HDF5 1.10 opens these; the library's newest layout it would not.
        path, libver = f"/proc/self/fd/{memory}", ("v110", "v110")
        # the library's usual driver asks for a path, which memory has none of
        with h5py.File(path, "w", "stdio", libver) as file:
            made = make(file)
        _copy_written(memory, descriptor)
    finally:
        os.close(memory)
    yield {name: Columns(descriptor, places) for name, places in made.items()}


def _copy_written(source: int, target: int) -> None:
    """Copy a file with holes."""
    size = os.fstat(source).st_size
    os.ftruncate(target, size)
    place = 0
    while place < size:
        try:
            place = os.lseek(source, place, os.SEEK_DATA)
        except OSError:  # nothing but a hole up to the end
            return
        end = os.lseek(source, place, os.SEEK_HOLE)
        while place < end:
            body = os.pread(source, min(_COPIED, end - place), place)
            write_at(target, memoryview(body), place)
            place += len(body)


class Columns:
    """Datasets of one length, written a block after the other.

    Args:
        descriptor: Of the file.
        places: Where their numbers belong.
    """

    def __init__(self, descriptor: int, places: dict[str, Place]) -> None:
        self._descriptor, self._places = descriptor, places
        self.size = 0
        """Entries that were written."""

    def add(self, block: Arrays) -> None:
        """Write the next entries of each.

        Raises:
            OSError: The disk refuses.
            ValueError: There is no room for so many, or they are of another shape.
        """
        count = len(next(iter(block.values()))) if block else 0
        for name, place in self._places.items():
            values = np.ascontiguousarray(block[name], place.dtype)
            if (
                values.shape != (count, *place.shape)
                or self.size + count > place.length
            ):
                raise ValueError(f"{name}: {values.shape} at {self.size} of {place}")
            offset = place.offset + self.size * place.entry_bytes
            write_at(self._descriptor, memoryview(values.tobytes()), offset)
        self.size += count


def write_at(descriptor: int, body: memoryview, offset: int) -> None:
    """Write all of it from a byte on.

    Raises:
        OSError: The disk refuses.
    """
    done = 0
    while done < body.nbytes:
        done += os.pwrite(descriptor, body[done:], offset + done)
