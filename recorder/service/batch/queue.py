"""Has the pieces of a batch done: so many at a time, each tried a few times."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from recorder.errors import JournalError
from recorder.journal.place import FOLDER_MODE
from recorder.pool.batch_task import BEAT_S, END, STOP, BatchEnd, BatchTask
from recorder.pool.protocols import BatchPlace
from recorder.runs.run import Run
from recorder.runtime.boundary import boundary
from recorder.runtime.log import get_logger
from recorder.runtime.status_file import NAME, read_status
from recorder.service.batch.attempts import Attempt, ended, judged
from recorder.service.batch.pieces import Piece
from recorder.service.batch.results import FileEnd, FileState, row_of
from recorder.service.batch.taking import Taking
from recorder.service.batch.tasks import BEAT
from recorder.service.replay_end import Stop

log = get_logger("batch")

LOOK_S = 0.5
"""Seconds between two looks at what the tasks came to: what people wait for. Chosen,
not tuned."""
STOPPED_S = 10.0
"""Seconds that tasks have to end after Ctrl-C before nobody waits for them any more; a
task looks four times a second whether it is to. Chosen, not tuned."""
DISK_RETRY_S = 1.0
"""Seconds between two tries at it, as the journal's writer has them. Chosen."""
DISK_S = 10.0
"""Seconds that a finished run waits for a disk that refuses the journal: as long as a
replay of one file waits. Chosen, not tuned."""
ALONE_S = 10.0
"""Seconds without any host after which people are told. Chosen, not tuned."""
NOT_FORESEEN = BatchEnd(None, problem="a defect; see step_failed in the log")
"""Stands for an end that nobody knows."""
Tell = Callable[[FileEnd], None]
Progress = Callable[[int, int | None], None]


@dataclass(eq=False)
class _Work:
    """A piece that is being done."""

    piece: Piece
    task: BatchTask
    tries: int = 0
    seconds: float = 0.0
    begun: float = 0.0
    seen: int = 0
    """Images that its task has seen, as of the last look."""
    last: Attempt = field(default_factory=lambda: Attempt(BatchEnd(None)))


