"""Image files as a source: DECTRIS masters, NXmx, single data files, CXI."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from recorder.errors import ImageError
from recorder.records import Image, SeriesEnd, SeriesKey, SeriesStart, Unprocessed
from recorder.sources.hdf5.chunks import read_payload
from recorder.sources.hdf5.layout import Segment, find_layout, open_file
from recorder.sources.hdf5.metadata import read_info, read_mask, read_times


class Hdf5File:
    """One series in a file.

    Args:
        path: Master, data file or CXI file.
        dataset: Path of the images in it; None finds them.

    Raises:
        FileFormatError: Not HDF5, or no images in it.
    """

    def __init__(self, path: Path, dataset: str | None = None) -> None:
        self.path = path
        self.layout = find_layout(path, dataset)

    def start(self, source: str = "file") -> SeriesStart:
        """The series as a header would announce it."""
        stat = self.path.stat()
        shape = None
        dtype = None
        for segment in self.layout.segments:
            if not segment.problem:
                with open_file(segment.file) as file:
                    images = file[segment.dataset]
                    shape = (images.shape[-2], images.shape[-1])
                    dtype = images.dtype.name
                break
        with open_file(self.path) as file:
            info = read_info(file)
            mask, problems = read_mask(file, shape or info.shape)
        info = replace(info, shape=shape or info.shape, dtype=dtype)
        return SeriesStart(
            key=SeriesKey(source, 1, f"{self.path.resolve()}@{stat.st_mtime_ns}"),
            info=info,
            expected_images=self.layout.images,
            mask=mask,
            problems=(*problems, *self.layout.problems),
            received_ns=time.time_ns(),
        )

    def images(self, start: SeriesStart) -> Iterator[Image]:
        """The images in order; missing ones are left out, unreadable ones are not."""
        times = read_times(self.path, self.layout.images)
        for segment in self.layout.segments:
            if segment.problem:
                continue
            with open_file(segment.file) as file:
                images = file[segment.dataset]
                for n in range(segment.count):
                    yield _image(start, images, segment, n, times)

    def end(self, start: SeriesStart) -> SeriesEnd:
        """The end of the series."""
        return SeriesEnd(start.key, time.time_ns())


def _image(
    start: SeriesStart, images: Any, segment: Segment, n: int, times: Sequence[int]
) -> Image:
    image_id = segment.first + n
    payload, problem = None, None
    try:
        payload = read_payload(images, segment.offset + n)
    except ImageError as error:
        problem = (Unprocessed(error.reason), str(error))
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        problem = (Unprocessed.CORRUPT, f"image cannot be read: {error}")
    return Image(
        key=start.key,
        image_id=image_id,
        payload=payload,
        problem=problem,
        start_time_ns=times[image_id] if image_id < len(times) else None,
        received_ns=time.time_ns(),
    )
