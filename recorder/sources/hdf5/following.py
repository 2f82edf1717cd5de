"""A file that is still being written: its images as they come, until it is complete.

Each look opens the file anew, which shows what a writer in SWMR mode has flushed,
further data files, and whether the writer has closed them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from recorder.errors import FileFormatError
from recorder.records import Image, SeriesEnd, SeriesKey, SeriesStart
from recorder.runtime.host_clock import arrival_ns
from recorder.sources.hdf5.file import Hdf5File
from recorder.sources.hdf5.opening import guarded

FollowedRecord = SeriesStart | Image | SeriesEnd


class FollowedFile:
    """One series in a file that grows.

    Args:
        path: Master or data file; it must be there.
        look: Opens it.
        quiet_s: So long (s) nothing new comes before it is given up.
        clock: Monotonic time (s).
    """

    def __init__(
        self,
        path: Path,
        look: Callable[[], Hdf5File],
        quiet_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._look, self._quiet_s, self._clock = path, look, quiet_s, clock
        self._inode = self._which()
        self._given: set[int] = set()
        self._start: SeriesStart | None = None
        self.file: Hdf5File | None = None
        """As it was at the last look that succeeded."""
        self.gave_up = ""
        """Why it was given up, for people; empty if it was not."""
        self.error = ""
        """Why the last look failed; empty if it did not."""

    def key(self, source: str) -> SeriesKey:
        """What the series is called in the journal, however the file grows."""
        with guarded(self._path):
            real = self._path.resolve()
        return SeriesKey(source, 1, f"{real}@inode {self._inode}")

    def records(self, source: str) -> Iterator[FollowedRecord | None]:
        """The records as they come; None: nothing new, ask again later.

        Without an end if it was given up.
        """
        key, since = self.key(source), self._clock()
        while True:
            complete = self._again()
            for record in self._news(key, complete=complete):
                yield record
                since = self._clock()
            if complete and self._start is not None:
                yield SeriesEnd(self._start.key, arrival_ns())
                return
            if self._clock() - since >= self._quiet_s:
                self._give_up()
                return
            yield None

    def _which(self) -> int:
        with guarded(self._path):
            return self._path.stat().st_ino

    def _again(self) -> bool:
        """Look; whether all that will ever be in the file is there."""
        try:
            if self._which() != self._inode:
                raise FileFormatError(f"{self._path}: another file has its name by now")
            self.file = self._look()
        except FileFormatError as error:
            self.error = str(error)
            return False
        self.error = ""
        return self.file.complete

    def _news(self, key: SeriesKey, *, complete: bool) -> Iterator[FollowedRecord]:
        """What was not there at the look before."""
        file = self.file
        if file is None or self.error or not file.layout.images:
            return
        if self._start is None:
            first = file.start(key.source)
            notes = file.lasting_notes
            self._start = replace(
                first, key=key, expected_images=file.announced or None, problems=notes
            )
            yield self._start
        for image in file.images(self._start, self._given, settled=not complete):
            self._given.add(image.image_id)
            yield image

    def _give_up(self) -> None:
        why = self.error or f"{self._path}: its writer stands still or was killed"
        self.gave_up = (
            f"no new image for {self._quiet_s:g} s, and the file is not complete: {why}"
        )
