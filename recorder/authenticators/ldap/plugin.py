"""Authenticator kind ``ldap``."""

from __future__ import annotations

from importlib.util import find_spec
from urllib.parse import urlsplit

from recorder.authenticators.ldap.directory import Directory
from recorder.authenticators.ldap.settings import LdapSection
from recorder.config import Settings
from recorder.errors import ConfigError, MissingExtraError
from recorder.records import CheckLine
from recorder.runtime.addresses import stays_on_this_host


class LdapPlugin:
    """Directories that speak LDAP."""

    kind = "ldap"
    settings = LdapSection

    def make(self, section: LdapSection, settings: Settings) -> Directory:
        """See :class:`~recorder.authenticators.protocols.AuthenticatorPlugin`.

        Raises:
            ConfigError: Passwords would go through the network in plain text.
            MissingExtraError: bonsai is not installed.
        """
        host = urlsplit(section.url).hostname or ""
        if section.url.startswith("ldap:") and not section.start_tls:
            if not stays_on_this_host(host):
                raise ConfigError(
                    f"web.authenticator {section.name}: passwords would go to {host} "
                    "in plain text: write ldaps:// or set start_tls = true"
                )
        if find_spec("bonsai") is None:
            raise MissingExtraError("ldap", f"web.authenticator {section.name}")
        return Directory(section)

    async def check(self, section: LdapSection, settings: Settings) -> list[CheckLine]:
        """See :class:`~recorder.authenticators.protocols.AuthenticatorPlugin`."""
        what = f"sign-in {section.name}"
        try:
            directory = self.make(section, settings)
        except (ConfigError, MissingExtraError) as error:
            return [CheckLine(what, False, str(error))]
        reached = await directory.reached()
        if not reached.ok:
            text = f"{section.url} cannot be asked: {reached.why}"
            return [CheckLine(what, False, text)]
        text = f"{section.url} answers"
        if reached.why:
            text += f", but {reached.why}: let the account of bind_dn read there"
        return [CheckLine(what, True, text, warning=bool(reached.why))]


PLUGIN = LdapPlugin()
