"""What a replay reads: the records of a file, a dump, or a file that is followed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from recorder.config.sources import ReplaySection
from recorder.errors import UsageError
from recorder.records import DetectorRecord, Image, SeriesEnd, SeriesKey, SeriesStart
from recorder.runtime.host_clock import arrival_ns
from recorder.service.replay_control import ReplayOptions
from recorder.sources.crystfel_geometry import read_geometry
from recorder.sources.dectris.dumps import is_dump, read_dump
from recorder.sources.dectris.stream1 import Stream1Decoder
from recorder.sources.hdf5.file import Hdf5File
from recorder.sources.hdf5.following import FollowedFile
from recorder.sources.hdf5.layout import missing_file_error

SOURCE = "file"


class ReplayRecords:
    """Records of a file or dump, and what is wrong with it."""

    def __init__(self, options: ReplayOptions, section: ReplaySection) -> None:
        self._options = options
        self.total: int | None = None
        self.skip: frozenset[int] = frozenset()
        """Images that the run has already."""
        self._file: Hdf5File | None = None
        self._followed: FollowedFile | None = None
        if not options.file.exists():
            raise UsageError(f"{options.file}: no such file")
        look = partial(open_series, options.file, options.dataset, section)
        if options.by_reference and (options.follow or is_dump(options.file)):
            raise UsageError(
                f"{options.file}: --by-reference is for HDF5 files that nobody writes"
            )
        if options.follow:
            if is_dump(options.file):
                raise UsageError(f"{options.file}: --follow is for HDF5 files")
            self._followed = FollowedFile(options.file, look, options.quiet_s)
        elif not is_dump(options.file):
            self._file = look()
            layout = self._file.layout
            self.total = layout.images
            if not layout.images:
                raise missing_file_error(layout)

    @property
    def readable(self) -> tuple[Path, ...]:
        """Folders that workers may read from."""
        if self._file is None or not self._options.by_reference:
            return ()
        return tuple(sorted({path.parent for path in self._file.files}))

    @property
    def lost(self) -> tuple[str, ...]:
        """What of the file's images could not be had."""
        if (followed := self._followed) is not None:
            seen = followed.file.problems if followed.file else ()
            return (*((followed.gave_up,) if followed.gave_up else ()), *seen)
        return self._file.problems if self._file else ()

    @property
    def gave_up(self) -> str:
        """Why a file that was followed is not complete; empty if all is well."""
        return self._followed.gave_up if self._followed else ""

    @property
    def problems(self) -> tuple[str, ...]:
        """What is lost, and what people should know besides."""
        file = self._followed.file if self._followed else self._file
        return (*self.lost, *(file.notes if file else ()))

    @property
    def key(self) -> SeriesKey | None:
        """What the file's series is called in the journal; None for a dump."""
        if self._followed is not None:
            return self._followed.key(SOURCE)
        return self._file.start(SOURCE).key if self._file else None

    def __iter__(self) -> Iterator[DetectorRecord | None]:
        """In order; None: there is nothing new yet."""
        limit = self._options.limit
        images = 0
        for record in self._all():
            if isinstance(record, Image):
                if limit is not None and images >= limit:
                    if self._followed is None:
                        continue
                    yield SeriesEnd(record.key, arrival_ns())
                    return
                images += 1
                if record.image_id in self.skip:
                    continue
            elif isinstance(record, SeriesStart) and limit is not None:
                expected = record.expected_images
                cut = limit if expected is None else min(limit, expected)
                record = replace(record, expected_images=cut)
            yield record

    def _all(self) -> Iterator[DetectorRecord | None]:
        if self._followed is not None:
            yield from self._followed.records(SOURCE)
            return
        if self._file is None:
            decoder = Stream1Decoder(SOURCE)
            for message in read_dump(self._options.file):
                yield decoder.decode(message, arrival_ns())
            return
        start = self._file.start(SOURCE)
        yield start
        stored = self._options.by_reference
        yield from self._file.images(start, stored=stored)
        yield self._file.end(start)


def open_series(path: Path, dataset: str | None, section: ReplaySection) -> Hdf5File:
    """The series of an HDF5 file, as a replay sees it.

    Args:
        path: Master, data file or CXI file.
        dataset: Path of the images in it; None finds them.
        section: How files are read.

    Raises:
        FileFormatError: Not HDF5, or no images in it that can be read.
    """
    panels = _panels(section.geometry_file)
    return Hdf5File(path, dataset, section.channel, panels)


def _panels(path: Path | None) -> tuple[int, int] | None:
    """Size (slow, fast) that a geometry file is for; what is wrong is said later."""
    try:
        return read_geometry(path).shape if path else None
    except UsageError:
        return None
