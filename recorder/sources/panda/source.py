"""Stays connected to a PandABox and hands over what it captured."""

from __future__ import annotations

import asyncio

from recorder.config import PandaSection
from recorder.records import BadMessage
from recorder.runtime.host_clock import arrival_ns
from recorder.runtime.log import get_logger
from recorder.runtime.retry import backoff
from recorder.sources.link import Link
from recorder.sources.panda.decoder import PandaDecoder, PandaError
from recorder.sources.protocols import SourcePort

log = get_logger("panda")

READ_BYTES = 1 << 16
"""Bytes that are read and handled at a time; TCP holds the rest back."""
HELD_S = 0.2
"""Seconds between two looks whether samples may be taken again. Chosen, not tuned."""
RETRY_MAX_S = 10.0
"""Longest wait (s) between two attempts to connect. Chosen, not tuned."""


class PandaSource:
    """One PandABox.

    Args:
        section: Where it is, and what its fields mean.
    """

    def __init__(self, section: PandaSection) -> None:
        self.name = section.name
        self._section = section
        self.connected = asyncio.Event()
        host = f"[{section.host}]" if ":" in section.host else section.host
        self.link = Link(f"tcp://{host}:{section.port}")

    async def run(self, port: SourcePort) -> None:
        """Stay connected for ever; log only changes from working to failing."""
        failures = 0
        while True:
            try:
                await self._receive(port, failures)
                error = "it closed the connection"
            except (OSError, PandaError) as caught:
                error = str(caught) or repr(caught)
                if isinstance(caught, PandaError):
                    bad = BadMessage(self.name, "capture", error, arrival_ns())
                    port.feed_control([bad])
            failures = 1 if self.connected.is_set() else failures + 1
            self.connected.clear()
            self.link.connected = False
            if failures == 1:
                log.warning(
                    "panda_unreachable",
                    source=self._section.name,
                    host=self._section.host,
                    port=self._section.port,
                    error=error,
                    hint="is it on, and are panda.host and port right? Trying on.",
                )
            await asyncio.sleep(backoff(failures, RETRY_MAX_S))

    async def _receive(self, port: SourcePort, failures: int) -> None:
        reader, writer = await asyncio.open_connection(
            self._section.host, self._section.port
        )
        try:
            decoder = PandaDecoder(self._section)
            writer.write(decoder.connect())
            await writer.drain()
            while True:
                if port.held():  # TCP holds the box back
                    await asyncio.sleep(HELD_S)
                    continue
                if not (received := await reader.read(READ_BYTES)):
                    break
                if not self.connected.is_set():
                    self.connected.set()
                    self.link.connected = True
                    log.info(
                        "panda_connected",
                        source=self._section.name,
                        host=self._section.host,
                        port=self._section.port,
                        after_failures=failures,
                    )
                self.link.heard()
                for records in decoder.feed(received, arrival_ns()):
                    if records:
                        port.feed_control(records)
        finally:
            writer.close()
