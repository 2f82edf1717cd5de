"""A place where a batch is done: the dask workers of a scheduler."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from recorder.cluster.dask_process import DaskProcess, dask_process
from recorder.cluster.placing import where
from recorder.cluster.scheduler import SchedulerAddress
from recorder.errors import ConfigError
from recorder.foreign_text import plain
from recorder.pool.batch_task import BatchEnd, BatchTask
from recorder.records import Json
from recorder.runtime.log import get_logger

log = get_logger("cluster")

REACH_S = 30.0
"""Seconds within which dask's process says whether the scheduler is there. Chosen, not
tuned: its import takes 1 s, on a busy host 5, and the scheduler has 5."""
BACK_S = 60.0
"""Seconds that a task waits for a scheduler that was lost to come back, or another one
in its place, before it has failed. Chosen, not tuned: systemd starts one within 10."""


class DaskBatch:
    """See :class:`~recorder.pool.protocols.BatchPlace`.

    Args:
        address: The scheduler.
        process: Dask's own, which does it.
    """

    def __init__(self, address: SchedulerAddress, process: DaskProcess) -> None:
        self._address = address
        self._process = process
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[BatchEnd]] = {}
        self._there = asyncio.Event()
        self._asked = asyncio.Event()
        self._over = False
        self._size = 0
        self.problem = "it does not answer"
        """Why the scheduler is not there."""

    @property
    def name(self) -> str:
        """What people call it."""
        return f"dask {self._address.text}"

    @property
    def size(self) -> int:
        """A task takes the host of a dask worker."""
        return self._size

    async def reach(self) -> None:
        """Wait until it is known whether the scheduler is there.

        Raises:
            ConfigError: It is not.
        """
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._asked.wait(), REACH_S)
        if self._over or not self._there.is_set():
            raise ConfigError(f"{self.name}: {self.problem}")

    async def do(self, task: BatchTask) -> BatchEnd:
        """Have a task done by a dask worker, once."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._there.wait(), BACK_S)
        if self._over or not self._there.is_set():
            return self._failed(self.problem)
        number = next(self._numbers)
        end: asyncio.Future[BatchEnd] = asyncio.get_running_loop().create_future()
        self._waiting[number] = end
        self._process.tell({"task": number, "body": task.to_json()})
        try:
            return await end
        except asyncio.CancelledError:
            self._process.tell({"cancel": number})
            raise
        finally:
            self._waiting.pop(number, None)

    async def hear(self) -> None:
        """What becomes of the tasks, until dask's process ends."""
        async for line in self._process.lines():
            word = line["word"]
            if word == "ready":
                self._size = len(line["workers"])
                self._there.set()
                self._asked.set()
            elif word in ("lost", "refused"):
                self._lost(plain(line["text"]))
            elif word in ("done", "failed"):
                self._ended(line)
        self._over = True
        self._lost("dask's process ended")
        self._there.set()  # nobody needs to wait for it
        for end in self._waiting.values():
            if not end.done():
                end.set_result(self._failed(self.problem))

    def _lost(self, text: str) -> None:
        self._size = 0
        if self._there.is_set():
            log.error(
                "engine_lost",
                scheduler=self._address.text,
                error=text,
                hint="what was under way is tried again; what is done is kept",
            )
        self._there.clear()
        self.problem = text
        self._asked.set()

    def _ended(self, line: Json) -> None:
        end = self._waiting.get(line["task"])
        if end is None or end.done():
            return
        try:
            body = line["end"] if line["word"] == "done" else None
            answer = BatchEnd.from_json(body) if body else None
        except TypeError as error:
            answer = self._failed(f"an answer without sense: {plain(error)}")
        end.set_result(answer or self._failed(plain(line.get("problem", ""))))

    def _failed(self, problem: str) -> BatchEnd:
        return BatchEnd(None, problem=f"{self.name}: {problem}")


@asynccontextmanager
async def dask_batch(address: SchedulerAddress) -> AsyncIterator[DaskBatch]:
    """A place that is there within the context.

    Raises:
        ConfigError: The scheduler cannot be reached.
        MissingExtraError: Dask is not installed.
    """
    async with dask_process({"do": "batch", **where(address)}) as process:
        place = DaskBatch(address, process)
        hearing = asyncio.create_task(place.hear(), name="dask-batch")
        try:
            await place.reach()
            yield place
        finally:
            hearing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await hearing
