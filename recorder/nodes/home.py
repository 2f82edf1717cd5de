"""Home: the daemon's side, hands that have jobs done by nodes."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from recorder.errors import ConfigError
from recorder.nodes.allowed import Allowed
from recorder.nodes.desk import Desk
from recorder.nodes.keys import read_home_keys
from recorder.nodes.members import BEAT_S
from recorder.nodes.terms import Terms
from recorder.nodes.version import program
from recorder.pool.curve import Curve
from recorder.pool.exchange import Exchange
from recorder.pool.protocols import (
    ClusterOptions,
    EngineOptions,
    PulledPort,
    Work,
)
from recorder.pool.wire import Message
from recorder.records import Payload
from recorder.records.live_node import LiveNode
from recorder.runtime.boundary import boundary
from recorder.runtime.log import get_logger

log = get_logger("nodes")

TICK_S = 0.25
"""Seconds between two looks at who is silent: half a beat. Chosen, not tuned."""
IO_THREADS = 2
"""Threads of ZeroMQ: encrypted, one carries some 0.6 GB/s, and each connection stays in
one (measured 2026-11-27)."""
TOKEN_BITS = 31
"""Random bits above the tokens of one daemon: the chance that the one before it used
the same is 5e-10, and 2^32 jobs are left for each."""


class Home:
    """Listens for nodes, and gives them what waits.

    Args:
        work: Where jobs are taken from.
        options: How the configuration wants images classified.
        cluster: Where nodes connect.
    """

    def __init__(
        self, work: Work, options: EngineOptions, cluster: ClusterOptions
    ) -> None:
        if cluster.listen is None:
            raise ConfigError("nodes need an address to connect to: cluster.listen")
        self._work = work
        self._cluster = cluster
        self._curve = None if cluster.keys is None else _curve(cluster.keys)
        terms = Terms(
            home=secrets.token_hex(16),
            program=program(),
            first_token=secrets.randbits(TOKEN_BITS) << 32,
            timeout_s=options.timeout_s,
            kept_setups=options.kept_setups,
        )
        self._desk = Desk(work, terms, cluster.pulls)
        self._timer: asyncio.TimerHandle | None = None
        self._refused = 0
        self.address = cluster.listen
        """Where it listens, with the port once it has one."""
        self.listening = asyncio.Event()
        self.pulled = self._desk.pulling.sources

    def fetch(self, payloads: Sequence[Payload], done: Callable[[], None]) -> None:
        """Bring pixels home; ``done`` once each is here, or its node is gone."""
        self._desk.pulling.pixels.fetch(payloads, done)
        self._flush()

    async def stop_receiving(self) -> None:
        """Have nodes receive from no detector any more, and take what they have."""
        await self._desk.pulling.stop(self._desk.members(), self._flush)

    def deliver_to(self, port: PulledPort) -> None:
        """Say who takes the records of detectors that nodes pull from."""
        self._desk.pulling.port = port

    @property
    def replaced(self) -> int:
        """Nodes that were lost."""
        return self._desk.lost

    def nodes(self) -> tuple[LiveNode, ...]:
        """The nodes, for people."""
        return self._desk.roll.nodes(self._desk.members(), time.monotonic())

    async def run(self) -> None:
        """Work until cancelled.

        Raises:
            ConfigError: The address cannot be listened at.
        """
        exchange = self._exchange = Exchange(
            "router",
            self.address,
            self._received,
            curve=self._curve,
            gone=self._gone,
            beat=self._desk.beats,
            beat_s=BEAT_S,
            io_threads=IO_THREADS,
        )
        self.address = exchange.start()
        self.listening.set()
        log.info("home_ready", address=self.address, encrypted=self._curve is not None)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._give(), name="nodes-give")
                group.create_task(self._tick(), name="nodes-tick")
                group.create_task(exchange.watch(), name="nodes-wire")
        finally:
            if self._timer is not None:
                self._timer.cancel()
            exchange.close()
            await exchange.closed()

    async def _give(self) -> None:
        while True:
            self._work.changed.clear()
            with boundary("give nodes what waits"):
                self._give_what_waits()
            await self._work.changed.wait()

    def _give_what_waits(self) -> None:
        """In the same turn of the event loop as whatever made it possible."""
        now = time.monotonic()
        given = True
        while given and self._work.waiting and self._desk.has_room:
            waiting = self._work.waiting
            given = self._desk.give(now) or self._work.waiting < waiting
        self._flush()

    async def _tick(self) -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            if (late_s := now - last - TICK_S) > TICK_S:
                self._desk.stood_still(late_s)
            last = now
            with boundary("look which nodes are silent"):
                self._desk.tick(now)
                self._after()
            if (refused := self._exchange.refused) > self._refused:
                self._desk.unknown_keys(refused - self._refused)
                self._refused = refused

    def _received(self, batch: Sequence[Message]) -> None:
        now = time.monotonic()
        for identity, *frames in batch:
            with boundary("take a message of a node"):
                self._desk.received(bytes(identity), frames, now)
        self._desk.pulling.look(now)
        self._after()

    def _gone(self, identity: bytes) -> None:
        self._desk.ended(identity)
        self._after()

    def _look(self) -> None:
        self._timer = None
        self._desk.pulling.look(time.monotonic())
        self._after()

    def _after(self) -> None:
        at = self._desk.pulling.next_at()
        if at is not None and self._timer is None:
            wait_s = max(0.001, at - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._look)
        self._give_what_waits()  # a node may have room

    def _flush(self) -> None:
        for message in self._desk.out:
            self._exchange.send(message)
        self._desk.out.clear()


def _curve(folder: Path) -> Curve:
    keys = read_home_keys(folder)
    return Curve(keys.public, keys.secret, allowed=Allowed(folder, keys.nodes))
