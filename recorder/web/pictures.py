"""Addresses of the pictures in the live folder, for who may see their runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from recorder.records.pictures import digest_of
from recorder.web.access import Access, access_of
from recorder.web.answers import JSON, content
from recorder.web.problems import ProblemError
from recorder.web.reading import Reading

PREVIEWS = ("last", "hit", "indexed", "unindexed")
POWDER = "powder"
PEAKOGRAM = "peakogram"
MAX_PICTURE = 32 << 20
"""Bytes of a picture that is sent; one has about 0.1 MB."""
TRIES = 3
"""Looks at a picture and what is said of it until both are of one image: a new one
comes a few times a second, a look takes 1 ms. Chosen, not tuned."""


class Pictures:
    """Answers from the live folder.

    Args:
        reading: Reads it.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def picture(self, request: Request) -> Response:
        """`GET /api/v1/preview/{which}.png`."""
        which = request.path_params["which"]
        body = await self._found(request, which, _picture, (*PREVIEWS, POWDER))
        return content(request, body, "image/png")

    async def about(self, request: Request) -> Response:
        """`GET /api/v1/preview/{which}.json`."""
        which = request.path_params["which"]
        body = await self._found(request, which, _about, (*PREVIEWS, POWDER))
        return content(request, body, JSON)

    async def peakogram(self, request: Request) -> Response:
        """`GET /api/v1/peakogram`."""
        body = await self._found(request, PEAKOGRAM, _about, (PEAKOGRAM,))
        return content(request, body, JSON)

    async def _found(
        self,
        request: Request,
        which: str,
        read: Callable[[Path, Access], bytes | None],
        known: tuple[str, ...],
    ) -> bytes:
        """A picture, or what is said of it.

        Raises:
            ProblemError: There is none, or none for this reader: the same words.
        """
        access = access_of(request)
        name = f"preview-{which}" if which in PREVIEWS else which
        path = self._reading.place.live / name
        body = None
        if which in known:
            if not access.whole:
                await self._reading.ask(access.look)
            body = await self._reading.run(lambda: read(path, access))
        if body is None:
            text = f"no picture {which[:50]!r}: none was made since the daemon's start"
            raise ProblemError(HTTPStatus.NOT_FOUND, "no-picture", text)
        return body


def _about(path: Path, access: Access) -> bytes | None:
    """What is said of a picture, if it is of a run that they may see."""
    body = _read(path.with_suffix(".json"))
    if access.whole:
        return body
    return body if access.sees(_text(body, "uid")) else None


def _picture(path: Path, access: Access) -> bytes | None:
    """A picture, if it is of a run that they may see.

    The picture is written before what is said of it, so the two may be of two runs;
    what is said has the digest of its picture. That of others is not read: it would
    take time, by which it could be known.
    """
    if access.whole:
        return _read(path.with_suffix(".png"))
    for _ in range(TRIES):
        if _about(path, access) is None:
            return None
        picture = _read(path.with_suffix(".png"))
        about = _about(path, access)
        if picture is None or about is None:
            return None
        if _text(about, "digest") == digest_of(picture):
            return picture
    return None


def _text(body: bytes | None, key: str) -> str | None:
    """A text of a JSON object; None if it has none."""
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return None
    value = found.get(key) if isinstance(found, dict) else None
    return value if isinstance(value, str) else None


def _read(path: Path) -> bytes | None:
    """A file as a whole; None if it is not there or is no such file."""
    try:
        with path.open("rb") as file:
            body = file.read(MAX_PICTURE + 1)
    except OSError:
        return None
    return body if len(body) <= MAX_PICTURE else None
