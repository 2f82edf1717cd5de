"""What a source knows of its connection, for ``recorder status``."""

from __future__ import annotations

from recorder.runtime.host_clock import since_boot_ns


class Link:
    """Written by the source, from its thread or task; read from the event loop.

    Args:
        endpoint: Where the peer is, for people.
    """

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.connected: bool | None = None
        """Whether there is a connection; None: it cannot be told."""
        self.last_ns: int | None = None
        """When the last message came, in nanoseconds since the host booted; None: no
        message has come."""

    def heard(self) -> None:
        """A message came."""
        self.last_ns = since_boot_ns()

    def age_s(self) -> float | None:
        """Seconds since the last message; None if none has come."""
        return None if self.last_ns is None else (since_boot_ns() - self.last_ns) / 1e9
