"""What the synchronisation asks of a portal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from recorder.config import Settings
from recorder.config.section import PortalSection
from recorder.plugins.groups import PORTALS
from recorder.records import CheckLine


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something that a portal has for us."""

    name: str
    """By which it is known: of a file, an address; the same at each fetch."""
    data: bytes
    """JSON as :mod:`recorder.portal.format` has it."""
    mark: str
    """What tells this content from an earlier one of the same name: a hash, an ETag."""


class Portal(Protocol):
    """Fetches from one portal; called from one thread, and may block."""

    @property
    def name(self) -> str:
        """Its name in the configuration."""

    def fetch(self, done: Mapping[str, str]) -> Iterator[Delivery]:
        """What is new, in the order in which it is to be written.

        Args:
            done: Marks by name of what was written before: it need not come again.

        Raises:
            PortalUnavailableError: It cannot be asked, or its answer cannot be used;
                what was delivered before stays written.
        """

    def close(self) -> None:
        """Let go of connections."""


class PortalPlugin(Protocol):
    """What an entry point of ``recorder.portals`` names."""

    @property
    def kind(self) -> str:
        """Name of the kind, and of the entry point."""

    @property
    def settings(self) -> type[PortalSection]:
        """Class of its settings."""

    def make(self, section: Any, settings: Settings) -> Portal:
        """One with these settings; nothing is opened yet.

        Args:
            section: Its own settings.
            settings: The whole configuration.

        Raises:
            ConfigError: It must not be used so: a token without TLS, and the like.
        """

    async def check(self, section: Any, settings: Settings) -> Sequence[CheckLine]:
        """Whether it could be fetched from; takes nothing."""


def portal_plugin(kind: str) -> PortalPlugin:
    """The plug-in of a kind.

    Raises:
        ConfigError: There is none that can be used.
    """
    plugin: PortalPlugin = PORTALS.get(kind)
    return plugin
