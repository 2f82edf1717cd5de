"""What our own sources are connected to when they are tested for conformance."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import zmq.asyncio

from recorder.config import DetectorSection, PandaSection
from recorder.records import DetectorInfo, EventType, Image, Payload, TimedEvent
from recorder.simulate.stream.broker import free_port
from recorder.simulate.stream.connections import detector_socket
from recorder.simulate.stream.messages import Stream1, Stream2
from recorder.simulate.timing.panda import LASER_PLACE, PandaServer, panda_server
from recorder.testing import Peer
from tests.builders import SHAPE, T0

INFO = DetectorInfo(shape=SHAPE, dtype="uint16")
PIXELS = Payload(np.zeros(SHAPE, "<u2").tobytes(), "raw", SHAPE, "<u2")
GARBAGE = ([b""], [b"\xa1\x00"], [b"{", b"x"], [b"\xff"] * 9, [b'{"htype":"nothing"}'])


class DectrisPeer:
    """A detector's socket."""

    def __init__(
        self, socket: zmq.asyncio.Socket, endpoint: str, stream: Stream1 | Stream2
    ) -> None:
        self.section = DetectorSection(name="eiger", endpoint=endpoint)
        self._socket = socket
        self._stream = stream
        self._begun = False

    async def ready(self) -> None:
        """A PUSH socket waits by itself."""

    async def send(self, numbers: range) -> None:
        if not self._begun:
            self._begun = True
            await self._socket.send_multipart(self._stream.start())
        for number in numbers:
            message = self._stream.image(number, PIXELS, number * 10**7)
            await self._socket.send_multipart(message)

    async def garbage(self) -> None:
        for message in GARBAGE:
            await self._socket.send_multipart(message)

    def number(self, record: object) -> int | None:
        return record.image_id if isinstance(record, Image) else None


@asynccontextmanager
async def dectris_peer(protocol: type[Stream1 | Stream2]) -> AsyncIterator[Peer]:
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    async with detector_socket(endpoint) as socket:
        socket.linger = 0
        yield DectrisPeer(socket, endpoint, protocol(1, INFO, 12))


class PandaPeer:
    """A PandABox that captures."""

    def __init__(self, server: PandaServer) -> None:
        self.section = PandaSection(
            name="panda-1", port=server.port, lasers={LASER_PLACE: "pump"}
        )
        self._server = server

    async def ready(self) -> None:
        await self._server.connected.wait()

    async def send(self, numbers: range) -> None:
        if not numbers.start:
            await self._server.begin(T0)
        await self._server.samples([(n * 10**7, n % 2 << 3) for n in numbers])

    async def garbage(self) -> None:
        self._server.connected.clear()
        await self._server.send(b"nonsense" * 20 + b"\n")

    def number(self, record: object) -> int | None:
        wanted = isinstance(record, TimedEvent) and (
            record.type is EventType.XRAY_DETECTION
        )
        return record.trigger if wanted else None


@asynccontextmanager
async def panda_peer() -> AsyncIterator[Peer]:
    async with panda_server() as server:
        yield PandaPeer(server)
