"""A PandABox's data port: position capture, served as the real one does it."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from recorder.errors import RecorderError

TICK_NS = 8
"""Clock tick of a PandABox, ns: it runs at 125 MHz."""
REQUEST = b"XML FRAMED RAW\n"
FIELDS = (
    ("PCAP.TS_TRIG", "uint64", "Value", 'scale="8e-09" offset="0" units="s"'),
    ("PCAP.BITS0", "uint32", "Value", ""),
)
SAMPLE = struct.Struct("<QI")
LASER_BIT = 3
"""Bit of the captured word that shows the laser; which one is a matter of wiring."""
LASER_PLACE = f"PCAP.BITS0.Value#{LASER_BIT}"
TIME_FIELD = "PCAP.TS_TRIG.Value"


class PandaServer:
    """Samples for every client that is connected."""

    def __init__(self) -> None:
        self._clients: list[asyncio.StreamWriter] = []
        self._header = b""
        self._sent = 0
        self.port = 0
        self.connected = asyncio.Event()

    async def client(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve one connection until it goes."""
        if await reader.readline() != REQUEST:
            writer.write(b"ERR Unknown request\n")
            writer.close()
            return
        writer.write(b"OK\n")
        if self._header:
            writer.write(self._header.replace(b"@MISSED@", str(self._sent).encode()))
        self._clients.append(writer)
        self.connected.set()
        # asyncio logs a cancelled handler as an error; the end of the server is none.
        with contextlib.suppress(asyncio.CancelledError):
            await reader.read()
        if writer in self._clients:
            self._clients.remove(writer)
        writer.close()

    async def begin(self, start_ns: int) -> None:
        """Arm: samples count their time from ``start_ns`` (Unix)."""
        seconds = datetime.fromtimestamp(start_ns // 10**9, UTC)
        start = f"{seconds:%Y-%m-%dT%H:%M:%S}.{start_ns % 10**9:09d}Z"
        fields = "".join(
            f'<field name="{name}" type="{kind}" capture="{capture}" {more} />\n'
            for name, kind, capture, more in FIELDS
        )
        self._sent = 0
        self._header = (
            '<header>\n<data arm_time="' + start + '" start_time="' + start + '" '
            'hw_time_offset_ns="0" missed="@MISSED@" process="Raw" format="Framed" '
            f'sample_bytes="{SAMPLE.size}" />\n<fields>\n{fields}</fields>\n</header>\n'
            "\n"
        ).encode()
        await self._send(self._header.replace(b"@MISSED@", b"0"))

    async def samples(self, rows: list[tuple[int, int]]) -> None:
        """One frame of samples: time in ns from the start, and bits."""
        if not rows:
            return
        data = b"".join(SAMPLE.pack(max(0, t) // TICK_NS, bits) for t, bits in rows)
        self._sent += len(rows)
        await self._send(b"BIN " + struct.pack("<I", len(data) + 8) + data)

    async def end(self, reason: str = "Ok") -> None:
        """Disarm."""
        await self._send(f"END {self._sent} {reason}\n".encode())
        self._header = b""

    async def drop(self) -> None:
        """Cut all connections, as a network does."""
        for writer in self._clients:
            writer.close()
        self._clients.clear()
        self.connected.clear()

    async def send(self, data: bytes) -> None:
        """Bytes as they are, to see what becomes of garbage."""
        await self._send(data)

    async def _send(self, data: bytes) -> None:
        for writer in list(self._clients):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def panda_server(port: int = 0) -> AsyncIterator[PandaServer]:
    """A PandABox on a loopback port; 0 takes a free one.

    Raises:
        RecorderError: The port is taken.
    """
    panda = PandaServer()
    try:
        server = await asyncio.start_server(panda.client, "127.0.0.1", port)
    except OSError as error:
        raise RecorderError(f"port {port}: cannot listen: {error}") from error
    panda.port = server.sockets[0].getsockname()[1]
    try:
        yield panda
    finally:
        await panda.drop()
        server.close()
        await server.wait_closed()
