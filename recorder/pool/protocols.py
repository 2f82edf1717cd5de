"""What the pool asks of an engine, and what it offers to one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from recorder.plugins.groups import ENGINES
from recorder.pool.batch_task import BatchEnd, BatchTask
from recorder.pool.jobs import AnyJob
from recorder.records import ClassifierSetup, Learned


class Work(Protocol):
    """Jobs that wait, as an engine sees them; all of it in the event loop."""

    @property
    def changed(self) -> asyncio.Event:
        """Set when there may be something to take."""

    @property
    def waiting(self) -> int:
        """Jobs that can be taken."""

    async def wait(self) -> None:
        """Wait until something can be taken."""

    def take(self) -> AnyJob | None:
        """The next job; None if nothing is to be done for now.

        What was taken must be finished or put back, once.
        """

    def put_back(self, job: AnyJob) -> None:
        """It is to be tried again, before all others."""

    def finish(self, job: AnyJob, tell: Callable[[], None]) -> None:
        """It is done with; ``tell`` says so to who offered it."""

    def setup(self, number: int) -> ClassifierSetup:
        """The setup of a job that was taken."""

    def states(self, setup: int) -> Mapping[int, Learned]:
        """Learned states of a setup that jobs may ask for, by number."""


class Hands(Protocol):
    """What an engine does the jobs with."""

    @property
    def replaced(self) -> int:
        """Workers that ended and were replaced, so far."""

    async def run(self) -> None:
        """Take jobs and have them done until cancelled; then let go of everything."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How the configuration wants images classified."""

    workers: int
    """``pool.workers``, or one for each core but one."""
    timeout_s: float
    """A worker that holds a job longer is replaced."""
    kept_setups: int
    """Setups that a worker keeps ready, those used last."""


class EnginePlugin(Protocol):
    """A place where images are classified: what ``recorder.engines`` names."""

    @property
    def name(self) -> str:
        """Name of the engine, and of the entry point: the setting ``pool.engine``."""

    def make(self, work: Work, options: EngineOptions) -> Hands:
        """Hands for this work; nothing is started yet.

        Raises:
            ConfigError: The options ask for what it cannot do.
        """


def engine_plugin(name: str) -> EnginePlugin:
    """The engine of a name.

    Raises:
        ConfigError: There is none that can be used.
    """
    plugin: EnginePlugin = ENGINES.get(name)
    return plugin


class BatchPlace(Protocol):
    """Where tasks of a batch are done: on this host, or wherever an engine says."""

    @property
    def name(self) -> str:
        """What people call it, such as ``this host`` or ``dask tls://…``."""

    @property
    def size(self) -> int:
        """Tasks that it does at a time, as of now; 0: none, but some may come."""

    async def do(self, task: BatchTask) -> BatchEnd:
        """Have a task done by :func:`recorder.pool.batch_task.run_task` somewhere.

        It is tried once: who asks tries again. A task that cannot be done, whose host
        is lost or whose answer never comes, ends with ``code=None`` and a ``problem``.
        When it is cancelled, nobody waits for the answer any more; the file ``stop`` in
        the task's folder has the process ended, wherever it is.
        """


@runtime_checkable
class BatchEngine(Protocol):
    """What a plug-in of ``recorder.engines`` may have besides: a place for a batch."""

    def batch(self, options: EngineOptions) -> AbstractAsyncContextManager[BatchPlace]:
        """A place that is there within the context.

        Raises:
            ConfigError: It cannot be had with these options, and what to do.
        """
