"""Checks whether a peer listens or a folder can be written, and changes neither."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from urllib.parse import urlparse

from recorder.records import CheckLine

TIMEOUT_S = 5.0
"""Longer than a reachable host takes; nobody waits long for ``recorder check``."""


async def listens(what: str, endpoint: str, hint: str) -> CheckLine:
    """Whether something listens there; it is not spoken to, which would take images.

    Args:
        what: What it is, for the line.
        endpoint: Such as ``tcp://192.0.2.10:9999``.
        hint: What to look at if nothing does.
    """
    url = urlparse(endpoint)
    if url.scheme != "tcp" or not url.port:
        text = f"{endpoint}: only tcp endpoints can be looked at"
        return CheckLine(what, True, text)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, writer = await asyncio.open_connection(url.hostname, url.port)
            writer.close()
            await writer.wait_closed()
    except (OSError, TimeoutError) as error:
        text = f"{endpoint}: nothing listens ({error or 'no answer'}); {hint}"
        return CheckLine(what, False, text)
    return CheckLine(what, True, f"{endpoint} listens")


def writable(what: str, path: Path) -> CheckLine:
    """Whether a folder is there and can be written, or could be made."""
    place = path
    while not place.exists() and place != place.parent:
        place = place.parent
    if os.access(place, os.W_OK | os.X_OK):
        return CheckLine(what, True, str(path))
    text = f"{path}: not writable; give it to the recorder's user"
    return CheckLine(what, False, text)
