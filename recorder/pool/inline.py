"""Classification in a thread of this process, without workers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from recorder.errors import ImageError
from recorder.pool.backlog import Backlog
from recorder.pool.briefing import Told
from recorder.pool.jobs import AnyJob
from recorder.pool.worker import Engine
from recorder.records import Unprocessed
from recorder.runtime.boundary import boundary


class Inline:
    """One job at a time.

    Args:
        backlog: Where jobs are taken from.
        kept_setups: Setups that are kept ready.
    """

    def __init__(self, backlog: Backlog, kept_setups: int) -> None:
        self._backlog = backlog
        self._kept_setups = kept_setups

    async def run(self) -> None:
        """Work until cancelled."""
        engine, told = Engine(), Told(self._kept_setups)
        while True:
            await self._backlog.wait()
            job = self._backlog.take()
            if job is None:
                continue
            text = "the classifier failed on this image; see step_failed in the log"
            tell: Callable[[], None]
            tell = failed = partial(job.failed, Unprocessed.WORKER_LOST, text)
            with boundary("classify an image"):
                tell = await self._do(engine, job, told)
            if tell is failed:  # as after a worker that died
                engine, told = Engine(), Told(self._kept_setups)
            self._backlog.finish(job, tell)

    async def _do(self, engine: Engine, job: AnyJob, told: Told) -> Callable[[], None]:
        briefing = told.brief(job.setup, self._backlog.states(job.setup))
        for old in briefing.forget:
            engine.forget(old)
        try:
            if briefing.prepare:
                setup = self._backlog.setup(job.setup)
                await asyncio.to_thread(engine.prepare, job.setup, setup)
            for learned in briefing.states:
                await asyncio.to_thread(engine.take, job.setup, learned)
            return await asyncio.to_thread(job.run, engine)
        except ImageError as error:
            return partial(job.failed, Unprocessed(error.reason), str(error))
