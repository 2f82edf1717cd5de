"""What the pool asks of an engine, and what it offers to one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

from recorder.config import DetectorSection
from recorder.plugins.groups import ENGINES
from recorder.pool.batch_task import BatchEnd, BatchTask
from recorder.pool.jobs import AnyJob
from recorder.pool.wire import Frame
from recorder.records import (
    CheckLine,
    ClassifierSetup,
    DetectorRecord,
    Learned,
    Payload,
    Unprocessed,
)
from recorder.records.live_node import LiveNode


class Task(Protocol):
    """A job, as whoever hands it to a worker process sees it."""

    setup: int
    """What the worker must know before."""
    tries: int
    """How often a worker got it."""
    sent_at: float
    """When one did last, monotonic time (s)."""

    def message(self, token: int) -> list[Frame]:
        """What a worker is sent."""

    def answered(self, frames: Sequence[Frame]) -> None:
        """A worker's answer."""

    def failed(self, reason: Unprocessed, text: str) -> None:
        """It cannot be done."""


T = TypeVar("T", bound=Task)


class Tasks(Protocol[T]):
    """Jobs that wait, as who has them done sees them; all of it in the event loop."""

    @property
    def changed(self) -> asyncio.Event:
        """Set when there may be something to take."""

    @property
    def waiting(self) -> int:
        """Jobs that can be taken."""

    async def wait(self) -> None:
        """Wait until something can be taken."""

    def take(self) -> T | None:
        """The next job; None if nothing is to be done for now.

        What was taken must be finished or put back, once.
        """

    def put_back(self, job: T) -> None:
        """It is to be tried again, before all others."""

    def finish(self, job: T, tell: Callable[[], None]) -> None:
        """It is done with; ``tell`` says so to who offered it."""


class Work(Tasks[AnyJob], Protocol):
    """Jobs that wait, as an engine sees them, and what is to be known before them."""

    def take(self, node: int | None = None) -> AnyJob | None:
        """The next job; see :meth:`Tasks.take`.

        Args:
            node: Session of the node that it is for, which may have its pixels.
        """

    def node_gone(self, node: int) -> None:
        """A node ends, and with it the pixels that it did not bring home."""

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


@runtime_checkable
class HasNodes(Protocol):
    """Hands on other hosts."""

    def nodes(self) -> tuple[LiveNode, ...]:
        """Those that take part, and those that did, for people."""


@dataclass(frozen=True, slots=True)
class Pulls:
    """Detectors that nodes receive from, instead of the daemon."""

    detectors: tuple[DetectorSection, ...]
    hold_bytes: int
    """Pixels that one node may keep."""


NO_PULLS = Pulls((), 0)
"""The daemon receives from all detectors itself: nodes keep nothing."""


class PulledPort(Protocol):
    """Takes the records of detectors that nodes pull from; in the event loop."""

    def put(self, record: DetectorRecord) -> None:
        """A record, in its order."""

    def held(self) -> bool:
        """Whether nothing may be taken for now."""

    def node_lost(self, node: str, sources: Sequence[str], why: str) -> None:
        """A node is gone that received from these detectors."""


@runtime_checkable
class PullsDetectors(Protocol):
    """Hands whose hosts receive from detectors themselves, and keep the pixels."""

    def deliver_to(self, port: PulledPort) -> None:
        """Say who takes the records."""

    def pulled(self) -> dict[str, bool]:
        """Those detectors, and whether any host is connected to each."""

    def fetch(self, payloads: Sequence[Payload], done: Callable[[], None]) -> None:
        """Bring pixels home; ``done`` once each is here, or its host is gone."""

    async def stop_receiving(self) -> None:
        """Have the hosts receive no more; what they received is handed over."""


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """Where nodes of other hosts connect: ``[cluster]``."""

    listen: str | None
    """Address of ZeroMQ to listen at; None: the engine does batches alone."""
    keys: Path | None
    """Folder of the keys; None: not encrypted, and everybody is let in."""
    state: Path
    """Folder for what an engine keeps: below the state directory."""
    scheduler: str | None = None
    """Address of the engine's scheduler."""
    tls: Path | None = None
    """Folder of this host's certificate for that scheduler."""
    pulls: Pulls = NO_PULLS
    """Detectors that nodes receive from."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How the configuration wants images classified."""

    workers: int
    """``pool.workers``, or one for each core but one."""
    timeout_s: float
    """A worker that holds a job longer is replaced."""
    kept_setups: int
    """Setups that a worker keeps ready, those used last."""
    cluster: ClusterOptions | None = None
    """Where nodes connect; None: no other host takes part."""
    readable: tuple[Path, ...] = ()
    """Folders with files in which images may lie that do not travel."""


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
class CheckedEngine(Protocol):
    """What a plug-in of ``recorder.engines`` may have besides: lines of the check."""

    async def check(self, options: EngineOptions) -> Sequence[CheckLine]:
        """What it finds; ``recorder check`` prints it, and waits 30 s at most."""


@runtime_checkable
class BatchEngine(Protocol):
    """What a plug-in of ``recorder.engines`` may have besides: a place for a batch."""

    def batch(self, options: EngineOptions) -> AbstractAsyncContextManager[BatchPlace]:
        """A place that is there within the context.

        Raises:
            ConfigError: It cannot be had with these options, and what to do.
        """
