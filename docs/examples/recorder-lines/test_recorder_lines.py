"""The source passes the recorder's suite, connected to its simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from recorder_lines import LinesSection, LinesSimulator

from recorder.records import Image
from recorder.testing import Peer, SourceConformance


class LinesPeer:
    """Numbers are those of the images."""

    def __init__(self, simulator: LinesSimulator, port: int) -> None:
        self.section = LinesSection(port=port)
        self._simulator = simulator

    async def ready(self) -> None:
        """The source stays connected, also after garbage."""
        await self._simulator.connected.wait()

    async def send(self, numbers: range) -> None:
        """A series and its first images, or further ones."""
        if not numbers.start:
            await self._simulator.say(series=1, images=100, shape=[8, 8])
        for number in numbers:
            await self._simulator.image(number, bytes(2 * 8 * 8))

    async def garbage(self) -> None:
        """No JSON, no object, and an object of no use."""
        for line in (b"\xff\xfe", b"[1, 2]", b"[" * 99_999, b'{"image": "first"}', b""):
            await self._simulator.send(line)

    def number(self, record: object) -> int | None:
        """Images have one."""
        return record.image_id if isinstance(record, Image) else None


class TestLines(SourceConformance):
    """All tests of the suite."""

    kind = "lines"

    @asynccontextmanager
    async def peer(self, folder: Path) -> AsyncIterator[Peer]:
        """A simulated detector on a free port."""
        simulator = LinesSimulator()
        async with await simulator.serve(0) as server:
            yield LinesPeer(simulator, server.sockets[0].getsockname()[1])
