"""Collects what must be journalled and commits it in batches, off the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from recorder.errors import JournalError
from recorder.journal import Journal
from recorder.journal.file_angles import ANGLES, pack_angles
from recorder.journal.records import NewRecord, RecordKind
from recorder.journal.series_headers import HEADER, pack_header
from recorder.records import ImageOutcome, SeriesStart
from recorder.runtime.boundary import boundary
from recorder.runtime.host_clock import arrival_ns
from recorder.runtime.log import get_logger

log = get_logger("journal")

FLUSH_S = 0.05
"""Seconds that images are collected before a commit: what a crash may take, and at 1000
images/s 50 of them share a sync of the disk."""
SOON = 10
"""Records that wait to be acknowledged from which on a commit is made at once: a broker
of MQTT 3.1.1 sends no more than 20 messages (mosquitto's own default) before the first
of them is acknowledged, and a burst would creep on at 20 in FLUSH_S."""
RETRY_S = 1.0
"""Seconds until a disk that refused is tried again. Chosen, not tuned; `make chaos`
fills the disk for 1 to 3 s."""
HEADER_RETRY_S = 10.0
"""Seconds until a header that did not fit is tried again: packing one of up to 80 MB
costs too much to be done at each flush (it was, 20 times a second)."""
HEADERS = 2
"""Headers that wait while the disk refuses; one may have 80 MB."""


class JournalWriter:
    """The journal's only writer of records and images.

    Args:
        journal: Where to.
        flushed: Called after each commit with records, in the event loop.
        most: Entries that may wait while the disk refuses.
    """

    def __init__(
        self, journal: Journal, flushed: Callable[[], None], most: int = 1_000_000
    ) -> None:
        self._most = most
        self._journal = journal
        self._flushed = flushed
        self._records: list[NewRecord] = []
        self._images: list[tuple[str, ImageOutcome]] = []
        self._kept: dict[str, bytes] = {}
        self._headers: dict[str, SeriesStart] = {}
        self._headers_from = 0.0
        """Monotonic time before which they are not tried again."""
        self._after: list[Callable[[], None]] = []
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._failing = False
        self._one_at_a_time = asyncio.Lock()
        self._soon = asyncio.Event()
        self._writing = False
        self._clear_at = time.monotonic()
        """All that was queued before is on disk."""
        self.last_commit = time.monotonic()
        """When the disk last answered, be it with a refusal."""

    def record(self, kind: RecordKind, run: str | None, body: Any) -> None:
        """Queue a record."""
        self._records.append(NewRecord(kind, run, body, arrival_ns()))

    def image(self, run: str, image: ImageOutcome) -> None:
        """Queue what became of an image of a run."""
        self._images.append((run, image))

    def keep(self, kind: str, body: bytes) -> None:
        """Queue what is kept once, in the place of what was kept of its kind.

        It is committed together with the records that were queued with it.
        """
        self._kept[kind] = body

    def header(self, run: str, start: SeriesStart) -> None:
        """Queue the arrays of a series' header: what is nice to have at a restart."""
        self._headers.pop(run, None)
        self._headers[run] = start
        while len(self._headers) > HEADERS:
            del self._headers[next(iter(self._headers))]

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call once everything queued so far is on disk."""
        self._after.append(call)
        if len(self._records) >= SOON:
            self._soon.set()

    @property
    def full(self) -> bool:
        """So much waits that no more images should be taken."""
        return self.depth >= self._most

    @property
    def failing(self) -> bool:
        """The disk refuses; what is queued waits in memory."""
        return self._failing

    @property
    def depth(self) -> int:
        """Entries that are not on disk yet."""
        return len(self._records) + len(self._images)

    @property
    def age_s(self) -> float:
        """Age of the oldest entry that is not on disk, at most; 0: there is none."""
        if not (self._writing or self.depth):
            return 0.0
        return time.monotonic() - self._clear_at

    async def flush(self) -> None:
        """Commit what is queued; if the disk refuses, keep it for the next time."""
        async with self._one_at_a_time:
            await self._flush()

    async def _flush(self) -> None:
        records, images, after = self._records, self._images, self._after
        kept, begun = self._kept, time.monotonic()
        if not (records or images or after or kept):
            self.last_commit = self._clear_at = begun
            await self._keep_headers()
            return
        self._records, self._images, self._after, self._kept = [], [], [], {}
        self._writing = True
        loop = asyncio.get_running_loop()
        try:
            refused = await loop.run_in_executor(
                self._executor, self._journal.write, records, images, kept
            )
        except JournalError as error:
            self._records = records + self._records
            self._images = images + self._images
            self._after = after + self._after
            self._kept = {**kept, **self._kept}
            self.last_commit = time.monotonic()
            if not self._failing:
                self._failing = True
                log.error(
                    "journal_failing",
                    error=str(error),
                    kept=self.depth,
                    hint="free disk space; nothing is lost while the daemon "
                    "runs, and it tries again every second",
                )
            await asyncio.sleep(RETRY_S)
            return
        self._writing, self._clear_at = False, begun
        for text in refused:
            hint = "a defect of the recorder or of a plug-in: please report this line"
            log.error("entry_refused", error=text, hint=hint)
        if self._failing:
            self._failing = False
            self.retry_headers()
            log.info("journal_recovered", written=len(records) + len(images))
        self.last_commit = time.monotonic()
        for call in after:
            call()
        if records:  # what is told of images alone nobody waits for
            self._flushed()
        await self._keep_headers()

    def retry_headers(self) -> None:
        """There may be space for headers again."""
        self._headers_from = 0.0

    async def _keep_headers(self) -> None:
        """Keep headers, after the rest; one for which there is no space waits."""
        if time.monotonic() < self._headers_from:
            return
        loop = asyncio.get_running_loop()
        for run, start in list(self._headers.items()):
            try:
                await loop.run_in_executor(self._executor, self._keep, run, start)
            except JournalError:  # full: records and images say so
                self._headers_from = time.monotonic() + HEADER_RETRY_S
                return
            if self._headers.get(run) is start:
                del self._headers[run]

    def _keep(self, run: str, start: SeriesStart) -> None:
        with boundary("keep the header of a series", (JournalError,)):
            self._journal.keep_snapshot(run, HEADER, 0, 0, pack_header(start))
            if start.angles is not None:
                body = pack_angles(start.angles)
                self._journal.keep_snapshot(run, ANGLES, 0, 0, body)

    async def run(self) -> None:
        """Flush until cancelled."""
        while True:
            self._soon.clear()
            await self.flush()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_S):
                    await self._soon.wait()

    def close(self) -> None:
        """Let the last commit end."""
        self._executor.shutdown(wait=True)
