"""A file through the same pipeline, into the configured sinks."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from recorder.config import Settings
from recorder.config.sources import ReplaySection
from recorder.errors import RecorderError, UsageError
from recorder.records import (
    Announcement,
    BadMessage,
    ControlRecord,
    DetectorRecord,
    Image,
    Json,
    SeriesStart,
    TimedEvent,
)
from recorder.records.run_report import FullReport
from recorder.records.text_files import TextError, text_of
from recorder.reports.experiments import by_experiment
from recorder.reports.store import ReportStore
from recorder.runs.run import Run
from recorder.service.host import Host, hosting, sink_names
from recorder.service.run_settings import book_settings
from recorder.sources.control.messages import parse_message
from recorder.sources.crystfel_geometry import read_geometry
from recorder.sources.dectris.dumps import is_dump, read_dump
from recorder.sources.dectris.stream1 import Stream1Decoder
from recorder.sources.hdf5.file import Hdf5File
from recorder.sources.hdf5.layout import missing_file_error

SINKS_TIMEOUT_S = 60.0
"""Seconds that a replay waits for the sinks to write its run; what they lack then is
written later. Chosen, not tuned."""
SOURCE = "file"
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What to replay, and how."""

    file: Path
    dataset: str | None = None
    collection: Path | None = None
    events: Path | None = None
    rate_hz: float | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """The report of the run, and what was wrong."""

    report: FullReport
    problems: tuple[str, ...]
    sinks_done: bool
    lost: tuple[str, ...] = ()
    """What of the file's images could not be had."""


async def replay(
    settings: Settings, options: ReplayOptions, progress: Progress
) -> ReplayResult:
    """Replay one file as one run.

    Args:
        settings: The whole configuration.
        options: The file, and how to replay it.
        progress: Told how far the replay is.

    Raises:
        FileFormatError: The file has no images.
        UsageError: The collection or the events cannot be used.
    """
    records = _Records(options, settings.replay)
    control = read_control(options)
    book = replace(
        book_settings(settings),
        hold_s=0.0,
        drain_s=0.0,
        announcement_timeout_s=1e9,
        match_window_s=None,
        detectors=(),
        live=False,
    )
    async with hosting(settings, book) as (host, _):
        host.pipeline.restore_numbers()
        host.pipeline.feed_control(_fresh_uids(host, control, options.limit))
        await _feed(host, records, options, progress)
        runs = await _sealed(host)
        done = await host.sinks_done(SINKS_TIMEOUT_S)
        store = ReportStore(host.journal, sink_names(settings))
        found = [report for run in runs if (report := store.get(run.uid)) is not None]
    return ReplayResult(by_experiment(found), records.problems, done, records.lost)


class _Records:
    """Records of a file or dump, and what is wrong with it."""

    def __init__(self, options: ReplayOptions, section: ReplaySection) -> None:
        self._options = options
        self.total: int | None = None
        self._file: Hdf5File | None = None
        if not options.file.exists():
            raise UsageError(f"{options.file}: no such file")
        if not is_dump(options.file):
            panels = _panels(section.geometry_file)
            self._file = Hdf5File(
                options.file, options.dataset, section.channel, panels
            )
            layout = self._file.layout
            self.total = layout.images
            if not layout.images:
                raise missing_file_error(layout)

    @property
    def lost(self) -> tuple[str, ...]:
        """What of the file's images could not be had."""
        return self._file.problems if self._file else ()

    @property
    def problems(self) -> tuple[str, ...]:
        """What is lost, and what people should know besides."""
        return (*self.lost, *self._file.notes) if self._file else ()

    def __iter__(self) -> Iterator[DetectorRecord]:
        limit = self._options.limit
        images = 0
        for record in self._all():
            if isinstance(record, Image):
                if limit is not None and images >= limit:
                    continue
                images += 1
            elif isinstance(record, SeriesStart) and limit is not None:
                expected = record.expected_images
                cut = limit if expected is None else min(limit, expected)
                record = replace(record, expected_images=cut)
            yield record

    def _all(self) -> Iterator[DetectorRecord]:
        if self._file is None:
            decoder = Stream1Decoder(SOURCE)
            for message in read_dump(self._options.file):
                yield decoder.decode(message, time.time_ns())
            return
        start = self._file.start(SOURCE)
        yield start
        yield from self._file.images(start)
        yield self._file.end(start)


