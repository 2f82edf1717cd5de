"""What the sign-in asks of an authenticator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from recorder.config import Settings
from recorder.config.section import AuthenticatorSection
from recorder.errors import RecorderError
from recorder.plugins.groups import AUTHENTICATORS
from recorder.records import CheckLine
from recorder.records.access import Identity


class How(StrEnum):
    """How people sign in."""

    PASSWORD = "password"
    """A form with login and password."""
    REDIRECT = "redirect"
    """The browser goes to a provider and comes back."""


class AuthenticatorUnavailableError(RecorderError):
    """The directory or provider did not answer in time, or cannot be trusted.

    The text is for those who sign in: what is away, and whom to tell; no secret.
    """


@dataclass(frozen=True, slots=True)
class Departure:
    """Where a browser goes to sign in."""

    url: str
    state: Mapping[str, str] = field(default_factory=dict)
    """What must be there when it comes back (state, nonce, code verifier): kept by the
    sign-in for ten minutes, bound to this browser, and used once."""


class Authenticator(Protocol):
    """Says who somebody is. Every call answers within 3 s."""

    @property
    def name(self) -> str:
        """Its name in the configuration, shown on the sign-in page."""

    @property
    def how(self) -> How:
        """How people sign in with it."""

    async def login(self, login: str, password: str) -> Identity | None:
        """Who they are; None if login or password is wrong (always, for ``REDIRECT``).

        The sign-in has refused empty passwords and logins of other characters before.

        Raises:
            AuthenticatorUnavailableError: It cannot be asked now.
        """

    async def bearer(self, token: str) -> Identity | None:
        """Who a token of the provider belongs to; None if it is no valid one for us.

        Raises:
            AuthenticatorUnavailableError: It cannot be asked now.
        """

    async def depart(self, back: str) -> Departure:
        """Where to send a browser.

        Args:
            back: Our address that the provider sends it back to.

        Raises:
            AuthenticatorUnavailableError: It cannot be asked now.
        """

    async def arrive(
        self, query: Mapping[str, str], state: Mapping[str, str], back: str
    ) -> Identity | None:
        """Who came back; None if what came back is not to be trusted.

        Args:
            query: Of the address that the browser came back to.
            state: As :meth:`depart` gave it.
            back: As given to :meth:`depart`.

        Raises:
            AuthenticatorUnavailableError: It cannot be asked now.
        """

    async def farewell(self, back: str, login: str = "") -> str | None:
        """Where to send a browser that signed out here; None: nowhere.

        Args:
            back: Our address that the provider sends it back to.
            login: Who signed out.
        """

    async def close(self) -> None:
        """Let go of connections."""


class AuthenticatorPlugin(Protocol):
    """What an entry point of ``recorder.authenticators`` names."""

    @property
    def kind(self) -> str:
        """Name of the kind, and of the entry point."""

    @property
    def settings(self) -> type[AuthenticatorSection]:
        """Class of its settings."""

    def make(self, section: Any, settings: Settings) -> Authenticator:
        """One with these settings; nothing is opened yet.

        Args:
            section: Its own settings.
            settings: The whole configuration.

        Raises:
            ConfigError: It must not be used so: no TLS off loopback, and the like.
        """

    async def check(self, section: Any, settings: Settings) -> Sequence[CheckLine]:
        """Whether it could be used, for ``recorder check``; signs nobody in."""


def make_authenticators(settings: Settings) -> tuple[Authenticator, ...]:
    """Those of the configuration, in its order.

    Raises:
        ConfigError: One cannot be made.
    """
    return tuple(
        authenticator_plugin(section.kind).make(section, settings)
        for section in settings.web.authenticator
    )


def authenticator_plugin(kind: str) -> AuthenticatorPlugin:
    """The plug-in of a kind.

    Raises:
        ConfigError: There is none that can be used.
    """
    plugin: AuthenticatorPlugin = AUTHENTICATORS.get(kind)
    return plugin
