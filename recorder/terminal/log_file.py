"""A log file that grows, is rotated, and may hold anything."""

from __future__ import annotations

import io
import os
import stat
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from recorder.errors import LogError
from recorder.terminal.log_lines import Choice, Entry, read_line

POLL_S = 0.25
"""Seconds between two looks at a file that is followed: quick enough for the eye."""
MAX_LINE = 1 << 20
"""Bytes of one line; a longer one (there is none of ours) is cut into pieces."""
BLOCK = 1 << 16
"""Bytes that are read at once."""


class LogFile:
    """Reads a log file.

    Args:
        path: Where it is; ``-`` is standard input.
        choice: Which events are wanted.

    Raises:
        LogError: It cannot be read.
    """

    def __init__(self, path: Path, choice: Choice) -> None:
        self._path = path
        self._choice = choice
        self._torn = b""
        self._stream = self._open()
        self.left_out = 0
        """Lines that are no events of ours and were left out."""

    @property
    def _seekable(self) -> bool:
        return stat.S_ISREG(os.fstat(self._stream.fileno()).st_mode)

    def close(self) -> None:
        """Let go of it."""
        self._stream.close()

    def last(self, most: int | None) -> list[Entry]:
        """The last events that are wanted, oldest first.

        Args:
            most: How many; None: all.
        """
        if most == 0 and self._seekable:
            self._stream.seek(0, io.SEEK_END)
            return []
        if most is not None and self._seekable:
            return self._backwards(most)
        found = deque(self._chosen(self._lines()), most)
        return list(found)

    def rest(self) -> list[Entry]:
        """What stands after the last line's end: a line that is being written."""
        torn, self._torn = self._torn, b""
        return list(self._chosen([torn] if torn else []))

    def follow(self) -> Iterator[Entry | None]:
        """Events as they are written, without end; None each time there is nothing.

        When another file has the name, or the file got shorter, it is begun anew.
        """
        while True:
            yield from self._chosen(self._lines())
            if self._is_another():
                yield from self._chosen(self._lines())
                yield from self.rest()
                self._begin_anew()
                continue
            yield None
            time.sleep(POLL_S)

    def _open(self) -> BinaryIO:
        try:
            if str(self._path) == "-":
                return os.fdopen(os.dup(0), "rb", buffering=0)
            return self._path.open("rb", buffering=0)
        except OSError as error:
            raise LogError(
                f"{self._path}: cannot be read: {error.strerror}; name a log file, or "
                "none to read journald"
            ) from error

    def _begin_anew(self) -> None:
        try:
            stream = self._path.open("rb", buffering=0)
        except OSError:  # it will be there in a moment
            time.sleep(POLL_S)
            return
        self._stream.close()
        self._stream = stream

    def _is_another(self) -> bool:
        if not self._seekable or str(self._path) == "-":
            return False
        own = os.fstat(self._stream.fileno())
        try:
            named = self._path.stat()
        except OSError:
            return False
        other = (own.st_dev, own.st_ino) != (named.st_dev, named.st_ino)
        return other or own.st_size < self._stream.tell()

    def _lines(self) -> Iterator[bytes]:
        """Whole lines from here to the end; the start of the next is kept."""
        while block := self._stream.read(BLOCK):
            *whole, self._torn = (self._torn + block).split(b"\n")
            yield from whole
            if len(self._torn) > MAX_LINE:
                yield self._torn
                self._torn = b""

    def _backwards(self, most: int) -> list[Entry]:
        """From the end, in blocks, until there are enough."""
        end = self._stream.seek(0, io.SEEK_END)
        found: list[Entry] = []
        place, after, first = end, b"", True
        while place > 0 and len(found) < most:
            size = min(BLOCK, place)
            place -= size
            self._stream.seek(place)
            head, *lines = (self._stream.read(size) + after).split(b"\n")
            if first and lines:
                self._torn, first = lines.pop(), False
            after = head
            if place == 0 and not first:
                lines.insert(0, head)
            elif len(after) > MAX_LINE:
                lines.insert(0, after)
                after = b""
            found[:0] = self._chosen(lines)
        if first:
            self._torn = after
        self._stream.seek(end)
        return found[-most:]

    def _chosen(self, lines: Iterator[bytes] | list[bytes]) -> Iterator[Entry]:
        for body in lines:
            if not body.strip():
                continue
            entry = read_line(body.rstrip(b"\r"))
            if self._choice.takes(entry):
                yield entry
            elif not entry.fields:
                self.left_out += 1
