"""The authenticator ``dummy``: any password will do. For trying things out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from recorder.authenticators.plain import PasswordsOnly
from recorder.authenticators.protocols import Authenticator
from recorder.config import Settings
from recorder.config.endpoints import is_loopback_address
from recorder.config.section import AuthenticatorSection
from recorder.config.values import Name
from recorder.errors import ConfigError
from recorder.records import CheckLine
from recorder.records.access import LOGIN, Identity

INSECURE = (
    "authenticator dummy signs in whoever knows a login: it needs web.insecure_dummy = "
    "true, a loopback address in web.host, and no web.proxies"
)


class DummySection(AuthenticatorSection):
    """`[[web.authenticator]]`, `kind = "dummy"`: any password will do."""

    name: Name = "dummy"
    """Name of the authenticator on the sign-in page and in the audit log."""
    kind: Literal["dummy"] = "dummy"
    """Any password will do: for trying things out."""


class Dummy(PasswordsOnly):
    """Believes everybody."""

    async def login(self, login: str, password: str) -> Identity | None:
        """Whoever they say they are; an empty password is none here either."""
        return Identity(login) if password and re.fullmatch(LOGIN, login) else None


class DummyPlugin:
    """Entry point ``dummy``."""

    kind = "dummy"
    settings = DummySection

    def make(self, section: DummySection, settings: Settings) -> Authenticator:
        """One, where nobody else can reach it.

        Raises:
            ConfigError: Others could.
        """
        if not _is_safe(settings):
            raise ConfigError(INSECURE)
        return Dummy(section.name)

    async def check(
        self, section: DummySection, settings: Settings
    ) -> Sequence[CheckLine]:
        """Whether it may be used."""
        what = f"sign-in {section.name}"
        if not _is_safe(settings):
            return [CheckLine(what, False, INSECURE)]
        text = "any password will do: for trying things out only"
        return [CheckLine(what, True, text, warning=True)]


def _is_safe(settings: Settings) -> bool:
    web = settings.web
    return web.insecure_dummy and is_loopback_address(web.host) and not web.proxies


PLUGIN = DummyPlugin()
