"""Many files through the same pipeline: a task each, and one journal for all."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from recorder.config import Settings
from recorder.errors import UsageError
from recorder.journal.place import FOLDER_MODE
from recorder.pool.protocols import BatchPlace
from recorder.records import Json
from recorder.reports.store import ReportStore
from recorder.runs.book.endings import BookSettings
from recorder.service.batch.finding import LeftOut, find
from recorder.service.batch.local import default_jobs, local_place, workers_of
from recorder.service.batch.pieces import Piece, make_pieces
from recorder.service.batch.queue import BatchQueue, Progress, Tell
from recorder.service.batch.results import BatchResult, FileEnd, FileState
from recorder.service.batch.taking import Taking
from recorder.service.batch.tasks import BEAT, FOLDER, Manner, left_to_do, task_of
from recorder.service.cluster import batch_place_of
from recorder.service.host import Host, hosting
from recorder.service.replay import SINKS_TIMEOUT_S, STOPPED_SINKS_S
from recorder.service.replay_again import seal_left
from recorder.service.replay_control import QUIET_S, runs_of
from recorder.service.replay_end import Stop, refusals, sinks_away
from recorder.service.replay_place import leave_out_earlier, mark
from recorder.service.run_settings import book_settings
from recorder.service.sign_of_life import SignOfLife

INTERRUPTED = "runs that are finished stay, the others are given up"
"""What people are told at the first Ctrl-C."""


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """What to replay, and how."""

    paths: tuple[Path, ...]
    dataset: str | None = None
    limit: int | None = None
    follow: bool = False
    quiet_s: float = QUIET_S
    resume: bool = False
    """Leave out files that are runs already."""
    retries: int = 2
    """How often a file that failed is tried again."""
    jobs: int | None = None
    """Files at a time on this host; None: by its cores."""
    cluster: bool = False
    """Tasks are done where the engine of the configuration says."""
    shared: Path | None = None
    """Folder on a file system that all hosts share; None: the state directory."""
    into_production: bool = False


async def replay_batch(
    settings: Settings, options: BatchOptions, tell: Tell, progress: Progress
) -> BatchResult:
    """Replay many files, each as a run of its own.

    Ctrl-C or SIGTERM ends it: runs that are finished stay, nothing else is kept.

    Args:
        settings: The whole configuration, of the place that is written to.
        options: The files, and how to replay them.
        tell: Told what became of each file.
        progress: Told how far the batch is.

    Raises:
        UsageError: A file or folder is not there.
        JournalError: Another recorder uses the journal.
    """
    begun = time.monotonic()
    stop = Stop(INTERRUPTED)
    async with (
        hosting(_of_home(settings), _book(settings)) as (host, group),
        SignOfLife(settings, "replay") as life,
    ):
        life.stage = "running"
        sign = group.create_task(life.run(), name="sign-of-life")
        try:
            with stop.listening():
                batch = _Batch(host, settings, options, stop, tell, progress)
                life.status = batch.status
                result = await batch.run()
        finally:
            sign.cancel()
    return replace(result, seconds=time.monotonic() - begun)


def _of_home(settings: Settings) -> Settings:
    """Home classifies nothing itself."""
    pool = settings.pool.model_copy(update={"workers": 0, "engine": None})
    return settings.model_copy(update={"pool": pool})


def _book(settings: Settings) -> BookSettings:
    return replace(book_settings(settings), live=False)


class _Batch:
    def __init__(
        self,
        host: Host,
        settings: Settings,
        options: BatchOptions,
        stop: Stop,
        tell: Tell,
        progress: Progress,
    ) -> None:
        self._host, self._settings, self._options = host, settings, options
        self._stop, self._tell, self._progress = stop, tell, progress
        self._queue: BatchQueue | None = None
        self._rows: dict[str, FileEnd] = {}

    def status(self) -> Json:
        """For the sign of life."""
        seen = 0 if self._queue is None else self._queue.images
        return {**self._host.pipeline.status(), "images_seen": seen}

    async def run(self) -> BatchResult:
        """Find the files, have them done, wait for the sinks."""
        host, options = self._host, self._options
        leave_out_earlier(host.journal, self._settings.sink_names)
        mark(self._settings, host.journal, into_production=options.into_production)
        await seal_left(host)
        pieces, left = await asyncio.to_thread(self._pieces)
        for item in left:
            state = FileState.FAILED if item.failed else FileState.LEFT_OUT
            self._row(FileEnd(str(item.file), state, item.why))
        if not self._stop.reason:
            await self._do(pieces)
        for piece in pieces:
            if piece.name not in self._rows:
                self._rows[piece.name] = FileEnd(piece.name, FileState.NOT_BEGUN)
        rows = sorted(self._rows.values(), key=lambda row: row.file)
        return BatchResult(tuple(rows), await self._failures(), self._stop.signal)

    def _row(self, row: FileEnd) -> None:
        self._rows[row.file] = row
        self._tell(row)

    def _pieces(self) -> tuple[list[Piece], list[LeftOut]]:
        options, settings = self._options, self._settings
        found, left = find(
            options.paths,
            options.dataset,
            settings.replay,
            follow=options.follow,
            apart=(settings.state_directory, settings.results),
            over=lambda: bool(self._stop.reason),
        )
        more = {"dataset": options.dataset}
        journal = self._host.journal
        pieces = make_pieces(found, settings, journal, more, left, options.limit)
        return pieces, left

    async def _do(self, pieces: Sequence[Piece]) -> None:
        options, settings = self._options, self._settings
        folder = (options.shared or settings.state_directory).absolute() / FOLDER
        try:
            folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{folder}: cannot be made: {error.strerror}") from error
        async with self._place() as place:
            manner = Manner(
                folder, self._workers(), options.dataset, options.limit, options.quiet_s
            )
            taking = Taking(settings, pieces)
            try:
                await self._queued(place, taking, manner, pieces)
            finally:
                taking.close()
        with contextlib.suppress(OSError):  # whoever left something there has use of it
            (folder / BEAT).unlink(missing_ok=True)
            folder.rmdir()

    async def _queued(
        self,
        place: BatchPlace,
        taking: Taking,
        manner: Manner,
        pieces: Sequence[Piece],
    ) -> None:
        queue = self._queue = BatchQueue(
            place,
            taking,
            self._host.wake_sinks,
            retries=self._options.retries,
            folder=manner.folder,
            stop=self._stop,
            tell=self._row,
            progress=self._progress,
        )
        pieces, done = await asyncio.to_thread(
            left_to_do, pieces, manner, resume=self._options.resume
        )
        for piece in done:
            self._row(self._skipped(piece))
        to_do = [(piece, task_of(piece, self._settings, manner)) for piece in pieces]
        await queue.run(to_do)

    def _place(self) -> AbstractAsyncContextManager[BatchPlace]:
        if self._options.cluster:
            return batch_place_of(self._settings)
        return local_place(self._jobs)

    @property
    def _jobs(self) -> int:
        return self._options.jobs or default_jobs()

    def _workers(self) -> int | None:
        asked = self._settings.pool.workers
        if asked is not None or self._options.cluster:
            return asked
        return workers_of(self._jobs)

    def _skipped(self, piece: Piece) -> FileEnd:
        journal = self._host.journal
        uids = runs_of(piece.before[-1], set(journal.run_uids()))
        known = [one for uid in uids if (one := journal.headline(uid)) is not None]
        runs = tuple(one.number for one in known)
        why = "it is a run already" if known else "it was a run, which is archived"
        uids = uids or [piece.before[-1]]
        return FileEnd(piece.name, FileState.SKIPPED, why, runs, tuple(uids))

    async def _failures(self) -> tuple[str, ...]:
        """What the sinks did not write, or refused."""
        host, stop = self._host, self._stop
        timeout = STOPPED_SINKS_S if stop.signal else SINKS_TIMEOUT_S
        failures = []
        if not await stop.unless(host.sinks_done(timeout)):
            failures += sinks_away(host, "--resume")
        if stop.reason and not stop.signal:
            failures.append(f"ended early: {stop.reason}")
        store = ReportStore(host.journal, host.settings.sink_names)
        uids = [
            uid
            for row in self._rows.values()
            for uid in row.uids
            if row.state is not FileState.SKIPPED
        ]
        reports = [report for uid in uids if (report := store.get(uid)) is not None]
        return (*failures, *refusals(reports))
