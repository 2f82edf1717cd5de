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
from functools import partial
from pathlib import Path

import zmq
import zmq.asyncio

from recorder.boundary import boundary
from recorder.briefing import Told
from recorder.errors import ImageError
from recorder.jobs import AnyJob, Callback, Job, LessonJob, Taught
from recorder.log import get_logger
from recorder.records import (
    ClassifierSetup,
    Effort,
    Learned,
    Lesson,
    Payload,
    Unprocessed,
)
from recorder.wire import Frame, pack_learned, pack_setup
from recorder.worker import (
    DONE,
    FAILED,
    FORGET,
    LEARNED,
    READY,
    SETUP,
    STOP,
    Engine,
)

log = get_logger("pool")

CREDIT = 3
TRIES = 2
KEPT_STATES = 3
"""Learned states of a setup; a late image may need an older one."""

SAMPLE = 4
"""Under overload one of so many images, or hits, is still looked at."""
_GIVING_UP = ((0.5, Effort.NO_RETRY), (0.65, Effort.ONE_LATTICE),
              (0.8, Effort.NO_INDEXING))  # fmt: skip
_NO_SPOTS = 0.9
"""Fill of the backlog from which only a sample of the images is looked at."""


@dataclass(eq=False)
class _Worker:
    identity: bytes
    process: asyncio.subprocess.Process
    told: Told
    jobs: dict[int, AnyJob] = field(default_factory=dict)


def default_workers() -> int:
    """One for each core but one, which receives and writes down."""
    return max(1, (os.cpu_count() or 2) - 1)


