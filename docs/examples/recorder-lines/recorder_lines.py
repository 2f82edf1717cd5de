"""A detector that sends lines of JSON over TCP: source kind ``lines``.

A line is one of ``{"series": 1, "images": 10, "shape": [64, 64]}``,
``{"image": 0, "pixels": "<base64 of little-endian uint16>"}`` and ``{"end": 1}``.
``python -m recorder_lines`` is its simulator.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Literal

from pydantic import Field

from recorder.config import GeometrySection, SourceSection
from recorder.records import (
    BadMessage,
    CheckLine,
    DetectorInfo,
    DetectorRecord,
    Image,
    Payload,
    SeriesEnd,
    SeriesKey,
    SeriesStart,
)
from recorder.runtime.log import get_logger
from recorder.runtime.looking import listens
from recorder.sources.protocols import SourcePort
from recorder.sources.threads import Deliver, in_thread

log = get_logger("lines")

MAX_LINE_BYTES = 64 << 20
"""Longer lines are no image of ours; what is read is bounded by it."""
MAX_PIXELS = 16_000_000
LOOK_S = 0.1
"""How often a receiver that waits looks whether it is to stop."""
RETRY_S = 0.5


class LinesSection(GeometrySection, SourceSection):
    """One detector that sends lines of JSON."""

    name: str = "lines"
    """Name of the source in logs, counts and the journal."""
    kind: Literal["lines"] = "lines"
    """Lines of JSON over TCP."""
    host: str = "127.0.0.1"
    """Host of the detector."""
    port: int = Field(9100, ge=1, le=65535)
    """Its port."""


class LinesDecoder:
    """Turns lines into records; knows the series that is going on."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._key = SeriesKey(name, 0, "0")
        self._shape = (0, 0)

    def decode(self, line: bytes, now_ns: int) -> DetectorRecord:
        """The record of a line; what cannot be used is a ``BadMessage``."""
        try:
            return self._record(json.loads(line), now_ns)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            return BadMessage(self._name, "line", f"{error!r:.200}", now_ns)

    def _record(self, body: dict[str, Any], now_ns: int) -> DetectorRecord:
        if "series" in body:
            slow, fast = (int(n) for n in body["shape"])
            if slow < 1 or fast < 1 or slow * fast > MAX_PIXELS:
                raise ValueError(f"an image of {slow} x {fast} pixels")
            self._key = SeriesKey(self._name, int(body["series"]), str(now_ns))
            self._shape = slow, fast
            info = DetectorInfo(shape=self._shape, dtype="uint16")
            images = int(body["images"])
            return SeriesStart(self._key, info, images, received_ns=now_ns)
        if "image" in body:
            pixels = base64.b64decode(body["pixels"], validate=True)
            payload = Payload(pixels, "raw", self._shape, "<u2")
            return Image(self._key, int(body["image"]), payload, received_ns=now_ns)
        if "end" in body:
            return SeriesEnd(self._key, now_ns)
        raise ValueError("neither series, image nor end")


class LinesSource:
    """Receives in a thread, since decoding an image must not stop the event loop."""

    def __init__(self, section: LinesSection) -> None:
        self.name = section.name
        self._address = section.host, section.port

    async def run(self, port: SourcePort) -> None:
        """See :class:`recorder.sources.protocols.Source`."""
        await in_thread(port, self._receive)

    def _receive(self, deliver: Deliver, stop: threading.Event) -> None:
        away = False
        while not stop.is_set():
            try:
                with socket.create_connection(self._address, timeout=2.0) as peer:
                    peer.settimeout(LOOK_S)
                    log.info("lines_connected", source=self.name)
                    away = False
                    decoder = LinesDecoder(self.name)
                    for line in _lines(peer, stop):
                        deliver(decoder.decode(line, time.time_ns()))
                error = "the detector closed the connection"
            except OSError as caught:
                error = str(caught)
            if not away and not stop.is_set():  # only the change is logged
                log.warning("lines_unreachable", source=self.name, error=error)
            away = True
            stop.wait(RETRY_S)


def _lines(peer: socket.socket, stop: threading.Event) -> Iterator[bytes]:
    """Whole lines, until the peer closes or we are told to stop."""
    buffer = bytearray()
    while not stop.is_set():
        with suppress(TimeoutError):
            received = peer.recv(1 << 16)
            if not received:
                return
            buffer += received
            *whole, rest = buffer.split(b"\n")
            buffer = bytearray(rest)
            yield from map(bytes, whole)
            if len(buffer) > MAX_LINE_BYTES:
                raise OSError(f"a line of more than {MAX_LINE_BYTES} bytes")


class LinesPlugin:
    """What the entry point names."""

    kind = "lines"
    settings = LinesSection

    def make(self, section: LinesSection) -> LinesSource:
        """A source with these settings."""
        return LinesSource(section)

    async def check(self, section: LinesSection) -> list[CheckLine]:
        """Whether the detector listens."""
        endpoint = f"tcp://{section.host}:{section.port}"
        return [await listens(f"lines {section.name}", endpoint, "is it on?")]


PLUGIN = LinesPlugin()


# -- the simulator -----------------------------------------------------------------


class LinesSimulator:
    """The detector's side; what is sent goes to every client."""

    def __init__(self) -> None:
        self.connected = asyncio.Event()
        self._clients: list[asyncio.StreamWriter] = []

    async def serve(self, port: int) -> asyncio.Server:
        """Listen; 0 takes a free port."""
        return await asyncio.start_server(self._client, "127.0.0.1", port)

    async def _client(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._clients.append(writer)
        self.connected.set()
        with suppress(asyncio.CancelledError, OSError):
            await reader.read()
        self._clients.remove(writer)
        writer.close()

    async def send(self, line: bytes) -> None:
        """One line, as it is."""
        for writer in list(self._clients):
            with suppress(OSError):
                writer.write(line + b"\n")
                await writer.drain()

    async def say(self, **body: Any) -> None:
        """One message."""
        await self.send(json.dumps(body).encode())

    async def image(self, number: int, pixels: bytes) -> None:
        """One image."""
        await self.say(image=number, pixels=base64.b64encode(pixels).decode())


async def simulate(port: int, images: int) -> None:
    """One series of flat images, as soon as a recorder is connected."""
    simulator = LinesSimulator()
    async with await simulator.serve(port):
        await simulator.connected.wait()
        await simulator.say(series=1, images=images, shape=[64, 64])
        for number in range(images):
            await simulator.image(number, b"\1\0" * 64 * 64)
        await simulator.say(end=1)


def main() -> None:
    """``python -m recorder_lines --port 9100 --images 10``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9100)
    parser.add_argument("--images", type=int, default=10)
    arguments = parser.parse_args()
    asyncio.run(simulate(arguments.port, arguments.images))


if __name__ == "__main__":
    main()
