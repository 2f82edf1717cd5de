"""A node: one connection home, and the worker processes of this host behind it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recorder.errors import BadMessageError, NodeError, WireError
from recorder.nodes.line import Counts, Line, News
from recorder.nodes.members import BEAT_S
from recorder.nodes.messages import (
    BACK,
    BYE,
    Greeting,
    Refused,
    Welcome,
    pack_numbers,
    pack_refused,
)
from recorder.nodes.node_work import NodeJob, NodeWork
from recorder.nodes.pulling.node_side import NodePulling
from recorder.pool.curve import Curve
from recorder.pool.exchange import Exchange
from recorder.pool.processes import Processes
from recorder.pool.wire import Frame
from recorder.runtime.boundary import boundary
from recorder.runtime.log import get_logger
from recorder.runtime.systemd import notify
from recorder.runtime.throttle import Throttle

log = get_logger("nodes")

TICK_S = 1.0
"""Seconds between two looks at the connection. Chosen, not tuned."""
LEAVE_S = 10.0
"""Seconds that workers have for what they began when the node is told to stop: systemd
gives it 30 (`TimeoutStopSec`). Chosen, not tuned."""
UNHEARD_S = 10.0
"""Seconds after which a node says that nothing answers. Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """What a node is told."""

    address: str
    """Of home."""
    greeting: Greeting
    curve: Curve | None
    readable: tuple[Path, ...] = ()
    """Folders with files that its workers may read images from."""