def _panels(path: Path | None) -> tuple[int, int] | None:
    """Size (slow, fast) that a geometry file is for; what is wrong is said later."""
    try:
        return read_geometry(path).shape if path else None
    except UsageError:
        return None


async def _feed(
    host: Host, records: _Records, options: ReplayOptions, progress: Progress
) -> None:
    """Hand the records over, as fast as the workers follow or at the rate asked."""
    begun, images = time.monotonic(), 0
    for record in records:
        if isinstance(record, Image):
            if options.rate_hz:
                due = begun + images / options.rate_hz
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            await host.pool.room()
            images += 1
            progress(images, records.total)
        host.pipeline.feed(record, wait=True)
        await asyncio.sleep(0)


async def _sealed(host: Host) -> list[Run]:
    """Wait until all images are classified and the run is sealed."""
    runs = host.pipeline.book.active
    while host.pipeline.book.active:
        host.pipeline.changed.clear()
        for run in host.pipeline.book.active:
            if run.key is None:
                raise RecorderError("the file's series was not bound to its collection")
        await host.pipeline.changed.wait()
    return runs


def read_control(options: ReplayOptions) -> list[ControlRecord]:
    """The announcement and events that go with a file.

    Raises:
        UsageError: A file is missing or a message is not valid.
    """
    records: list[ControlRecord] = []
    if options.collection is not None:
        records += _parse(
            options.collection, "collection/start", _read(options.collection)
        )
    if options.events is not None:
        for n, line in enumerate(_read(options.events).splitlines(), start=1):
            if line.strip():
                records += _parse(Path(f"{options.events}:{n}"), "event", line)
    return records


def _read(path: Path) -> bytes:
    try:
        return text_of(path.read_bytes()).encode()
    except OSError as error:
        raise UsageError(f"{path}: cannot read: {error.strerror}") from error
    except TextError as error:
        raise UsageError(f"{path}: {error}") from error


def _parse(where: Path, topic: str, payload: bytes) -> list[ControlRecord]:
    records = parse_message(topic, payload, time.time_ns())
    for record in records:
        if isinstance(record, BadMessage):
            raise UsageError(f"{where}: {record.detail}")
    return records


def _fresh_uids(
    host: Host, records: list[ControlRecord], limit: int | None
) -> list[ControlRecord]:
    """Bind the announcement to the file, and make it a new run if it was replayed."""
    fresh: list[ControlRecord] = []
    renamed: dict[str, str] = {}
    for record in records:
        if isinstance(record, Announcement):
            if record.uid in host.journal.run_uids():
                renamed[str(record.uid)] = str(uuid.uuid4())
            fresh.append(_for_file(record, renamed, limit))
        elif isinstance(record, TimedEvent):
            name = record.collection
            fresh.append(replace(record, collection=renamed.get(name or "", name)))
    return fresh


def _for_file(
    announcement: Announcement, renamed: dict[str, str], limit: int | None
) -> Announcement:
    """The announcement as of now, for the file's series and no other."""
    uid = str(announcement.uid)
    now = time.time_ns()
    changes: Json = {
        "uid": renamed.get(uid, uid),
        "time_ns": now,
        "series_unique_id": None,
    }
    if limit is not None and announcement.images is not None:
        changes["images"] = min(announcement.images, limit)
    return replace(
        announcement,
        message={**announcement.message, **changes},
        received_ns=now,
        **changes,
    )
