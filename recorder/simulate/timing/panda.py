"""A PandABox's data port: position capture, served as the real one does it."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Encoder:
    """An encoder that is captured with each trigger, as counts of 32 bits."""

    field: str
    """Such as ``INENC1.VAL``."""
    units: str
    scale: float
    """Of a count, in the unit."""
    at: Callable[[int], float]
    """Where its axis is at a trigger, counted from 0 in a capture, in the unit."""


class PandaServer:
    """Samples for every client that is connected.

    Args:
        encoders: Captured beside times and bits.
    """

    def __init__(self, encoders: Sequence[Encoder] = ()) -> None:
        self._encoders = encoders
        self._sample = struct.Struct(SAMPLE.format + "i" * len(encoders))
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
        encoders = [
            (one.field, "int32", "Value", _scaled(one)) for one in self._encoders
        ]
        fields = "".join(
            f'<field name="{name}" type="{kind}" capture="{capture}" {more} />\n'
            for name, kind, capture, more in (*FIELDS, *encoders)
        )
        self._sent = 0
        self._header = (
            '<header>\n<data arm_time="' + start + '" start_time="' + start + '" '
            'hw_time_offset_ns="0" missed="@MISSED@" process="Raw" format="Framed" '
            f'sample_bytes="{self._sample.size}" />\n<fields>\n{fields}</fields>\n'
            "</header>\n\n"
        ).encode()
        await self._send(self._header.replace(b"@MISSED@", b"0"))

    async def samples(self, rows: list[tuple[int, int]]) -> None:
        """One frame of samples: time in ns from the start, and bits."""
        if not rows:
            return
        data = b"".join(
            self._sample.pack(max(0, t) // TICK_NS, bits, *self._counts(n))
            for n, (t, bits) in enumerate(rows, start=self._sent)
        )
        self._sent += len(rows)
        await self._send(b"BIN " + struct.pack("<I", len(data) + 8) + data)

    def _counts(self, trigger: int) -> list[int]:
        return [round(one.at(trigger) / one.scale) for one in self._encoders]

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


def _scaled(encoder: Encoder) -> str:
    return f'scale="{encoder.scale}" offset="0" units="{encoder.units}"'


@asynccontextmanager
async def panda_server(
    port: int = 0, encoders: Sequence[Encoder] = ()
) -> AsyncIterator[PandaServer]:
    """A PandABox on a loopback port; 0 takes a free one.

    Raises:
        RecorderError: The port is taken.
    """
    panda = PandaServer(encoders)
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
