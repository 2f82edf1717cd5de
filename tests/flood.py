"""Somebody who guesses passwords as fast as they can, over real sockets."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.servers import HOST

ANSWER_S = 30.0
"""Seconds to wait for an answer: refusals come after up to 8."""


@dataclass
class Flood:
    """Guesses at a steady rate from some addresses, each with a connection of its own.

    Args:
        port: Of the web process.
        rate: Guesses a second.
        seconds: How long.
        addresses: To guess from; all of 127.0.0.0/8 is this host.
        logins: To guess.
    """

    port: int
    rate: float
    seconds: float
    addresses: tuple[str, ...]
    logins: Callable[[int], str]
    statuses: Counter[int] = field(default_factory=Counter)
    """Answers by status; 0: the connection ended without one."""
    without_retry: int = 0
    """Answers 429 without a ``retry-after`` of 1 to 60 s."""
    took_s: float = 0.0

    def run(self) -> None:
        """Guess, and wait for the answers."""
        asyncio.run(self._run())

    def start(self) -> threading.Thread:
        """The same in a thread."""
        thread = threading.Thread(target=self.run, daemon=True)
        thread.start()
        return thread

    async def _run(self) -> None:
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for n in range(int(self.rate * self.seconds)):
                await asyncio.sleep(max(0.0, began + n / self.rate - time.monotonic()))
                group.create_task(self._guess(n))
            self.took_s = time.monotonic() - began

    async def _guess(self, n: int) -> None:
        source = (self.addresses[n % len(self.addresses)], 0)
        try:
            async with asyncio.timeout(ANSWER_S):
                head = await self._asked(source, self.logins(n))
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            self.statuses[0] += 1
            return
        status = int(head.split(b" ", 2)[1])
        self.statuses[status] += 1
        if status == 429:
            lines = dict(
                line.split(b": ", 1) for line in head.split(b"\r\n") if b": " in line
            )
            wait = lines.get(b"retry-after", b"")
            self.without_retry += not (wait.isdigit() and 1 <= int(wait) <= 60)

    async def _asked(self, source: tuple[str, int], login: str) -> bytes:
        body = json.dumps({"login": login, "password": "guess"}).encode()
        head = (
            f"POST /sign-in HTTP/1.1\r\nHost: {HOST}:{self.port}\r\n"
            f"Origin: http://{HOST}:{self.port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection(
            HOST, self.port, local_addr=source
        )
        try:
            writer.write(head.encode() + body)
            return await reader.readuntil(b"\r\n\r\n")
        finally:
            writer.close()
