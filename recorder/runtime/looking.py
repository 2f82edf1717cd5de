"""Checks whether a peer listens or a folder can be written, and changes neither."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

from recorder.config.endpoints import Endpoint, parse_endpoint
from recorder.records import CheckLine
from recorder.runtime.addresses import only_ipv6

TIMEOUT_S = 5.0
"""Longer than a reachable host takes; nobody waits long for ``recorder check``."""


async def listens(what: str, endpoint: str, hint: str) -> CheckLine:
    """Whether something listens there; it is not spoken to, which would take images.

    Args:
        what: What it is, for the line.
        endpoint: Such as ``tcp://192.0.2.10:9999``.
        hint: What to look at if nothing does.
    """
    try:
        peer = parse_endpoint(endpoint)
    except ValueError as error:
        return CheckLine(what, False, f"endpoint {endpoint}: {error}")
    if peer.scheme != "tcp":
        return _looks(what, endpoint, peer, hint)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            ipv6 = await asyncio.to_thread(only_ipv6, peer.host)
            family = socket.AF_INET6 if ipv6 else socket.AF_INET
            _, writer = await asyncio.open_connection(
                peer.host, peer.port, family=family
            )
            writer.close()
            await writer.wait_closed()
    except (OSError, UnicodeError, TimeoutError) as error:
        text = f"{endpoint}: nothing listens ({error or 'no answer'}); {hint}"
        return CheckLine(what, False, text)
    return CheckLine(what, True, f"{endpoint} listens")


def _looks(what: str, endpoint: str, peer: Endpoint, hint: str) -> CheckLine:
    """A socket in the file system is there or not; one within a process is unseen."""
    if peer.scheme == "ipc" and not peer.host.startswith("@"):
        if Path(peer.host).is_socket():
            return CheckLine(what, True, f"{endpoint} is there")
        return CheckLine(what, False, f"{endpoint}: no such socket; {hint}")
    return CheckLine(what, True, f"{endpoint}: cannot be seen from here")


def writable(what: str, path: Path) -> CheckLine:
    """Whether a folder is there and can be written, or could be made."""
    place = path
    while not place.exists() and place != place.parent:
        place = place.parent
    if os.access(place, os.W_OK | os.X_OK):
        return CheckLine(what, True, str(path))
    text = f"{path}: not writable; give it to the recorder's user"
    return CheckLine(what, False, text)
