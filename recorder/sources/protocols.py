"""What the service asks of a source, and what it offers to one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from recorder.config import SourceSection
from recorder.plugins.groups import SOURCES
from recorder.records import CheckLine, ControlRecord, DetectorRecord


class SourcePort(Protocol):
    """Where a source hands its records over."""

    @property
    def stopping(self) -> threading.Event:
        """Set once nothing more is to be received."""

    def put(self, record: DetectorRecord) -> None:
        """Hand over a record of a detector, from a thread.

        Blocks while those before it are still on their way, so that the peer is held
        back and nothing is lost. It never blocks once ``stopping`` is set.
        """

    def feed_control(
        self,
        records: list[ControlRecord],
        acknowledge: Callable[[], None] | None = None,
    ) -> None:
        """Hand over the control records of one message, from the event loop.

        Args:
            records: In their order.
            acknowledge: Called, from the event loop, once they are on disk.
        """

    def held(self) -> bool:
        """Whether nothing may be taken for now: leave it with the peer."""


class Source(Protocol):
    """Turns what comes over one connection into records.

    A malformed message becomes a :class:`~recorder.records.BadMessage`; a peer that is
    away is tried again, and only the change is logged.
    """

    @property
    def name(self) -> str:
        """Its name in the configuration: the source of its records."""

    async def run(self, port: SourcePort) -> None:
        """Receive until ``port.stopping`` is set (detectors), or until cancelled.

        What raises another error than a ``ConfigError`` is logged and begun anew.

        Raises:
            ConfigError: It cannot work as it is configured: the daemon ends.
        """


class SourcePlugin(Protocol):
    """A kind of source: what an entry point of ``recorder.sources`` names."""

    @property
    def kind(self) -> str:
        """Name of the kind, and of the entry point."""

    @property
    def settings(self) -> type[SourceSection]:
        """Class of its settings.

        Derived from :class:`~recorder.config.GeometrySection`, too, if it sends images.
        """

    def make(self, section: Any) -> Source:
        """A source with these settings; nothing is opened yet."""

    async def check(self, section: Any) -> Sequence[CheckLine]:
        """Whether the peer is there, without taking anything from it."""


def source_plugin(kind: str) -> SourcePlugin:
    """The source plug-in of a kind.

    Raises:
        ConfigError: There is none that can be used.
    """
    plugin: SourcePlugin = SOURCES.get(kind)
    return plugin
