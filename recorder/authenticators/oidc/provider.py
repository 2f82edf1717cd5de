"""What a provider says of itself: its addresses and its keys, kept for a while."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2

from recorder.authenticators.oidc.http import Wire
from recorder.authenticators.oidc.kept import Kept, ProviderError
from recorder.authenticators.oidc.settings import OidcSection, check_address
from recorder.authenticators.oidc.tokens import PublicKey, public_keys
from recorder.runtime.addresses import stays_on_this_host

NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
OPTIONAL = ("userinfo_endpoint", "end_session_endpoint")


@dataclass(frozen=True, slots=True)
class About:
    """What a provider says of itself."""

    issuer: str
    endpoints: Mapping[str, str]
    auth_methods: tuple[str, ...]
    says_issuer: bool = False
    """Whether it names itself when a browser comes back (RFC 9207)."""


class Provider:
    """One provider.

    Args:
        section: Its settings.
    """

    def __init__(self, section: OidcSection) -> None:
        self.wire = Wire(section)
        self._section = section
        # both may be asked for, one after the other
        self._about = Kept(self._ask_about, section.timeout_s / 3)
        self._keys = Kept(self._ask_keys, section.timeout_s / 3)

    async def about(self) -> About:
        """Its addresses.

        Raises:
            ProviderError: It does not say them, or says those of another.
        """
        return await self._about.get()

    async def keys(self, kid: str | None) -> tuple[PublicKey, ...]:
        """Keys that a token may be signed with.

        Args:
            kid: Name of the key in the token; None: it names none.

        Raises:
            ProviderError: There are none, and the provider cannot be asked.
        """
        keys = await self._keys.get(lambda keys: kid is None or kid in _names(keys))
        return tuple(k for k in keys if kid is None or k.kid in (kid, None))

    async def _ask_about(self) -> About:
        path = "/.well-known/openid-configuration"
        found = await self.fetched(self._section.issuer.rstrip("/") + path)
        return _about(self._section.issuer, found)

    async def _ask_keys(self) -> tuple[PublicKey, ...]:
        about = await self.about()
        return public_keys(await self.fetched(about.endpoints["jwks_uri"]))

    async def fetched(self, url: str, token: str | None = None) -> dict[str, Any]:
        """The JSON object at one of its addresses.

        Args:
            url: The address.
            token: Access token to show.

        Raises:
            ProviderError: There is none.
        """
        headers = {"accept": "application/json"}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        try:
            async with self.wire.client() as client:
                response = await client.get(url, headers=headers)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ProviderError(f"{url}: {words(error)}") from error
        if response.status_code != httpx2.codes.OK:
            raise ProviderError(f"{url}: it answers {response.status_code}")
        try:
            found = response.json()
        except (ValueError, RecursionError) as error:
            raise ProviderError(f"{url}: its answer is no JSON") from error
        if not isinstance(found, dict):
            raise ProviderError(f"{url}: its answer is no JSON object")
        return found


def _names(keys: tuple[PublicKey, ...]) -> set[str | None]:
    return {key.kid for key in keys}


def words(error: Exception) -> str:
    """What went wrong on the way, in words."""
    if isinstance(error, httpx2.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpx2.HTTPStatusError):
        return f"it answers {error.response.status_code}"
    return str(error) or type(error).__name__


def _about(issuer: str, found: Mapping[str, Any]) -> About:
    said = found.get("issuer")
    if not isinstance(said, str) or said.rstrip("/") != issuer.rstrip("/"):
        raise ProviderError(f"it calls itself {said!r:.200}: write that as issuer")
    local = stays_on_this_host(urlsplit(issuer).hostname or "")
    endpoints = {}
    for name in (*NEEDED, *OPTIONAL):
        if (value := found.get(name)) is None and name in OPTIONAL:
            continue
        endpoints[name] = _endpoint(name, value, local)
    methods = found.get("token_endpoint_auth_methods_supported")
    known = methods if isinstance(methods, list) else []
    return About(
        said,
        endpoints,
        tuple(m for m in known if isinstance(m, str)) or ("client_secret_basic",),
        found.get("authorization_response_iss_parameter_supported") is True,
    )


def _endpoint(name: str, value: Any, local: bool) -> str:
    """An address that a provider says; TLS is needed there, too."""
    try:
        if not isinstance(value, str):
            raise ValueError("is missing")
        parts = urlsplit(check_address(value.partition("?")[0]))
    except ValueError as error:
        raise ProviderError(f"its {name} {error}") from error
    if parts.scheme != "https" and not (
        local and stays_on_this_host(parts.hostname or "")
    ):
        raise ProviderError(f"its {name} is without TLS: {value:.200}")
    return value
