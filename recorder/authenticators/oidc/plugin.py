"""Authenticator kind ``oidc``."""

from __future__ import annotations

from importlib.util import find_spec
from urllib.parse import urlsplit

from recorder.authenticators.oidc.settings import OidcSection
from recorder.authenticators.protocols import (
    Authenticator,
)
from recorder.config import Settings
from recorder.errors import ConfigError, MissingExtraError
from recorder.records import CheckLine
from recorder.runtime.addresses import stays_on_this_host

NEEDS = ("authlib", "httpx2", "joserfc")


class OidcPlugin:
    """OpenID providers."""

    kind = "oidc"
    settings = OidcSection

    def make(self, section: OidcSection, settings: Settings) -> Authenticator:
        """See :class:`~recorder.authenticators.protocols.AuthenticatorPlugin`.

        Raises:
            ConfigError: Tokens would go through the network in plain text.
            MissingExtraError: Authlib, httpx2 or joserfc is not installed.
        """
        url = urlsplit(section.issuer)
        if url.scheme != "https" and not stays_on_this_host(url.hostname or ""):
            raise ConfigError(
                f"web.authenticator {section.name}: what {url.hostname} says would "
                "come in plain text, and from anybody: write https://"
            )
        if not all(map(find_spec, NEEDS)):
            raise MissingExtraError("oidc", f"web.authenticator {section.name}")
        from recorder.authenticators.oidc.flow import OpenIdProvider

        return OpenIdProvider(section)

    async def check(self, section: OidcSection, settings: Settings) -> list[CheckLine]:
        """See :class:`~recorder.authenticators.protocols.AuthenticatorPlugin`."""
        what = f"sign-in {section.name}"
        try:
            self.make(section, settings)
        except (ConfigError, MissingExtraError) as error:
            return [CheckLine(what, False, str(error))]
        from recorder.authenticators.oidc.looking import looked_at

        return [await looked_at(what, section)]


PLUGIN = OidcPlugin()
