"""Speaks with a provider: only with TLS, never for long, and never with much."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from typing import Any

import httpx2
from authlib.integrations.httpx_client import AsyncOAuth2Client

from recorder.authenticators.oidc.settings import OidcSection
from recorder.errors import ConfigError

MAX_BODY = 1 << 20
"""Bytes of an answer: what providers say are some kB. Chosen, not tuned."""


class TooMuchError(httpx2.TransportError):
    """An answer is longer than any good one, or may be."""


class Wire:
    """Makes clients, each for one exchange.

    Args:
        section: Settings of the provider.

    Raises:
        ConfigError: The authority cannot be read.
    """

    def __init__(self, section: OidcSection) -> None:
        self._section = section
        where = f"web.authenticator {section.name}: ca_file"
        try:
            self._context = ssl.create_default_context(cafile=section.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"{where}: cannot be read: {error}") from error

    def client(self) -> httpx2.AsyncClient:
        """For what anybody may ask."""
        return httpx2.AsyncClient(**self._options())

    def relying(self, secret: str | None, method: str) -> AsyncOAuth2Client:
        """For what only we may ask.

        Args:
            secret: What we show; None: nothing.
            method: How, by its name in the standard.
        """
        return AsyncOAuth2Client(
            client_id=self._section.client_id,
            client_secret=secret,
            token_endpoint_auth_method=method,
            code_challenge_method="S256",
            scope=" ".join(self._section.scopes),
            **self._options(),
        )

    def _options(self) -> dict[str, Any]:
        transport = _Bounded(verify=self._context, trust_env=False)
        timeout = self._section.timeout_s
        # What the environment says of proxies and authorities is for others.
        return {
            "transport": transport,
            "timeout": timeout,
            "trust_env": False,
            "headers": {"accept-encoding": "identity"},
        }


class _Bounded(httpx2.AsyncHTTPTransport):
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        packed = response.headers.get("content-encoding", "identity")
        if packed != "identity":  # some kB of it may be some GB
            await response.aclose()
            text = f"it packs its answers ({packed:.40}), which nobody asked for"
            raise TooMuchError(text, request=request)
        response.stream = _BoundedStream(response.stream, request)
        return response


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, stream: Any, request: httpx2.Request) -> None:
        self._stream = stream
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for part in self._stream:
            size += len(part)
            if size > MAX_BODY:
                text = f"more than {MAX_BODY} bytes"
                raise TooMuchError(text, request=self._request)
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()
