"""Proxies: only those that are listed are believed when they say who asks."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from recorder.config.endpoints import is_loopback_address
from recorder.web.problems import ProblemError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MAX_HOPS = 20
"""Addresses of ``X-Forwarded-For`` that are looked at. Chosen, not tuned."""


class Proxies:
    """Puts the address and the scheme of who asks where they belong.

    Args:
        app: What answers.
        listed: Addresses and networks of proxies.
        tls: Whether we have TLS ourselves; else others may ask through a proxy only.
    """

    def __init__(self, app: ASGIApp, listed: Sequence[str], *, tls: bool) -> None:
        self._app = app
        self._listed = [ipaddress.ip_network(text) for text in listed]
        self._tls = tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            ProblemError: It came past the proxies, without TLS.
        """
        peer = scope["client"][0] if scope.get("client") else ""
        if not self._listed:
            await self._app(scope, receive, send)
            return
        if not self._is_listed(peer):
            if not self._tls and not is_loopback_address(peer):
                text = "ask through the proxy: what you type would be readable here"
                raise ProblemError(HTTPStatus.FORBIDDEN, "not-here", text)
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        told = ",".join(headers.getlist("x-forwarded-for")).split(",")
        scheme = headers.get("x-forwarded-proto", "").strip().lower()
        found = dict(scope)
        found["client"] = (self._asker(peer, told), 0)
        if scheme in ("http", "https"):
            found["scheme"] = scheme
        await self._app(found, receive, send)

    def _asker(self, peer: str, told: Sequence[str]) -> str:
        """The last address that no listed proxy has.

        What stands before it anybody may have written.
        """
        for text in reversed(told[-MAX_HOPS:]):
            try:
                address = str(ipaddress.ip_address(text.strip()))
            except ValueError:
                return peer
            peer = address
            if not self._is_listed(address):
                return address
        return peer

    def _is_listed(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        return any(found in network for network in self._listed)
