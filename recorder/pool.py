"""Worker processes, and who holds which image.

Each worker gets at most a few images at a time, so that it is known which ones a dead
worker had: those are tried once more, then counted ``worker_lost``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import zmq
import zmq.asyncio

from recorder.boundary import boundary
from recorder.errors import ImageError
from recorder.log import get_logger
from recorder.records import Classification, ClassifierSetup, Payload, Unprocessed
from recorder.wire import pack_payload, pack_setup, unpack_result
from recorder.worker import DONE, FAILED, IMAGE, READY, SETUP, STOP, Engine

log = get_logger("pool")

CREDIT = 3
TRIES = 2

Outcome = Classification | tuple[Unprocessed, str]
Callback = Callable[[Outcome], None]


@dataclass(eq=False)
class Job:
    """One image to classify."""

    setup: int
    payload: Payload
    done: Callback
    tries: int = 0
    sent_at: float = 0.0

    @property
    def size(self) -> int:
        """Bytes that it keeps in memory."""
        return len(self.payload.data)


@dataclass(eq=False)
class _Worker:
    identity: bytes
    process: asyncio.subprocess.Process
    jobs: dict[int, Job] = field(default_factory=dict)
    setups: list[int] = field(default_factory=list)


def default_workers() -> int:
    """One for each core but one, which receives and writes down."""
    return max(1, (os.cpu_count() or 2) - 1)


class Pool:
    """Classifies images in ``workers`` processes, or in a thread of this one if 0.

    Args:
        workers: Number of processes.
        max_backlog: Bytes of payloads that may wait or be with workers.
        timeout_s: A worker that holds an image longer is replaced.
    """

    def __init__(
        self, workers: int, *, max_backlog: int = 2 << 30, timeout_s: float = 60.0
    ) -> None:
        self.workers = workers
        self._max_backlog = max_backlog
        self._timeout_s = timeout_s
        self._queue: deque[Job] = deque()
        self._held = 0
        self._room = asyncio.Event()
        self._work = asyncio.Event()
        self._setups: dict[int, ClassifierSetup] = {}
        self._next_setup = 0
        self._next_token = 0
        self._processes: list[asyncio.subprocess.Process] = []
        self._workers: dict[bytes, _Worker] = {}
        self._inline: Job | None = None
        self.replaced = 0
        self.finished = 0

    # -- for the pipeline ---------------------------------------------------------

    def add_setup(self, setup: ClassifierSetup) -> int:
        """Register a setup; images refer to it by the number returned."""
        self._next_setup += 1
        self._setups[self._next_setup] = setup
        for old in sorted(self._setups)[:-8]:  # long done with
            if not any(job.setup == old for job in self._queue):
                del self._setups[old]
        return self._next_setup

    def offer(
        self, setup: int, payload: Payload, done: Callback, *, force: bool = False
    ) -> bool:
        """Queue an image; False if the backlog is full (unless forced)."""
        full = self._held and self._held + len(payload.data) > self._max_backlog
        if full and not force:
            return False
        job = Job(setup, payload, done)
        self._held += job.size
        self._queue.append(job)
        self._work.set()
        return True

    async def room(self) -> None:
        """Wait until the backlog is half empty or nothing waits: for files."""
        while self._queue and self._held > min(self._max_backlog // 2, 64 << 20):
            self._room.clear()
            await self._room.wait()

    async def empty(self) -> None:
        """Wait until no image waits or is being worked on."""
        while self.backlog:
            self._room.clear()
            await self._room.wait()

    @property
    def backlog(self) -> int:
        """Images that wait or are being worked on."""
        held = sum(len(worker.jobs) for worker in self._workers.values())
        return len(self._queue) + held + (self._inline is not None)

    def _finish(self, job: Job, outcome: Outcome) -> None:
        self._held -= job.size
        self.finished += 1
        self._room.set()
        with boundary("note what became of an image"):
            job.done(outcome)

    # -- running ------------------------------------------------------------------

    async def run(self) -> None:
        """Work until cancelled."""
        if self.workers == 0:
            await self._run_inline()
            return
        folder = tempfile.mkdtemp(prefix="recorder-")
        address = f"ipc://{folder}/pool"
        context = zmq.asyncio.Context()
        socket = context.socket(zmq.ROUTER)
        socket.linger = 0
        socket.sndhwm = socket.rcvhwm = 0
        socket.bind(address)
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(self.workers):
                    group.create_task(
                        self._keep_worker(address), name=f"worker-{number}"
                    )
                group.create_task(self._receive(socket), name="pool-receive")
                group.create_task(self._send(socket), name="pool-send")
                group.create_task(self._watch(), name="pool-watch")
        finally:
            for worker in self._workers.values():
                with contextlib.suppress(zmq.ZMQError):
                    socket.send_multipart([worker.identity, STOP], zmq.NOBLOCK)
            await self._stop_processes()
            context.destroy(linger=0)
            shutil.rmtree(folder, ignore_errors=True)

    async def _run_inline(self) -> None:
        engine = Engine()
        while True:
            while not self._queue:
                self._work.clear()
                await self._work.wait()
            job = self._queue.popleft()
            self._inline = job
            text = "the classifier failed on this image; see step_failed in the log"
            outcome: Outcome = (Unprocessed.WORKER_LOST, text)
            with boundary("classify an image"):
                outcome = await self._classify_inline(engine, job)
            self._inline = None
            self._finish(job, outcome)

    async def _classify_inline(self, engine: Engine, job: Job) -> Outcome:
        try:
            if not engine.knows(job.setup):
                setup = self._setups[job.setup]
                await asyncio.to_thread(engine.prepare, job.setup, setup)
            return await asyncio.to_thread(engine.classify, job.setup, job.payload)
        except ImageError as error:
            return (Unprocessed(error.reason), str(error))

    async def _keep_worker(self, address: str) -> None:
        """Start a worker, and another one whenever it ends."""
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        while True:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "recorder.worker", "--connect", address),
                env=environment,
                cwd=Path(__file__).parent.parent,
            )
            self._processes.append(process)
            code = await process.wait()
            self._processes.remove(process)
            self.replaced += 1
            log.error("worker_lost", pid=process.pid, exit_code=code,
                      hint="its images are tried once more; if one image kills each "
                      "worker it is counted worker_lost")  # fmt: skip
            self._bury(process.pid)
            await asyncio.sleep(0.1)

    def _bury(self, pid: int) -> None:
        """Give the images of a dead worker to another one, or give them up."""
        for identity, worker in list(self._workers.items()):
            if worker.process.pid != pid:
                continue
            del self._workers[identity]
            jobs = list(worker.jobs.values())
            for job in jobs[1:]:  # only the first was being worked on
                job.tries -= 1
            for job in reversed(jobs):
                if job.tries < TRIES:
                    self._queue.appendleft(job)
                else:
                    reason = "the worker died or hung on this image, twice"
                    self._finish(job, (Unprocessed.WORKER_LOST, reason))
        self._work.set()

    async def _receive(self, socket: zmq.asyncio.Socket) -> None:
        while True:
            parts: list[bytes] = await socket.recv_multipart()
            identity, kind = parts[0], parts[1]
            if kind == READY:
                pid = int(parts[2])
                process = next((p for p in self._processes if p.pid == pid), None)
                if process is not None:
                    self._workers[identity] = _Worker(identity, process)
                    log.info("worker_ready", pid=pid)
            elif (worker := self._workers.get(identity)) is not None:
                job = worker.jobs.pop(int(parts[2]), None)
                if job is None:
                    continue
                if kind == DONE:
                    self._finish(job, unpack_result(parts[3]))
                elif kind == FAILED:
                    reason = Unprocessed(parts[3].decode())
                    self._finish(job, (reason, parts[4].decode()))
            self._work.set()

    async def _send(self, socket: zmq.asyncio.Socket) -> None:
        while True:
            worker = self._least_loaded()
            if worker is None or not self._queue:
                self._work.clear()
                await self._work.wait()
                continue
            job = self._queue.popleft()
            job.tries += 1
            job.sent_at = time.monotonic()
            self._next_token += 1
            token = self._next_token
            worker.jobs[token] = job
            if job.setup not in worker.setups:
                worker.setups = [*worker.setups[-2:], job.setup]
                frames = pack_setup(self._setups[job.setup])
                await socket.send_multipart(
                    [worker.identity, SETUP, b"%d" % job.setup, *frames]
                )
            await socket.send_multipart(
                [worker.identity, IMAGE, b"%d" % token, b"%d" % job.setup,
                 *pack_payload(job.payload)],
                copy=False,
            )  # fmt: skip

    def _least_loaded(self) -> _Worker | None:
        free = [w for w in self._workers.values() if len(w.jobs) < CREDIT]
        return min(free, key=lambda worker: len(worker.jobs), default=None)

    async def _watch(self) -> None:
        """Replace workers that hang."""
        while True:
            await asyncio.sleep(min(1.0, self._timeout_s / 4))
            limit = time.monotonic() - self._timeout_s
            for worker in list(self._workers.values()):
                first = next(iter(worker.jobs.values()), None)
                if first is not None and first.sent_at < limit:
                    log.error("worker_hung", pid=worker.process.pid,
                              held_s=self._timeout_s,
                              hint="it is killed and replaced")  # fmt: skip
                    worker.process.kill()
                    first.sent_at = time.monotonic()

    async def _stop_processes(self) -> None:
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                try:
                    await asyncio.wait_for(process.wait(), 2.0)
                except TimeoutError:
                    process.kill()
                    await process.wait()
