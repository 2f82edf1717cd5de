"""HTTP connections that cannot fill the process: counted, and not waited for."""

from __future__ import annotations

import asyncio
import socket

from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_S = 10.0
"""Seconds in which the first request of a connection must have come: a browser sends it
at once. Chosen, not tuned."""
SPARE = 64
"""Connections beside those of live streams: requests of pages, scrapers. Chosen, not
tuned."""
SEND_BYTES = 128 << 10
"""What the kernel holds for a reader that sleeps; it would take megabytes by itself,
and what is held is old when it is read. Chosen, not tuned."""


class BoundedHttp(H11Protocol):
    """Closes a connection that asks nothing; makes room by closing an idle one."""

    most = SPARE
    """Connections at once; set before the server starts."""
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, if there is room."""
        if len(self.connections) >= self.most and not self._make_room():
            transport.abort()
            self.transport = transport
            return
        if (sock := transport.get_extra_info("socket")) is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        super().connection_made(transport)
        self._late = self.loop.call_later(REQUEST_S, self._close_if_silent)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        if self._late is not None:
            self._late.cancel()
            super().connection_lost(exc)

    def abort(self) -> None:
        """End it at once, whatever waits to be sent."""
        self.transport.abort()

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _make_room(self) -> bool:
        """Close a connection on which nothing is asked; whether there was one."""
        others = [
            c for c in self.connections if isinstance(c, BoundedHttp) and c.is_idle
        ]
        for other in others[:1]:
            self.connections.discard(other)
            other.abort()
        return bool(others)

    def _close_if_silent(self) -> None:
        if self.cycle is None:
            self.abort()
