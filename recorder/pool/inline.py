"""Classification in a thread of this process, without workers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from recorder.errors import ImageError
from recorder.pool.jobs import AnyJob
from recorder.pool.protocols import EngineOptions, Work
from recorder.pool.worker import Classifiers
from recorder.pool.worker_cache import WorkerCache
from recorder.records import Unprocessed
from recorder.runtime.boundary import boundary


class Inline:
    """One job at a time.

    Args:
        work: Where jobs are taken from.
        kept_setups: Setups that are kept ready.
        readable: Folders with files in which images may lie.
    """

    replaced = 0
    """Nothing here ends without the daemon."""

    def __init__(
        self, work: Work, kept_setups: int, readable: Sequence[Path] = ()
    ) -> None:
        self._readable = readable
        self._work = work
        self._kept_setups = kept_setups

    async def run(self) -> None:
        """Work until cancelled."""
        classifiers, cache = Classifiers(self._readable), WorkerCache(self._kept_setups)
        while True:
            await self._work.wait()
            job = self._work.take()
            if job is None:
                continue
            text = "the classifier failed on this image; see step_failed in the log"
            tell: Callable[[], None]
            tell = failed = partial(job.failed, Unprocessed.WORKER_LOST, text)
            with boundary("classify an image"):
                tell = await self._do(classifiers, job, cache)
            if tell is failed:  # as after a worker that died
                classifiers, cache = (
                    Classifiers(self._readable),
                    WorkerCache(self._kept_setups),
                )
            self._work.finish(job, tell)

    async def _do(
        self, classifiers: Classifiers, job: AnyJob, cache: WorkerCache
    ) -> Callable[[], None]:
        update = cache.update(job.setup, self._work.states(job.setup))
        for old in update.forget:
            classifiers.forget(old)
        try:
            if update.prepare:
                setup = self._work.setup(job.setup)
                await asyncio.to_thread(classifiers.prepare, job.setup, setup)
            for learned in update.states:
                await asyncio.to_thread(classifiers.take, job.setup, learned)
            return await asyncio.to_thread(job.run, classifiers)
        except ImageError as error:
            return partial(job.failed, Unprocessed(error.reason), str(error))


class InlineEngine:
    """One image at a time, in the daemon itself."""

    name = "inline"

    def make(self, work: Work, options: EngineOptions) -> Inline:
        """See :class:`~recorder.pool.protocols.EnginePlugin`."""
        return Inline(work, options.kept_setups, options.readable)


PLUGIN = InlineEngine()
