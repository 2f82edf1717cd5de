"""Tasks as processes of this host, politely beside all else that it does."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from recorder.pool.batch_task import BatchEnd, BatchTask, run_task

CORES_OF_A_TASK = 4
"""Cores for each task, where nobody says how many tasks at a time: with more workers a
run waits for its lessons (docs/decisions/0030-batch.md)."""


def default_jobs() -> int:
    """Tasks at a time, where nobody says."""
    return max(1, (os.cpu_count() or 1) // CORES_OF_A_TASK)


def workers_of(jobs: int) -> int:
    """Workers of each of so many tasks at a time, where nobody says."""
    return max(1, (os.cpu_count() or 1) // jobs)


class LocalPlace:
    """Does tasks on this host.

    Args:
        size: Tasks at a time.
    """

    def __init__(self, size: int) -> None:
        self.name = "this host"
        self.size = size
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="task")

    async def do(self, task: BatchTask) -> BatchEnd:
        """Have a task done."""
        loop = asyncio.get_running_loop()
        body = await loop.run_in_executor(self._threads, run_task, task.to_json())
        return BatchEnd.from_json(body)

    def close(self) -> None:
        """Wait for the last ones: they were told to stop."""
        self._threads.shutdown(wait=True)


@asynccontextmanager
async def local_place(size: int) -> AsyncIterator[LocalPlace]:
    """A place of this host, within the context."""
    place = LocalPlace(size)
    try:
        yield place
    finally:
        await asyncio.to_thread(place.close)
