"""Whether a provider could be used, for ``recorder check``; signs nobody in."""

from __future__ import annotations

import asyncio

from recorder.authenticators.oidc.kept import ProviderError
from recorder.authenticators.oidc.provider import Provider
from recorder.authenticators.oidc.settings import OidcSection
from recorder.authenticators.secrets import secret_of
from recorder.errors import ConfigError
from recorder.records import CheckLine


async def looked_at(what: str, section: OidcSection) -> CheckLine:
    """What a provider says of itself.

    Args:
        what: What it is, for the line.
        section: Its settings.
    """
    provider = Provider(section)
    try:
        async with asyncio.timeout(section.timeout_s):
            keys = await provider.keys(None)
        secret = secret_of(section, "client_secret")
        secret_of(section, "client_secret_next")
    except (ProviderError, ConfigError) as error:
        return CheckLine(what, False, f"{section.issuer}: {error}")
    except TimeoutError:
        text = f"{section.issuer}: no answer within {section.timeout_s:g} s"
        return CheckLine(what, False, text)
    if not keys:
        text = "none of its keys can be used"
        return CheckLine(what, False, f"{section.issuer}: {text}")
    client = "with a secret" if secret else "a public client"
    text = f"{section.issuer} answers; client {section.client_id}, {client}"
    return CheckLine(what, True, text)
