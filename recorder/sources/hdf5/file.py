"""Image files as a source: DECTRIS masters, NXmx, single data files, CXI."""

from __future__ import annotations

import contextlib
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from recorder.errors import FileFormatError, ImageError
from recorder.records import (
    Image,
    SeriesEnd,
    SeriesKey,
    SeriesStart,
    StoredChunk,
    Unprocessed,
)
from recorder.runtime.host_clock import arrival_ns
from recorder.sources.hdf5.facts import Facts
from recorder.sources.hdf5.goniometer import read_goniometer
from recorder.sources.hdf5.layout import Layout, arrange
from recorder.sources.hdf5.locate import Locator
from recorder.sources.hdf5.mask import gaps, mask_places, mask_shapes, read_mask
from recorder.sources.hdf5.metadata import (
    announced_images,
    find_detector,
    read_info,
    read_times,
    read_triggers,
)
from recorder.sources.hdf5.nexus import read_tree
from recorder.sources.hdf5.opening import Files, guarded
from recorder.sources.hdf5.stored import Stored
from recorder.sources.hdf5.view import Shape, View

_READ_ERRORS = (OSError, RuntimeError, LookupError, ValueError, TypeError, MemoryError)
"""What h5py raises where an image cannot be read."""


class Hdf5File:
    """One series in a file.

    Args:
        path: Master, data file or CXI file.
        dataset: Path of the images in it, or of a group of numbered ones; None finds
            them.
        channel: Which of several images of an exposure to take, from 1; None: the
            first.
        panels: Size (slow, fast) of the image that panels make, where a geometry file
            says it.

    Raises:
        FileFormatError: Not HDF5, or no images in it that can be read.
    """

    def __init__(
        self,
        path: Path,
        dataset: str | None = None,
        channel: int | None = None,
        panels: Shape | None = None,
    ) -> None:
        self.path = path
        self._files = Files()
        self._vanished: dict[str, None] = {}
        try:
            with guarded(path):
                self._look(dataset, channel, panels)
        finally:
            self._files.close()

    def _look(
        self, dataset: str | None, channel: int | None, panels: Shape | None
    ) -> None:
        facts = Facts(self._files)
        tree = read_tree(self._files, self.path)
        located = Locator(self._files, self.path, tree).locate(dataset)
        detector = find_detector(facts, tree, located)
        info = read_info(facts, tree, detector)
        masks = mask_places(facts, detector.groups)
        stated = {s for s in (info.shape, panels, *mask_shapes(facts, masks)) if s}
        self._triggers = read_triggers(facts, detector)
        announced = announced_images(*self._triggers)
        self.layout: Layout = arrange(located, stated, announced, channel)
        view = self.layout.view
        mask, uncovered = read_mask(facts, masks, view), gaps(facts, view)
        if uncovered is not None:
            mask = uncovered if mask is None else mask | uncovered
        self.announced = announced
        """Images that a master announces; 0 if it does not."""
        self._mask = mask
        self._goniometer = read_goniometer(
            facts, tree, detector, {n for n in (self.layout.images, announced) if n}
        )
        self._info = replace(
            info,
            shape=view.shape if view else info.shape,
            dtype=view.dtype.name if view else None,
        )
        self._notes = tuple(facts.notes)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is lost, each named once; more of it after the images were read."""
        return (*self.layout.problems, *self._vanished)

    @property
    def files(self) -> frozenset[Path]:
        """Files that it is made of, as far as they are there, links resolved."""
        return frozenset(path.resolve() for path in self._files.opened)

    @property
    def written_images(self) -> int:
        """Images that are there."""
        return sum(len(segment.written) for segment in self.layout.segments)

    @property
    def ends(self) -> tuple[StoredChunk, StoredChunk] | None:
        """Where its first and its last image lie; None if that is not known."""
        there = [s for s in self.layout.segments if s.view and len(s.written)]
        found = []
        with contextlib.suppress(ImageError, FileFormatError, *_READ_ERRORS):
            for segment, n in ((there[0], 0), (there[-1], -1)) if there else ():
                if segment.view is not None:
                    at = int(segment.written[n])
                    found.append(segment.view.payload(at, stored=True).stored)
        self._files.close()
        first, last = found if len(found) == 2 else (None, None)
        return None if first is None or last is None else (first, last)

    @property
    def being_written(self) -> bool:
        """Whether a file of it is marked as being written, or its writer was killed."""
        return bool(self._files.being_written)

    @property
    def lasting_notes(self) -> tuple[str, ...]:
        """The notes that hold however much is written to the file later."""
        return (*self.layout.notes, *self._notes)

    @property
    def complete(self) -> bool:
        """Whether all that will ever be in it is there.

        All announced images are there. Or nobody writes it, and no data file is to
        come: it holds its images itself, or what it is made of is all there.
        """
        segments = self.layout.segments
        there = self.written_images
        views = [segment.view for segment in segments]
        if self.announced and there >= self.announced:
            return not self._files.being_written or all(
                view is None or view.whole_at_once for view in views
            )
        if self._files.being_written or not there:
            return False
        if not self.announced:
            return all(view is not None and view.source.bounded for view in views)
        own = self.path.resolve()
        return all(
            view is not None
            and isinstance(view.source, Stored)
            and view.source.place.file.resolve() == own
            for view in views
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What is there but not used, and what was taken for what."""
        written = tuple(
            f"{path} is still being written, or its writer was killed: what is not in "
            "it yet is lost"
            for path in sorted(self._files.being_written)
        )
        chosen = self.layout.segments[0].dataset if self.layout.segments else ""
        others = ", ".join(self.layout.others)
        several = f"several image datasets: took {chosen}; others, for --dataset: "
        notes = (*self.lasting_notes, *written)
        return (*notes, *((several + others,) if others else ()))

    def start(self, source: str = "file") -> SeriesStart:
        """The series as a header would announce it.

        Raises:
            FileFormatError: The file is not there any more.
        """
        with guarded(self.path):
            changed_ns = self.path.stat().st_mtime_ns
            real = self.path.resolve()
        return SeriesStart(
            key=SeriesKey(source, 1, f"{real}@{changed_ns}"),
            info=self._info,
            expected_images=self.layout.images,
            mask=self._mask,
            goniometer=self._goniometer.goniometer,
            angles=self._goniometer.angles,
            triggers=self._triggers[0],
            images_per_trigger=self._triggers[1],
            problems=(*self.notes, *self.layout.problems),
            received_ns=arrival_ns(),
        )

    def images(
        self,
        start: SeriesStart,
        given: Container[int] = (),
        *,
        settled: bool = False,
        stored: bool = False,
    ) -> Iterator[Image]:
        """The images in order; lost ones are left out, unreadable ones are not.

        Args:
            start: The series.
            given: Ids of images that are not wanted.
            settled: Only those that a writer does not change any more.
            stored: Tell where their bytes lie, where they lie in one piece.
        """
        times = read_times(self.path, self.layout.images)
        try:
            for segment in self.layout.segments:
                if segment.view is None:
                    continue
                if settled and not segment.view.whole_at_once:
                    continue
                for n in segment.written:
                    if segment.first + int(n) in given:
                        continue
                    image = self._image(
                        start, segment.view, segment.first, n, times, stored=stored
                    )
                    if image is not None:
                        yield image
        finally:
            self._files.close()

    def _image(
        self,
        start: SeriesStart,
        view: View,
        first: int,
        n: int,
        times: Sequence[int],
        *,
        stored: bool,
    ) -> Image | None:
        """One image; None if its file cannot be had any more."""
        image_id = first + int(n)
        payload, problem = None, None
        try:
            payload = view.payload(int(n), stored=stored)
        except ImageError as error:
            problem = (Unprocessed(error.reason), str(error))
        except FileFormatError as error:
            self._vanished.setdefault(f"{error}; its images are lost")
            return None
        except _READ_ERRORS as error:
            problem = (Unprocessed.CORRUPT, f"image cannot be read: {error}")
        return Image(
            key=start.key,
            image_id=image_id,
            payload=payload,
            problem=problem,
            start_time_ns=times[image_id] if image_id < len(times) else None,
            ignored_channels=view.ignored(),
            received_ns=arrival_ns(),
        )

    def end(self, start: SeriesStart) -> SeriesEnd:
        """The end of the series."""
        return SeriesEnd(start.key, arrival_ns())
