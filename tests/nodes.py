"""Nodes as processes, a pool that is their home, and peers that only seem nodes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import zmq
import zmq.asyncio

from recorder.nodes.home import Home
from recorder.nodes.messages import GREET, WIRE, Greeting, pack
from recorder.nodes.version import program
from recorder.pool.jobs import Outcome
from recorder.pool.pool import Pool
from recorder.pool.protocols import ClusterOptions, EngineOptions, Work
from recorder.records.live_node import LiveNode
from recorder.testing.recorded import small_payloads, small_setup

WAIT_S = 120.0
"""How long a test waits for what must come; a busy machine is slow."""
TIMEOUT_S = 60.0


@cache
def rows() -> list[Outcome]:
    """What each of them is without nodes."""

    async def scenario() -> list[Outcome]:
        pool = Pool(0)
        setup = pool.add_setup(small_setup())
        found: list[Outcome] = []
        task = asyncio.create_task(pool.run())
        for payload in small_payloads():
            pool.offer(setup, payload, found.append, force=True)
        await pool.empty()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return found

    with asyncio.Runner() as runner:
        return runner.run(scenario())


class NodeProcess:
    """`recorder node`, with its log in a file.

    Args:
        address: Of home.
        log: Where its log goes.
        arguments: Further ones.
        before: What it is called with, such as `ip netns exec`.
        program: Of the recorder.
        environment: Changes of it.
    """

    def __init__(
        self,
        address: str,
        log: Path,
        *arguments: str,
        before: Sequence[str] = (),
        program: Sequence[str] = (sys.executable, "-m", "recorder"),
        environment: dict[str, str] | None = None,
    ) -> None:
        self.log = log
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [
                    *before,
                    *program,
                    *("node", "--connect", address, "--log-format", "json", *arguments),
                ],
                stderr=file,
                stdout=file,
                env={**os.environ, **(environment or {})},
            )

    @property
    def text(self) -> str:
        """What it logged."""
        return self.log.read_text(encoding="utf-8")

    def workers(self) -> Iterator[int]:
        """Process ids of its workers."""
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            for pid in (task / "children").read_text().split():
                cmdline = Path(f"/proc/{pid}/cmdline").read_bytes()
                if b"recorder.pool.worker" in cmdline:
                    yield int(pid)

    def send(self, number: signal.Signals) -> None:
        """A signal."""
        self.process.send_signal(number)

    async def ended(self) -> int:
        """Wait for its end: the exit code."""
        async with asyncio.timeout(WAIT_S):
            return await asyncio.to_thread(self.process.wait)

    def end(self) -> None:
        """Whatever it does, it is over."""
        with suppress(ProcessLookupError, FileNotFoundError):
            for pid in list(self.workers()):
                os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()


class Field:
    """A pool with nodes, and what became of each image.

    Args:
        folder: For logs.
        address: To listen at.
        workers: Of this host.
        keys: Folder of home's keys.
        timeout_s: A worker that holds a job longer is replaced.
    """

    def __init__(
        self,
        folder: Path,
        address: str | None = None,
        workers: int = 0,
        keys: Path | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.folder = folder
        self.home: Home | None = None
        self._address = address or f"ipc://{folder}/home"
        self._keys = keys
        self._timeout_s = timeout_s
        self.pool = Pool(workers, cluster=self._make)
        self.setup = self.pool.add_setup(small_setup())
        self.outcomes: dict[int, list[Outcome]] = {}
        self.nodes: list[NodeProcess] = []

    def _make(self, work: Work) -> Home:
        options = EngineOptions(0, self._timeout_s, 2)
        cluster = ClusterOptions(self._address, self._keys, self.folder)
        self.home = Home(work, options, cluster)
        return self.home

    @property
    def address(self) -> str:
        """Where it listens, with its port."""
        assert self.home is not None
        return self.home.address

    def node(self, *arguments: str, **options: Any) -> NodeProcess:
        """Start a node."""
        number = len(self.nodes) + 1
        name = f"node-{number}"
        made = NodeProcess(
            options.pop("address", self.address),
            self.folder / f"{name}.log",
            *("--name", name, *arguments),
            **options,
        )
        self.nodes.append(made)
        return made

    def offer(self, count: int) -> None:
        """Further images, the small series again and again."""
        for _ in range(count):
            number = len(self.outcomes)
            found = self.outcomes[number] = []
            payload = small_payloads()[number % len(small_payloads())]
            assert self.pool.offer(self.setup, payload, found.append, force=True)

    @property
    def finished(self) -> int:
        """Images with an outcome."""
        return sum(bool(found) for found in self.outcomes.values())

    def check(self) -> None:
        """Each image has one outcome, and it is that of a local run."""
        for number, found in self.outcomes.items():
            assert found == [rows()[number % len(small_payloads())]], number

    def live(self) -> dict[str, LiveNode]:
        """What people are told."""
        return {node.name: node for node in self.pool.nodes()}

    async def until(self, true: Callable[[], object]) -> float:
        """Wait until something is so: the seconds that it took."""
        begun = time.monotonic()
        async with asyncio.timeout(WAIT_S):
            while not true():  # noqa: ASYNC110 - what it asks sets no event
                await asyncio.sleep(0.02)
        return time.monotonic() - begun

    async def ready(self, *names: str, workers: int = 1) -> None:
        """Wait until nodes take part, with workers."""
        await self.until(
            lambda: all(
                name in self.live() and self.live()[name].ready >= workers
                for name in names
            )
        )

    async def done(self) -> None:
        """Wait until no image waits."""
        async with asyncio.timeout(WAIT_S):
            await self.pool.empty()


@asynccontextmanager
async def field(folder: Path, **options: Any) -> AsyncIterator[Field]:
    """A field that runs; its nodes end with it."""
    made = Field(folder, **options)
    task = asyncio.create_task(made.pool.run())
    try:
        assert made.home is not None
        async with asyncio.timeout(WAIT_S):
            await made.home.listening.wait()
        yield made
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        for node in made.nodes:
            node.end()


class Peer:
    """Speaks the wire by hand, as no node does.

    Args:
        address: Of home.
    """

    def __init__(self, address: str) -> None:
        self._context = zmq.asyncio.Context()
        self.socket = self._context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(address)

    async def send(self, *frames: bytes) -> None:
        """A message."""
        await self.socket.send_multipart(frames)

    async def greet(self, boot: str = "0" * 32, **changes: Any) -> None:
        """A greeting, with changes."""
        greeting = {
            "name": "peer",
            "host": "elsewhere",
            "version": program(),
            "wire": WIRE,
            "workers": 1,
            "python": "3.11.2",
            "boot": boot,
        }
        await self.send(*pack(GREET, Greeting(**{**greeting, **changes})))

    async def receive(self, *kinds: bytes) -> list[bytes]:
        """The next message whose first frame begins with one of them."""
        async with asyncio.timeout(WAIT_S):
            while True:
                frames: list[bytes] = await self.socket.recv_multipart()
                if frames[0].startswith(kinds):
                    return frames

    def close(self) -> None:
        """End the connection."""
        self._context.destroy(linger=0)


def logs(events: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The lines of one event, so far."""
    return [event for event in events if event["event"] == name]
