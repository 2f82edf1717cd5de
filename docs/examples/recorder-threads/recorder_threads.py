"""Images classified in threads of the daemon: engine ``threads``.

Decoding and numpy let go of the interpreter's lock for a part of the time only: this is
an example, not an advice.
"""

from __future__ import annotations

import asyncio
from functools import partial

from recorder.errors import ConfigError, ImageError
from recorder.pool.jobs import AnyJob
from recorder.pool.protocols import EngineOptions, Work
from recorder.pool.worker import Classifiers
from recorder.pool.worker_cache import WorkerCache
from recorder.records import Unprocessed


class Thread:
    """One worker, and the cache that says what it knows."""

    def __init__(self, work: Work, options: EngineOptions) -> None:
        self._work = work
        self._cache = WorkerCache(options.kept_setups)
        self._classifiers = Classifiers(options.readable)

    async def run(self) -> None:
        """Take one job after the other; each is finished once."""
        while True:
            await self._work.wait()
            job = self._work.take()
            if job is not None:  # another thread may have been quicker
                await self._do(job)

    async def _do(self, job: AnyJob) -> None:
        update = self._cache.update(job.setup, self._work.states(job.setup))
        setup = self._work.setup(job.setup) if update.prepare else None

        def classify() -> partial[None]:
            for old in update.forget:
                self._classifiers.forget(old)
            if setup is not None:
                self._classifiers.prepare(job.setup, setup)
            for learned in update.states:
                self._classifiers.take(job.setup, learned)
            try:
                return partial(job.run(self._classifiers))
            except ImageError as error:
                return partial(job.failed, Unprocessed(error.reason), str(error))

        self._work.finish(job, await asyncio.to_thread(classify))


class Threads:
    """The hands of the engine."""

    replaced = 0

    def __init__(self, work: Work, options: EngineOptions) -> None:
        self._threads = [Thread(work, options) for _ in range(options.workers)]

    async def run(self) -> None:
        """All threads, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number, thread in enumerate(self._threads):
                group.create_task(thread.run(), name=f"thread-{number}")


class ThreadsEngine:
    """What the entry point names."""

    name = "threads"

    def make(self, work: Work, options: EngineOptions) -> Threads:
        """So many threads as there are to be workers."""
        if not options.workers:
            raise ConfigError("engine threads needs pool.workers of at least 1")
        return Threads(work, options)


PLUGIN = ThreadsEngine()