class BatchQueue:
    """Pieces that wait, that are being done, and that are done with.

    Args:
        place: Where tasks are done.
        taking: Takes finished runs over.
        taken: Called in the event loop when runs were taken over.
        retries: How often a piece is tried again.
        folder: Of all tasks.
        stop: Whether to end early.
        tell: Told of each file that is done with.
        progress: Told how many images are done, and of how many.
    """

    def __init__(
        self,
        place: BatchPlace,
        taking: Taking,
        taken: Callable[[], None],
        *,
        retries: int,
        folder: Path,
        stop: Stop,
        tell: Tell,
        progress: Progress,
    ) -> None:
        self._place, self._taking, self._taken = place, taking, taken
        self._retries, self._folder, self._stop = retries, folder, stop
        self._tell, self._progress = tell, progress
        self._running: dict[asyncio.Task[BatchEnd], _Work] = {}
        self._waiting: deque[_Work] = deque()
        self._journal = ThreadPoolExecutor(1, thread_name_prefix="taking")
        self._next_beat = 0.0
        self._alone_since: float | None = None
        self._of_done = 0
        self._total: int | None = None
        self.rows: dict[str, FileEnd] = {}
        """What became of each piece so far, by its name."""

    @property
    def images(self) -> int:
        """Images that were seen so far."""
        return self._of_done + sum(work.seen for work in self._running.values())

    async def run(self, pieces: Sequence[tuple[Piece, BatchTask]]) -> None:
        """Have pieces done, in order; those left at a stop are not begun.

        Args:
            pieces: Each with its task.
        """
        counts = [piece.images for piece, _ in pieces]
        known = [count for count in counts if count is not None]
        self._total = sum(known) if len(known) == len(counts) else None
        self._waiting.extend(_Work(piece, task) for piece, task in pieces)
        try:
            while (self._waiting or self._running) and not self._stop.reason:
                await self._begin()
                await self._look()
        finally:
            await self._end()
            self._journal.shutdown(wait=True)

    async def _begin(self) -> None:
        """Give tasks to the place, as many as it takes."""
        while (
            self._waiting
            and len(self._running) < self._place.size
            and not self._stop.reason
        ):
            work = self._waiting.popleft()
            if await self._is_there(work):
                continue
            try:
                await asyncio.to_thread(_make_ready, Path(work.task.folder))
            except OSError as error:
                text = f"{work.task.folder}: cannot be made: {error.strerror}"
                work.last = Attempt(BatchEnd(None), problem=text)
                self._row(work, FileEnd(work.piece.name, FileState.FAILED))
                continue
            work.tries += 1
            work.begun = time.monotonic()
            await self._beat()
            doing = asyncio.ensure_future(self._place.do(work.task))
            self._running[doing] = work

    async def _is_there(self, work: _Work) -> bool:
        """Whether an attempt whose answer nobody heard has done it already."""
        for end in await asyncio.to_thread(ended, Path(work.task.folder)):
            attempt = await _judged(work, end)
            if attempt.runs and not attempt.short:
                await self._take(work, attempt)
                return True
        return False

    async def _look(self) -> None:
        """Wait a little for what ends, and look how far the others are."""
        if self._running:
            done, _ = await asyncio.wait(
                self._running, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED
            )
            for doing in done:
                work, end = self._running.pop(doing), NOT_FORESEEN
                with boundary("have a task done"):
                    end = doing.result()
                await self._ended(work, end)
        else:
            await self._stop.sleep(LOOK_S)
        self._say_if_nobody_is_there()
        await self._beat()
        works = list(self._running.values())
        seen = await asyncio.to_thread(lambda: [_seen(w.task) for w in works])
        for work, images in zip(works, seen, strict=True):
            work.seen = images
        self._progress(self.images, self._total)

    def _say_if_nobody_is_there(self) -> None:
        """Once each time: a batch waits for hosts as long as it takes."""
        if self._place.size or not self._waiting:
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = time.monotonic()
        elif 0 < self._alone_since < time.monotonic() - ALONE_S:
            self._alone_since = 0.0
            hint = "it goes on as soon as one is; Ctrl-C keeps what is finished"
            log.warning("batch_waits", place=self._place.name, hint=hint)

    async def _beat(self) -> None:
        """Tell tasks on other hosts that somebody waits for them."""
        if time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + BEAT_S
            with contextlib.suppress(OSError):  # tasks wait a minute for the next one
                await asyncio.to_thread((self._folder / BEAT).touch)

    async def _ended(self, work: _Work, end: BatchEnd) -> None:
        """An attempt is over: take its runs over, try it again, or give it up."""
        work.seconds += time.monotonic() - work.begun
        attempt = await _judged(work, end)
        work.last = attempt
        over = work.tries > self._retries or attempt.final
        if attempt.runs and (over or not attempt.short):
            await self._take(work, attempt)
        elif not over:
            log.warning(
                "batch_try_again",
                file=work.piece.name,
                host=end.host,
                error=attempt.problem,
                tries=work.tries,
            )
            work.seen = 0
            self._waiting.append(work)
        else:
            self._row(work, FileEnd(work.piece.name, FileState.FAILED))

    async def _take(self, work: _Work, attempt: Attempt) -> None:
        """Take the runs of an attempt over; wait a little for a disk that refuses."""
        work.last, due, runs = attempt, time.monotonic() + DISK_S, None
        while runs is None:
            try:
                with boundary("take a run over", (JournalError,)):
                    runs = await self._taken_over(work, attempt)
                if runs is None:
                    work.last = replace(attempt, problem=NOT_FORESEEN.problem)
                    self._row(work, FileEnd(work.piece.name, FileState.FAILED))
                    return
            except JournalError as error:
                if time.monotonic() < due and not self._stop.reason:
                    await self._stop.sleep(DISK_RETRY_S)
                    continue
                problem = f"{error}; it is kept: replay again with --resume"
                work.last = replace(attempt, problem=problem)
                self._row(work, FileEnd(work.piece.name, FileState.FAILED))
                self._stop.now("the disk refuses the journal")
                return
        self._taken()
        self._of_done += work.piece.images or attempt.images
        state = FileState.INCOMPLETE if attempt.problem else FileState.DONE
        self._row(work, row_of(work.piece.name, state, runs, attempt.reports))
        folder = Path(work.task.folder)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _taken_over(self, work: _Work, attempt: Attempt) -> tuple[Run, ...]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._journal, self._taking.take, work.piece, attempt
        )

    def _row(self, work: _Work, row: FileEnd) -> None:
        attempt = work.last
        row = replace(
            row,
            why=attempt.problem,
            tries=work.tries,
            exit=attempt.end.code,
            host=attempt.end.host,
            seconds=round(work.seconds, 1),
        )
        self.rows[row.file] = row
        self._tell(row)

    async def _end(self) -> None:
        """Have all that goes on ended."""
        if not self._running:
            return
        for work in self._running.values():
            with contextlib.suppress(OSError):
                await asyncio.to_thread((Path(work.task.folder) / STOP).touch)
        await asyncio.wait(self._running, timeout=STOPPED_S)
        for doing in self._running:
            doing.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)


def _make_ready(folder: Path) -> None:
    """The folder of a task, without what earlier attempts left that came to nothing."""
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    (folder / STOP).unlink(missing_ok=True)
    for end in folder.glob(f"*/{END}"):
        shutil.rmtree(end.parent, ignore_errors=True)


def _seen(task: BatchTask) -> int:
    """Images that a task has seen, by its last sign of life."""
    seen = 0
    for path in Path(task.folder).glob(f"*/{NAME}"):
        with contextlib.suppress(OSError):
            count = (read_status(path) or {}).get("images_seen")
            seen = max(seen, count if isinstance(count, int) else 0)
    return seen


async def _judged(work: _Work, end: BatchEnd) -> Attempt:
    attempt = Attempt(end, problem=NOT_FORESEEN.problem)
    with boundary("look at what a task left"):
        attempt = await asyncio.to_thread(judged, work.piece, end)
    return attempt
