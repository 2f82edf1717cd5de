"""What the service asks of a sink."""

from __future__ import annotations

from typing import Protocol

from recorder.journal import Journal, Record
from recorder.records import Json


class Sink(Protocol):
    """Applies journal records, idempotently; called from one thread of its own."""

    name: str

    def open(self, journal: Journal) -> None:
        """Get ready.

        Raises:
            SinkUnavailableError: Not now; it is tried again.
            SinkError: Not with this configuration.
        """

    def apply(self, record: Record) -> Json | None:
        """Apply one record; the ids it was given, if any.

        Raises:
            SinkUnavailableError: The record is tried again later.
            SinkError: The record is refused for good.
        """

    def close(self) -> None:
        """Let go of connections."""
