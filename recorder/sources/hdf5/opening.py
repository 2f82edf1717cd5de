"""Open files, a few at a time; whatever the library raises becomes our own error."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from recorder.errors import MAX_QUOTED, FileFormatError, MissingDataFileError

_MOST_OPEN = 32
"""Files open at a time: more than the writers that take turns in any layout we know,
far below what a process may open. Chosen, not tuned."""
_LIBRARY_ERRORS = (
    OSError,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    MemoryError,
)
"""What h5py raises for files that are wrong in some way: it has no error of its own."""


@dataclass(frozen=True, slots=True)
class Place:
    """A group or dataset, all links on the way to it followed."""

    file: Path
    name: str
    """Absolute, by hard links only."""

    def __str__(self) -> str:
        return f"{self.file}: {self.name}"


@contextmanager
def guarded(what: object) -> Iterator[None]:
    """Turn what the library raises into a ``FileFormatError`` about ``what``."""
    try:
        yield
    except _LIBRARY_ERRORS as error:
        text = str(error)[:MAX_QUOTED] or type(error).__name__
        raise FileFormatError(f"{what}: not readable as HDF5: {text}") from error


def open_file(path: Path) -> tuple[h5py.File, bool]:
    """Open for reading, without a lock: it may lie on a read-only or NFS mount.

    Args:
        path: The file. Pipes and devices are not opened.

    Returns:
        The file, and whether it is marked as being written (or its writer was killed).

    Raises:
        MissingDataFileError: No such file.
        FileFormatError: Not HDF5, cut, or open for a writer that shares with nobody.
    """
    with guarded(path):
        there = path.is_file()
    if not there:
        raise MissingDataFileError(f"{path}: no such file")
    with guarded(path):
        try:
            return h5py.File(path, "r", locking=False), False
        except OSError as error:
            if "already open for" not in str(error):
                raise
        try:
            return h5py.File(path, "r", swmr=True, locking=False), True
        except OSError as error:
            raise FileFormatError(
                f"{path}: not readable as HDF5: it is open for writing, or its writer "
                "was killed; wait until it is closed, or repair a copy: h5clear -s FILE"
            ) from error


class Files:
    """Files that are open; those that were not used for longest are closed."""

    def __init__(self) -> None:
        self._open: OrderedDict[Path, h5py.File] = OrderedDict()
        self._datasets: dict[Place, Any] = {}
        self.being_written: set[Path] = set()
        """Files whose writer is still at work, or was killed."""
        self.opened: set[Path] = set()
        """All files that were ever opened."""

    def file(self, path: Path) -> h5py.File:
        """An open file.

        Raises:
            FileFormatError: It cannot be opened.
        """
        file = self._open.get(path)
        if file is None:
            file, written = open_file(path)
            if written:
                self.being_written.add(path)
            self._open[path] = file
            self.opened.add(path)
            while len(self._open) > _MOST_OPEN:
                self._close(next(iter(self._open)))
        self._open.move_to_end(path)
        return file

    def item(self, place: Place) -> Any:
        """The group or dataset at a place; not to be kept.

        Raises:
            FileFormatError: It is not there.
        """
        file = self.file(place.file)
        with guarded(place):
            return file[place.name]

    def dataset(self, place: Place) -> Any:
        """A dataset, kept open for the next time.

        Raises:
            FileFormatError: It is not there, or no dataset.
        """
        kept = self._datasets.get(place)
        if kept is not None:
            self._open.move_to_end(place.file)
            return kept
        item = self.item(place)
        if not isinstance(item, h5py.Dataset):
            raise FileFormatError(f"{place} is no dataset")
        self._datasets[place] = item
        return item

    def close(self) -> None:
        """Close them all; they are opened again when they are needed."""
        while self._open:
            self._close(next(iter(self._open)))

    def _close(self, path: Path) -> None:
        for place in [place for place in self._datasets if place.file == path]:
            del self._datasets[place]
        file = self._open.pop(path)
        with guarded(path):
            file.close()
