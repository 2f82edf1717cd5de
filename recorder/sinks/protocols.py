"""What the service asks of a sink."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from recorder.config import Settings, SinkSection
from recorder.journal import Journal, Record
from recorder.plugins.groups import SINKS
from recorder.records import CheckLine, Json


class Sink(Protocol):
    """Applies journal records, idempotently; called from one thread of its own."""

    @property
    def name(self) -> str:
        """Its name in the configuration: its cursor in the journal has it, too."""

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


class SinkPlugin(Protocol):
    """A kind of sink: what an entry point of ``recorder.sinks`` names."""

    @property
    def kind(self) -> str:
        """Name of the kind, and of the entry point."""

    @property
    def settings(self) -> type[SinkSection]:
        """Class of its settings."""

    def make(self, section: Any, settings: Settings) -> Sink:
        """A sink with these settings; nothing is opened yet.

        Args:
            section: Its own settings.
            settings: The whole configuration.
        """

    async def check(self, section: Any, settings: Settings) -> Sequence[CheckLine]:
        """Whether it could write, without writing anything."""


def make_sinks(settings: Settings) -> list[Sink]:
    """The configured sinks.

    Raises:
        ConfigError: One cannot be made.
    """
    return [
        sink_plugin(section.kind).make(section, settings) for section in settings.sinks
    ]


def sink_plugin(kind: str) -> SinkPlugin:
    """The sink plug-in of a kind.

    Raises:
        ConfigError: There is none that can be used.
    """
    plugin: SinkPlugin = SINKS.get(kind)
    return plugin