class Pool:
    """Classifies images in ``workers`` processes, or in a thread of this one if 0.

    Args:
        workers: Number of processes.
        max_backlog: Bytes of payloads that may wait or be with workers; the last one
            that gets in may exceed it.
        timeout_s: A worker that holds an image longer is replaced.
        kept_setups: Setups that a worker keeps, those used last. One detector needs
            two: a run may begin while the last images of the one before are late.
    """

    def __init__(
        self,
        workers: int,
        *,
        max_backlog: int = 2 << 30,
        timeout_s: float = 60.0,
        kept_setups: int = 2,
    ) -> None:
        self.workers = workers
        self._kept_setups = kept_setups
        self._max_backlog = max_backlog
        self._timeout_s = timeout_s
        self._queue: deque[AnyJob] = deque()
        self._learned: dict[int, dict[int, Learned]] = {}
        self._untaught: dict[tuple[int, int], list[Job]] = {}
        self._held = 0
        self._room = asyncio.Event()
        self._work = asyncio.Event()
        self._setups: dict[int, ClassifierSetup] = {}
        self._next_setup = 0
        self._next_token = 0
        self._taken = 0
        self._processes: list[asyncio.subprocess.Process] = []
        self._workers: dict[bytes, _Worker] = {}
        self._inline: AnyJob | None = None
        self.replaced = 0
        self.finished = 0

    # -- for the pipeline ---------------------------------------------------------

    def add_setup(self, setup: ClassifierSetup) -> int:
        """Register a setup; images refer to it by the number returned."""
        self._next_setup += 1
        self._setups[self._next_setup] = setup
        self._learned[self._next_setup] = {}
        needed = {job.setup for job in self._queue}
        needed |= {number for number, _ in self._untaught}
        for worker in self._workers.values():  # a worker may die: then again
            needed |= {job.setup for job in worker.jobs.values()}
        for old in set(sorted(self._setups)[:-8]) - needed:  # long done with
            del self._setups[old], self._learned[old]
        return self._next_setup

    def offer(
        self,
        setup: int,
        payload: Payload,
        done: Callback,
        *,
        learned: int = 0,
        force: bool = False,
    ) -> bool:
        """Queue an image; False if the backlog is full (unless forced).

        Args:
            setup: Number of its setup.
            payload: Its pixels.
            done: Called with what became of it.
            learned: Number of the learned state to use; the image waits for it.
            force: Never refuse, never leave anything out.
        """
        # Whatever its own size: else images that compress well would get in more often.
        if self._held >= self._max_backlog and not force:
            return False
        states = self._learned[setup]
        if states and learned not in states:
            # a late image, whose state is no longer kept
            learned = max(learned, min(states))
        job = Job(setup, payload, done, learned, force)
        self._held += job.size
        if learned and learned not in states:
            self._untaught.setdefault((setup, learned), []).append(job)
        else:
            self._queue.append(job)
            self._work.set()
        return True

    def learn(self, setup: int, lesson: Lesson, done: Taught) -> None:
        """Have a lesson learned, before any image that waits."""
        self._queue.appendleft(LessonJob(setup, lesson, done))
        self._work.set()

    def teach(self, setup: int, learned: Learned) -> None:
        """Give a learned state to the images that wait for it and all later ones."""
        states = self._learned.get(setup)
        if states is None:  # the series is long over
            return
        states[learned.number] = learned
        for old in sorted(states)[:-KEPT_STATES]:
            del states[old]
        self._queue.extend(self._untaught.pop((setup, learned.number), ()))
        self._work.set()

    async def room(self) -> None:
        """Wait until the backlog is half empty or nothing waits: for files."""
        most = min(self._max_backlog // 2, 64 << 20)
        while (self._queue or self._untaught) and self._held > most:
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
        untaught = sum(len(jobs) for jobs in self._untaught.values())
        return len(self._queue) + untaught + held + (self._inline is not None)

    def _finish(self, job: AnyJob, tell: Callable[[], None]) -> None:
        self._held -= job.size
        self.finished += 1
        self._room.set()
        with boundary("note what became of an image"):
            tell()

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
        engine, told = Engine(), Told(self._kept_setups)
        while True:
            while not self._queue:
                self._work.clear()
                await self._work.wait()
            job = self._next_job()
            if job is None:
                continue
            self._inline = job
            text = "the classifier failed on this image; see step_failed in the log"
            tell: Callable[[], None]
            tell = failed = partial(job.failed, Unprocessed.WORKER_LOST, text)
            with boundary("classify an image"):
                tell = await self._do_inline(engine, job, told)
            if tell is failed:  # as after a worker that died
                engine, told = Engine(), Told(self._kept_setups)
            self._inline = None
            self._finish(job, tell)

    async def _do_inline(
        self, engine: Engine, job: AnyJob, told: Told
    ) -> Callable[[], None]:
        briefing = told.brief(job.setup, self._learned.get(job.setup, {}))
        try:
            for old in briefing.forget:
                engine.forget(old)
            if briefing.prepare:
                setup = self._setups[job.setup]
                await asyncio.to_thread(engine.prepare, job.setup, setup)
            for learned in briefing.states:
                await asyncio.to_thread(engine.take, job.setup, learned)
            return await asyncio.to_thread(job.run, engine)
        except ImageError as error:
            return partial(job.failed, Unprocessed(error.reason), str(error))

    def _next_job(self) -> AnyJob | None:
        """The next job, and how much is done for it; None if it was given up.

        The fuller the backlog, the less is done, in the order of the efforts; rates
        stay right because what is left out is counted and sampled evenly.
        """
        job = self._queue.popleft()
        if isinstance(job, LessonJob) or job.forced:
            return job
        fill = self._held / self._max_backlog
        self._taken += 1
        sampled = self._taken % SAMPLE == 0
        job.effort = Effort.FULL
        for limit, effort in _GIVING_UP:
            if fill > limit:
                job.effort = effort
        if job.effort is Effort.NO_INDEXING and sampled:
            job.effort = Effort.ONE_LATTICE
        if fill > _NO_SPOTS and not sampled:
            text = "the backlog is nearly full: one of four images is looked at"
            self._finish(job, partial(job.failed, Unprocessed.OVERLOAD, text))
            return None
        return job

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
                    text = "the worker died or hung on this image, twice"
                    tell = partial(job.failed, Unprocessed.WORKER_LOST, text)
                    self._finish(job, tell)
        self._work.set()

    async def _receive(self, socket: zmq.asyncio.Socket) -> None:
        while True:
            parts: list[bytes] = await socket.recv_multipart()
            identity, kind = parts[0], parts[1]
            if kind == READY:
                pid = int(parts[2])
                process = next((p for p in self._processes if p.pid == pid), None)
                if process is not None:
                    told = Told(self._kept_setups)
                    self._workers[identity] = _Worker(identity, process, told)
                    log.info("worker_ready", pid=pid)
            elif (worker := self._workers.get(identity)) is not None:
                job = worker.jobs.pop(int(parts[2]), None)
                if job is None:
                    continue
                if kind == DONE:
                    self._finish(job, partial(job.answered, parts[3:]))
                elif kind == FAILED:
                    reason = Unprocessed(parts[3].decode())
                    tell = partial(job.failed, reason, parts[4].decode())
                    self._finish(job, tell)
            self._work.set()

    async def _send(self, socket: zmq.asyncio.Socket) -> None:
        while True:
            worker = self._least_loaded()
            if worker is None or not self._queue:
                self._work.clear()
                await self._work.wait()
                continue
            job = self._next_job()
            if job is None:
                continue
            job.tries += 1
            job.sent_at = time.monotonic()
            self._next_token += 1
            token = self._next_token
            worker.jobs[token] = job
            for frames in self._preparation(worker, job):
                await socket.send_multipart([worker.identity, *frames])
            await socket.send_multipart(
                [worker.identity, *job.message(token)], copy=False
            )

    def _preparation(self, worker: _Worker, job: AnyJob) -> list[list[Frame]]:
        """What the worker must be told before the job."""
        number = b"%d" % job.setup
        briefing = worker.told.brief(job.setup, self._learned.get(job.setup, {}))
        messages: list[list[Frame]] = [[FORGET, b"%d" % old] for old in briefing.forget]
        if briefing.prepare:
            messages.append([SETUP, number, *pack_setup(self._setups[job.setup])])
        return messages + [
            [LEARNED, number, *pack_learned(learned)] for learned in briefing.states
        ]

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