class Node:
    """One process; it ends when told to, when home refuses it or is silent.

    Args:
        options: What it is told.
    """

    def __init__(self, options: NodeOptions) -> None:
        self._options = options
        self._line = Line(options.greeting, self._counts, time.monotonic())
        self._throttle = Throttle()
        self._work: NodeWork | None = None
        self._hands: Processes[NodeJob] | None = None
        self._home: Welcome | None = None
        """Of the home that the workers are for."""
        self._pulling: NodePulling | None = None
        self._another = asyncio.Event()
        """There is another home: workers begin anew."""
        self._over = asyncio.Event()
        self._error: NodeError | None = None

    async def run(self) -> None:
        """Work until it is over.

        Raises:
            NodeError: It ends before it was told to; the message says why.
        """
        options = self._options
        exchange = self._exchange = Exchange(
            "dealer",
            options.address,
            self._received,
            curve=options.curve,
            beat=self._line.beat,
            beat_s=BEAT_S,
        )
        exchange.start()
        pulling = self._pulling = NodePulling(exchange.send)
        self._told_to_stop()
        log.info(
            "node_starting",
            node=options.greeting.name,
            home=options.address,
            workers=options.greeting.workers,
            version=options.greeting.version,
        )
        notify("READY=1\nSTATUS=looking for home")
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._keep_workers(), name="node-workers"),
                    group.create_task(self._look(), name="node-look"),
                    group.create_task(pulling.run(), name="node-pulling"),
                    group.create_task(exchange.watch(), name="node-wire"),
                ]
                await self._over.wait()
                notify("STOPPING=1")
                await self._leave()
                for task in tasks:
                    task.cancel()
        finally:
            pulling.cancel()
            exchange.close([[BYE]])
            await exchange.closed()
        if self._error is not None:
            raise self._error
        log.info("node_stopped", node=options.greeting.name)

    def _told_to_stop(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._over.set)

    def _end(self, error: NodeError) -> None:
        self._error = self._error or error
        self._over.set()

    async def _leave(self) -> None:
        """Hand back what no worker has, and let them finish the rest."""
        if self._work is None or self._pulling is None or self._line.welcome is None:
            return
        await self._pulling.stop()
        self._work.leave()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_S):
                await self._work.empty()
                await self._pulling.empty()

    # -- workers -----------------------------------------------------------------------

    async def _keep_workers(self) -> None:
        """Workers for the home that is there; for another one they begin anew."""
        while not self._over.is_set():
            await self._another.wait()
            self._another.clear()
            try:
                await self._work_for_a_home()
            except* OSError as failed:
                text = (
                    f"workers cannot be started: {failed.exceptions[0]}; their "
                    f"socket lies in {tempfile.gettempdir()}: make room, or set TMPDIR"
                )
                self._end(NodeError(text))

    async def _work_for_a_home(self) -> None:
        """Have jobs done until another home is there."""
        if self._home is None or self._work is None:
            return
        self._hands = hands = Processes(
            self._work,
            self._options.greeting.workers,
            self._home.timeout_s,
            self._home.kept_setups,
            briefs=self._work,
            readable=self._options.readable,
        )
        async with asyncio.TaskGroup() as group:
            working = group.create_task(hands.run(), name="node-pool")
            await self._another.wait()
            working.cancel()

    def _counts(self) -> Counts:
        work, hands = self._work, self._hands
        if work is None or hands is None:
            return Counts(0, 0, 0)
        return Counts(work.held, work.finished, hands.ready)

    # -- home --------------------------------------------------------------------------

    def _received(self, batch: Sequence[list[Frame]]) -> None:
        now = time.monotonic()
        for frames in batch:
            try:
                with boundary("take a message of home", (BadMessageError, WireError)):
                    self._came(frames, now)
            except (BadMessageError, WireError) as error:
                if self._throttle.passes("home_nonsense"):
                    log.warning("home_nonsense", error=str(error))

    def _came(self, frames: list[Frame], now: float) -> None:
        news = self._line.heard(frames, now)
        if news is not None:
            self._take(news)
        elif self._pulling is not None and self._pulling.came(frames):
            return
        elif self._work is not None:
            self._work.came(frames)

    def _take(self, news: News) -> None:
        if news.refused is not None:
            self._end(NodeError(f"home refuses this node: {news.refused}"))
        elif news.welcome is not None:
            self._begin(news.welcome)
        elif news.again:
            if self._work is not None:
                self._work.begin(None)
            if self._pulling is not None:
                self._pulling.begin()
            for message in self._line.beat():
                self._exchange.send(message)

    def _begin(self, welcome: Welcome) -> None:
        if self._work is None or self._home is None or self._home.home != welcome.home:
            if self._work is not None:
                self._work.begin(None)
            self._work = NodeWork(
                self._exchange.answer, self._back, self._kept, self._refuse
            )
            self._home = welcome
            self._another.set()
        self._work.begin(welcome.session)
        if self._pulling is not None:
            self._pulling.begin()
        log.info("home_found", home=self._options.address, session=welcome.session)

    def _kept(self, number: int) -> Frame | None:
        return None if self._pulling is None else self._pulling.larder.get(number)

    def _refuse(self, refused: Refused) -> None:
        self._exchange.send([*pack_refused(refused)])

    def _back(self, tokens: list[int]) -> None:
        self._exchange.send(pack_numbers(BACK, tokens))

    async def _look(self) -> None:
        last = begun = time.monotonic()
        told = False
        while True:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            if (late_s := now - last - TICK_S) > TICK_S:
                self._line.stood_still(late_s)
            last = now
            self._throttle.look()
            self._tell_systemd()
            if self._line.silent(now):
                self._end(NodeError(self._silence()))
            if not told and not self._line.met and now - begun > UNHEARD_S:
                told = True
                log.warning(
                    "home_unheard", home=self._options.address, hint=self._unheard()
                )

    def _silence(self) -> str:
        address = self._options.address
        if self._line.met:
            return f"home at {address} has been silent for too long; it has ended?"
        return f"nothing answers at {address}: {self._unheard()}"

    def _unheard(self) -> str:
        return _UNHEARD + (_KEYLESS if self._options.curve is None else _KEYED)

    def _tell_systemd(self) -> None:
        counts = self._counts()
        state = "looking for home" if self._line.welcome is None else "at home"
        notify(
            f"WATCHDOG=1\nSTATUS={state}, {counts.alive} workers, "
            f"{counts.finished} images"
        )


_UNHEARD = (
    "is `recorder run` running there with cluster.listen at this port, does a firewall "
    "let the port through, and "
)
_KEYED = (
    "is the key of this node known there (`recorder cluster keys --list`; home must "
    "encrypt, too)?"
)
_KEYLESS = (
    "does home take nodes without keys? It does with cluster.encrypt = false, and "
    "where it listens for its own host alone; else give --keys"
)
