"""Worker processes: started, fed, watched and replaced.

Each gets at most a few jobs at a time, so that it is known which ones a dead worker
had: those are tried once more, then counted ``worker_lost``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Generic

import recorder
from recorder.errors import ConfigError, WireError
from recorder.pool.answers import answers_in, told_by
from recorder.pool.briefs import Briefs, PackedBriefs, briefing
from recorder.pool.exchange import Exchange
from recorder.pool.jobs import AnyJob
from recorder.pool.protocols import EngineOptions, T, Tasks, Work
from recorder.pool.wire import ANSWERS, READY, STOP, Message, make_head, read_head
from recorder.pool.worker_cache import WorkerCache
from recorder.records import Unprocessed
from recorder.runtime.boundary import boundary
from recorder.runtime.log import current, get_logger
from recorder.runtime.throttle import Throttle

log = get_logger("pool")

CREDIT = 3
"""Images with one worker at a time: more than one, so that it need not wait for the
daemon; few, because a dead worker gives them all back (docs/decisions/0005). Chosen,
not tuned."""
TRIES = 2
"""Times that a job is given to a worker: one that kills a second one is at fault itself
(docs/decisions/0005, `make chaos`)."""
PAUSE_S = 0.008
"""Seconds in which answers come together while no image waits for a free worker: at
1000 images/s eight or so share a turn of the event loop, which costs as much as
handling two (`make bench`)."""
STOP_S = 2.0
"""Seconds that a worker has to end before it is killed. Chosen, not tuned; systemd
gives the daemon 30 s (`TimeoutStopSec`)."""
WORKER = "recorder.pool.worker"
"""Module that a worker runs."""


@dataclass(eq=False)
class _Worker(Generic[T]):
    identity: bytes
    process: asyncio.subprocess.Process
    cache: WorkerCache
    jobs: dict[int, T] = field(default_factory=dict)
    """By token, in the order in which it does them."""


class Processes(Generic[T]):
    """Takes jobs and has them done by processes.

    Args:
        work: Where jobs are taken from.
        count: Number of processes.
        timeout_s: A worker that holds a job longer is replaced.
        kept_setups: Setups that a worker keeps ready.
        briefs: What workers are told of setups.
        readable: Folders with files in which images may lie.
    """

    def __init__(
        self,
        work: Tasks[T],
        count: int,
        timeout_s: float,
        kept_setups: int,
        briefs: Briefs,
        readable: Sequence[Path] = (),
    ) -> None:
        self._work = work
        self._count = count
        self._timeout_s = timeout_s
        self._kept_setups = kept_setups
        self._briefs, self._readable = briefs, readable
        self._next_token = 0
        self._processes: list[asyncio.subprocess.Process] = []
        self._workers: dict[bytes, _Worker[T]] = {}
        self._lines = Throttle()
        self.replaced = 0
        self.unreadable = 0
        """Messages of workers that could not be read."""

    @property
    def ready(self) -> int:
        """Workers that are there."""
        return len(self._workers)

    @property
    def held(self) -> int:
        """Jobs that are with workers."""
        return sum(len(worker.jobs) for worker in self._workers.values())

    async def run(self) -> None:
        """Work until cancelled.

        Raises:
            ConfigError: There is no place for the socket that workers connect to.
        """
        folder = tempfile.mkdtemp(prefix="recorder-")
        try:
            self._wire = Exchange("router", f"ipc://{folder}/pool", self._received)
            await self._run(self._wire.start())
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _run(self, address: str) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(self._count):
                    group.create_task(self._keep(address), name=f"worker-{number}")
                group.create_task(self._wire.watch(), name="pool-wire")
                group.create_task(self._give(), name="pool-give")
                group.create_task(self._watch(), name="pool-watch")
        finally:
            stop = make_head(STOP)
            self._wire.close([[identity, stop] for identity in self._workers])
            await self._end()
            await self._wire.closed()

    # -- their lives ---------------------------------------------------------------

    async def _keep(self, address: str) -> None:
        """Start a worker, and another one whenever it ends."""
        level, style = current()
        one = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        while True:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", WORKER, "--connect", address),
                *("--parent", str(os.getpid()), "--level", level, "--format", style),
                *(f"--read={folder}" for folder in self._readable),
                env={**os.environ, **one},
                cwd=Path(recorder.__file__).parent.parent,
            )
            self._processes.append(process)
            code = await process.wait()
            self._processes.remove(process)
            self.replaced += 1
            log.error(
                "worker_lost",
                pid=process.pid,
                exit_code=code,
                hint="its images are tried once more; if one image kills each "
                "worker it is counted worker_lost",
            )
            self._bury(process.pid)
            await asyncio.sleep(0.1)

    def _bury(self, pid: int) -> None:
        """Give the jobs of a dead worker to another one, or give them up."""
        for identity, worker in list(self._workers.items()):
            if worker.process.pid != pid:
                continue
            del self._workers[identity]
            jobs = list(worker.jobs.values())
            for job in jobs[1:]:  # only the first was being worked on
                job.tries -= 1
            for job in reversed(jobs):
                if job.tries < TRIES:
                    self._work.put_back(job)
                else:
                    text = "the worker died or hung on this image, twice"
                    tell = partial(job.failed, Unprocessed.WORKER_LOST, text)
                    self._work.finish(job, tell)

    async def _watch(self) -> None:
        """Replace workers that hang."""
        while True:
            await asyncio.sleep(min(1.0, self._timeout_s / 4))
            limit = time.monotonic() - self._timeout_s
            for worker in list(self._workers.values()):
                first = next(iter(worker.jobs.values()), None)
                if first is not None and first.sent_at < limit:
                    log.error(
                        "worker_hung",
                        pid=worker.process.pid,
                        held_s=self._timeout_s,
                        hint="it is killed and replaced",
                    )
                    worker.process.kill()
                    first.sent_at = time.monotonic()

    async def _end(self) -> None:
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                try:
                    await asyncio.wait_for(process.wait(), STOP_S)
                except TimeoutError:
                    process.kill()
                    await process.wait()

    # -- what they are sent, and answer --------------------------------------------

    def _received(self, messages: list[Message]) -> None:
        for identity, *frames in messages:
            try:
                with boundary("take a message of a worker", (WireError,)):
                    self._take(bytes(identity), frames)
            except WireError as error:
                self._complain(str(error))
        self._give_what_waits()  # a worker may be free

    def _take(self, identity: bytes, frames: Message) -> None:
        head = read_head(frames[0] if frames else b"")
        if head.kind == READY:
            self._greet(identity, head.token)
        elif head.kind != ANSWERS:
            raise WireError(f"a worker sends no messages of kind {head.kind!r}")
        elif (worker := self._workers.get(identity)) is not None:
            answers, problems = answers_in(frames[1:])
            for problem in problems:
                self._complain(problem)
            for answer in answers:
                if (job := worker.jobs.pop(answer.token, None)) is not None:
                    self._work.finish(job, told_by(answer, job))

    def _complain(self, problem: str) -> None:
        self.unreadable += 1
        if self._lines.passes("worker_unreadable"):
            hint = "a defect of the recorder, or two versions of it: report this line"
            log.error("worker_unreadable", error=problem, hint=hint)

    def _greet(self, identity: bytes, pid: int) -> None:
        process = next((p for p in self._processes if p.pid == pid), None)
        if process is not None:
            cache = WorkerCache(self._kept_setups)
            self._workers[identity] = _Worker(identity, process, cache)
            log.info("worker_ready", pid=pid)

    async def _give(self) -> None:
        while True:
            self._work.changed.clear()
            self._give_what_waits()
            await self._work.changed.wait()

    def _give_what_waits(self) -> None:
        """In the same turn of the event loop as whatever made it possible."""
        while self._work.waiting and (worker := self._least_loaded()) is not None:
            if (job := self._work.take()) is not None:
                self._hand(worker, job)
        self._wire.pause(0.0 if self._work.waiting else PAUSE_S)

    def _hand(self, worker: _Worker[T], job: T) -> None:
        self._next_token += 1
        messages: list[Message] = []
        with boundary("hand a job to a worker"):
            messages = [
                *briefing(self._briefs, worker.cache, job.setup),
                job.message(self._next_token),
            ]
        if not messages:
            text = "it cannot be handed to a worker; see step_failed in the log"
            lost = partial(job.failed, Unprocessed.WORKER_LOST, text)
            self._work.finish(job, lost)
            return
        job.tries += 1
        job.sent_at = time.monotonic()
        worker.jobs[self._next_token] = job
        for frames in messages:
            self._wire.send([worker.identity, *frames])

    def _least_loaded(self) -> _Worker[T] | None:
        free = [w for w in self._workers.values() if len(w.jobs) < CREDIT]
        return min(free, key=lambda worker: len(worker.jobs), default=None)


class ProcessesEngine:
    """Worker processes on this host."""

    name = "processes"

    def make(self, work: Work, options: EngineOptions) -> Processes[AnyJob]:
        """See :class:`~recorder.pool.protocols.EnginePlugin`."""
        if not options.workers:
            raise ConfigError(
                "pool.workers = 0 leaves engine processes nobody to work; set "
                'pool.workers, or pool.engine = "inline"'
            )
        count, timeout_s = options.workers, options.timeout_s
        kept, briefs = options.kept_setups, PackedBriefs(work)
        return Processes(work, count, timeout_s, kept, briefs, options.readable)


PLUGIN = ProcessesEngine()
