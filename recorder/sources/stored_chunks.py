"""Reads the bytes of an image that were left where they lie: in a file, by offset.

Who asks may be another host. So only files below folders that this host was told of are
read, only regular ones, and never more than an image needs; a file that is not what it
was when its chunks were looked up is an error, not another image.
"""

from __future__ import annotations

import os
import stat
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from recorder.errors import CorruptImageError, PartialImageError, UnsupportedImageError
from recorder.foreign_text import plain
from recorder.records import Payload, StoredChunk
from recorder.records.limits import MAX_STORED_BYTES

MOST_OPEN = 16
"""Files that are kept open, those used last: more than the data files that one run's
images alternate between. Chosen, not tuned."""


class StoredChunks:
    """Files that are read by offset.

    Args:
        roots: Folders below which they may lie; without any, none is read.
    """

    def __init__(self, roots: Iterable[Path] = ()) -> None:
        self._roots = [path.resolve() for path in roots]
        self._open: OrderedDict[str, int] = OrderedDict()

    def whole(self, payload: Payload) -> Payload:
        """A payload with its bytes.

        Raises:
            ImageError: They cannot be had: the file is gone, cut, or not what it was,
                or this host may not read it.
        """
        chunk = payload.stored
        if chunk is None:
            return payload
        return replace(payload, data=self._read(chunk), stored=None)

    def _read(self, chunk: StoredChunk) -> bytes:
        name = plain(chunk.file)
        if not 0 < chunk.size <= MAX_STORED_BYTES or chunk.offset < 0:
            raise UnsupportedImageError(
                f"{name}: {chunk.size} bytes at {chunk.offset} are no image: at most "
                f"{MAX_STORED_BYTES} are read"
            )
        try:
            place = self._opened(chunk.file, name)
            _require_same(place, chunk, name)
            data = _pread(place, chunk.size, chunk.offset)
            _require_same(place, chunk, name)
        except OSError as error:
            raise CorruptImageError(
                f"{name}: cannot be read on this host: {error.strerror}; it was there "
                "when the replay began"
            ) from error
        except ValueError as error:  # a name that no file can have
            raise CorruptImageError(f"{name}: {error}") from error
        if len(data) < chunk.size:
            raise PartialImageError(
                f"{name} was cut: {len(data)} of {chunk.size} bytes"
            )
        return data

    def _opened(self, file: str, name: str) -> int:
        """An open file; one that is not below the roots is closed again."""
        place = self._open.get(file)
        if place is not None:
            self._open.move_to_end(file)
            return place
        place = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            self._require_allowed(place, name)
        except BaseException:
            os.close(place)
            raise
        self._open[file] = place
        while len(self._open) > MOST_OPEN:
            os.close(self._open.popitem(last=False)[1])
        return place

    def _require_allowed(self, place: int, name: str) -> None:
        if not stat.S_ISREG(os.fstat(place).st_mode):
            raise UnsupportedImageError(f"{name} is no file")
        # asked of the kernel: whatever links were followed, this is what was opened
        real = Path(f"/proc/self/fd/{place}").readlink()
        if not any(real.is_relative_to(root) for root in self._roots):
            raise UnsupportedImageError(
                f"{name} is in no folder that this host may read images from; start "
                "its node with --read FOLDER"
            )

    def close(self) -> None:
        """Close all files."""
        while self._open:
            os.close(self._open.popitem()[1])


def _require_same(place: int, chunk: StoredChunk, name: str) -> None:
    now = os.fstat(place)
    if (now.st_size, now.st_mtime_ns) != (chunk.file_size, chunk.mtime_ns):
        raise CorruptImageError(
            f"{name} was changed since the replay began: replay it again"
        )


def _pread(place: int, size: int, offset: int) -> bytes:
    data = os.pread(place, size, offset)
    while len(data) < size and (
        more := os.pread(place, size - len(data), offset + len(data))
    ):
        data += more
    return data
