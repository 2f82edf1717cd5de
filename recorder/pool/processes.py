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
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import zmq
import zmq.asyncio

import recorder
from recorder.errors import ConfigError
from recorder.pool.jobs import AnyJob
from recorder.pool.protocols import EngineOptions, Work
from recorder.pool.wire import Frame, pack_learned, pack_setup
from recorder.pool.worker import DONE, FAILED, FORGET, LEARNED, READY, SETUP, STOP
from recorder.pool.worker_cache import WorkerCache
from recorder.records import Unprocessed
from recorder.runtime.boundary import boundary
from recorder.runtime.log import current, get_logger

log = get_logger("pool")

CREDIT = 3
"""Images with one worker at a time: more than one, so that it need not wait for the
daemon; few, because a dead worker gives them all back (docs/decisions/0005). Chosen,
not tuned."""
TRIES = 2
"""Times that a job is given to a worker: one that kills a second one is at fault itself
(docs/decisions/0005, `make chaos`)."""
STOP_S = 2.0
"""Seconds that a worker has to end before it is killed. Chosen, not tuned; systemd
gives the daemon 30 s (`TimeoutStopSec`)."""


@dataclass(eq=False)
class _Worker:
    identity: bytes
    process: asyncio.subprocess.Process
    cache: WorkerCache
    jobs: dict[int, AnyJob] = field(default_factory=dict)


class Processes:
    """Takes jobs and has them done by processes.

    Args:
        work: Where jobs are taken from.
        count: Number of processes.
        timeout_s: A worker that holds a job longer is replaced.
        kept_setups: Setups that a worker keeps ready.
    """

    def __init__(
        self, work: Work, count: int, timeout_s: float, kept_setups: int
    ) -> None:
        self._work = work
        self._count = count
        self._timeout_s = timeout_s
        self._kept_setups = kept_setups
        self._next_token = 0
        self._processes: list[asyncio.subprocess.Process] = []
        self._workers: dict[bytes, _Worker] = {}
        self.replaced = 0

    async def run(self) -> None:
        """Work until cancelled."""
        folder = tempfile.mkdtemp(prefix="recorder-")
        address = f"ipc://{folder}/pool"
        context = zmq.asyncio.Context()
        socket = context.socket(zmq.ROUTER)
        socket.linger = 0
        socket.sndhwm = socket.rcvhwm = 0
        socket.bind(address)
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(self._count):
                    group.create_task(self._keep(address), name=f"worker-{number}")
                group.create_task(self._receive(socket), name="pool-receive")
                group.create_task(self._send(socket), name="pool-send")
                group.create_task(self._watch(), name="pool-watch")
        finally:
            for worker in self._workers.values():
                with contextlib.suppress(zmq.ZMQError):
                    socket.send_multipart([worker.identity, STOP], zmq.NOBLOCK)
            await self._end()
            context.destroy(linger=0)
            shutil.rmtree(folder, ignore_errors=True)

    # -- their lives ---------------------------------------------------------------

    async def _keep(self, address: str) -> None:
        """Start a worker, and another one whenever it ends."""
        level, style = current()
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        while True:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "recorder.pool.worker", "--connect", address),
                *("--parent", str(os.getpid())),
                *("--level", level, "--format", style),
                env=environment,
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

    async def _receive(self, socket: zmq.asyncio.Socket) -> None:
        while True:
            parts: list[bytes] = await socket.recv_multipart()
            identity, kind = parts[0], parts[1]
            if kind == READY:
                self._greet(identity, int(parts[2]))
            elif (worker := self._workers.get(identity)) is not None:
                job = worker.jobs.pop(int(parts[2]), None)
                if job is None:
                    continue
                if kind == DONE:
                    self._work.finish(job, partial(job.answered, parts[3:]))
                elif kind == FAILED:
                    reason = Unprocessed(parts[3].decode())
                    tell = partial(job.failed, reason, parts[4].decode())
                    self._work.finish(job, tell)
            self._work.changed.set()  # a worker may be free

    def _greet(self, identity: bytes, pid: int) -> None:
        process = next((p for p in self._processes if p.pid == pid), None)
        if process is not None:
            cache = WorkerCache(self._kept_setups)
            self._workers[identity] = _Worker(identity, process, cache)
            log.info("worker_ready", pid=pid)

    async def _send(self, socket: zmq.asyncio.Socket) -> None:
        while True:
            await self._work.wait()
            worker = self._least_loaded()
            if worker is None:
                self._work.changed.clear()
                await self._work.changed.wait()
                continue
            job = self._work.take()
            if job is None:
                continue
            self._next_token += 1
            messages: list[list[Frame]] = []
            with boundary("hand a job to a worker"):
                messages = [
                    *self._briefing(worker, job),
                    job.message(self._next_token),
                ]
            if not messages:
                text = "it cannot be handed to a worker; see step_failed in the log"
                lost = partial(job.failed, Unprocessed.WORKER_LOST, text)
                self._work.finish(job, lost)
                continue
            job.tries += 1
            job.sent_at = time.monotonic()
            worker.jobs[self._next_token] = job
            for frames in messages:
                await socket.send_multipart([worker.identity, *frames], copy=False)

    def _least_loaded(self) -> _Worker | None:
        free = [w for w in self._workers.values() if len(w.jobs) < CREDIT]
        return min(free, key=lambda worker: len(worker.jobs), default=None)

    def _briefing(self, worker: _Worker, job: AnyJob) -> list[list[Frame]]:
        number = b"%d" % job.setup
        update = worker.cache.update(job.setup, self._work.states(job.setup))
        messages: list[list[Frame]] = [[FORGET, b"%d" % old] for old in update.forget]
        if update.prepare:
            setup = self._work.setup(job.setup)
            messages.append([SETUP, number, *pack_setup(setup)])
        return messages + [
            [LEARNED, number, *pack_learned(learned)] for learned in update.states
        ]


class ProcessesEngine:
    """Worker processes on this host."""

    name = "processes"

    def make(self, work: Work, options: EngineOptions) -> Processes:
        """See :class:`~recorder.pool.protocols.EnginePlugin`."""
        if not options.workers:
            raise ConfigError(
                "pool.workers = 0 leaves engine processes nobody to work; set "
                'pool.workers, or pool.engine = "inline"'
            )
        return Processes(work, options.workers, options.timeout_s, options.kept_setups)


PLUGIN = ProcessesEngine()
