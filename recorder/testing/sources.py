"""What every source must do, whatever it speaks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

from recorder.config import GeometrySection, SourceSection
from recorder.records import BadMessage, CheckLine, ControlRecord, DetectorRecord
from recorder.service.port import CheckedPort, Port
from recorder.service.record_types import KIND
from recorder.sources.protocols import source_plugin
from recorder.testing.sections import check_settings

STOP_S = 2.0
"""A source returns, or lets itself be cancelled, within this time."""
WAIT_S = 120.0
"""How long a test waits for what must come; a busy machine is slow."""
HELD_S = 0.5
"""How long a test looks that nothing comes."""
LAG_S = 0.4
"""The event loop must not stand still for so long."""
MAX_BYTES = 1 << 30
"""Pixels (bytes) that may be on their way in a test: never the limit."""
FIRST, SECOND = range(0, 6), range(6, 12)
"""Ids of the images before and after the source is begun anew."""
Record = DetectorRecord | ControlRecord


class Peer(Protocol):
    """What the source under test is connected to: a real server, or your simulator."""

    @property
    def section(self) -> SourceSection:
        """Settings with which the source reaches it."""

    async def ready(self) -> None:
        """Wait until the source is connected, also anew after garbage."""

    async def send(self, numbers: range) -> None:
        """Send good messages with these numbers, each of which makes a record."""

    async def garbage(self) -> None:
        """Send what is not the protocol."""

    def number(self, record: Record) -> int | None:
        """The number that a record was sent under; None if it stands for none."""


@dataclass
class _Taken:
    """Takes what a source hands over."""

    records: list[Record] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def feed(self, record: DetectorRecord) -> None:
        self.records.append(record)
        self.news.set()

    def feed_control(
        self,
        records: list[ControlRecord],
        acknowledge: Callable[[], None] | None = None,
    ) -> None:
        self.records += records
        self.news.set()
        if acknowledge is not None:
            acknowledge()

    def numbers(self, peer: Peer) -> list[int]:
        found = (peer.number(record) for record in self.records)
        return [number for number in found if number is not None]

    async def until(self, peer: Peer, last: int) -> list[int]:
        """All numbers, once the last one came; no record was of a wrong type."""
        async with asyncio.timeout(WAIT_S):
            while last not in self.numbers(peer):
                self.news.clear()
                await self.news.wait()
                bad = [r for r in self.records if isinstance(r, BadMessage)]
                assert [r.detail for r in bad if r.kind == KIND] == []
        return self.numbers(peer)


@dataclass
class _Bench:
    peer: Peer
    taken: _Taken
    port: Port
    task: asyncio.Task[None]

    async def stop(self) -> float:
        """Stop the source as the daemon does; how long that took."""
        begun = time.monotonic()
        self.port.stop()
        if not isinstance(self.peer.section, GeometrySection):
            self.task.cancel()
        with suppress(asyncio.CancelledError):
            async with asyncio.timeout(WAIT_S):
                await self.task
        return time.monotonic() - begun


class SourceConformance:
    """Derive from it, set ``kind`` and write ``peer``."""

    kind: ClassVar[str]

    def peer(self, folder: Path) -> AbstractAsyncContextManager[Peer]:
        """Something for the source to connect to, in a folder of the test's own."""
        raise NotImplementedError

    # -- the tests -------------------------------------------------------------------

    def test_settings(self) -> None:
        """They refuse unknown keys, and each has a description."""
        check_settings(source_plugin(self.kind).settings, self.kind)

    def test_records_come_in_order(self, tmp_path: Path) -> None:
        """Each message once, in the order of sending."""

        async def scenario(bench: _Bench) -> None:
            await bench.peer.ready()
            await bench.peer.send(FIRST)
            await bench.peer.send(SECOND)
            found = await bench.taken.until(bench.peer, SECOND[-1])
            assert found == [*FIRST, *SECOND]

        self._run(tmp_path, scenario)

    def test_garbage_costs_nothing_around_it(self, tmp_path: Path) -> None:
        """What is malformed is skipped; what is before and after it comes."""

        async def scenario(bench: _Bench) -> None:
            await bench.peer.ready()
            await bench.peer.send(FIRST)
            await bench.taken.until(bench.peer, FIRST[-1])
            await bench.peer.garbage()
            await bench.peer.ready()
            await bench.peer.send(SECOND)
            found = await bench.taken.until(bench.peer, SECOND[-1])
            assert found == [*FIRST, *SECOND]
            assert not bench.task.done(), "the source ended"

        self._run(tmp_path, scenario)

    def test_it_stops_in_time(self, tmp_path: Path) -> None:
        """After the request to stop it is gone soon, and delivers no more."""

        async def scenario(bench: _Bench) -> None:
            await bench.peer.ready()
            await bench.peer.send(FIRST)
            await bench.taken.until(bench.peer, FIRST[-1])
            assert await bench.stop() < STOP_S
            assert bench.taken.numbers(bench.peer) == [*FIRST]

        self._run(tmp_path, scenario)

    def test_nothing_is_taken_while_it_is_held(self, tmp_path: Path) -> None:
        """What comes meanwhile waits with the peer, and the event loop goes on."""
        held = [True]

        async def scenario(bench: _Bench) -> None:
            await bench.peer.ready()
            await bench.peer.send(FIRST)
            assert await _longest_lag() < LAG_S, "the event loop stood still"
            assert bench.taken.numbers(bench.peer) == []
            held[0] = False
            found = await bench.taken.until(bench.peer, FIRST[-1])
            assert found == [*FIRST]

        self._run(tmp_path, scenario, lambda: held[0])

    def test_it_stops_while_it_is_held(self, tmp_path: Path) -> None:
        """A full disk does not keep the daemon from ending."""

        async def scenario(bench: _Bench) -> None:
            await bench.peer.ready()
            await bench.peer.send(FIRST)
            assert await bench.stop() < STOP_S

        self._run(tmp_path, scenario, lambda: True)

    def test_check_takes_nothing(self, tmp_path: Path) -> None:
        """It finds the peer, and what is sent afterwards comes all the same."""

        async def scenario(bench: _Bench) -> None:
            await bench.peer.ready()
            lines = await source_plugin(self.kind).check(bench.peer.section)
            assert all(isinstance(line, CheckLine) for line in lines)
            assert [line.ok for line in lines] == [True] * len(lines) != []
            await bench.peer.send(FIRST)
            assert await bench.taken.until(bench.peer, FIRST[-1]) == [*FIRST]

        self._run(tmp_path, scenario)

    # -- how they run ------------------------------------------------------------------

    def _run(
        self,
        folder: Path,
        scenario: Callable[[_Bench], Awaitable[None]],
        held: Callable[[], bool] = lambda: False,
    ) -> None:
        async def run() -> None:
            async with self._bench(folder, held) as bench:
                await scenario(bench)

        asyncio.run(run())

    @asynccontextmanager
    async def _bench(
        self, folder: Path, held: Callable[[], bool]
    ) -> AsyncIterator[_Bench]:
        async with self.peer(folder) as peer:
            taken = _Taken()
            port = Port(taken, MAX_BYTES, held)
            entry = CheckedPort(port)
            source = source_plugin(self.kind).make(peer.section)
            assert source.name == peer.section.name
            task = asyncio.create_task(source.run(entry), name=source.name)
            bench = _Bench(peer, taken, port, task)
            try:
                yield bench
            finally:
                await bench.stop()


async def _longest_lag() -> float:
    """How long the event loop stood still at most, in a while of looking."""
    longest, end = 0.0, time.monotonic() + HELD_S
    while (begun := time.monotonic()) < end:
        await asyncio.sleep(0.01)
        longest = max(longest, time.monotonic() - begun)
    return longest
