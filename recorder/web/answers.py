"""Answers with a tag of their content: who has it already is told so."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from recorder.web.encoding import encoded

_TAG_BYTES = 16
"""128 bits of a hash: no two contents have the same."""
JSON = "application/json"
HEADERS = {
    "cache-control": "private, no-cache",
    "vary": "Cookie, Authorization",
}
"""No proxy may give to one what another may see."""


def answer(request: Request, value: Any) -> Response:
    """A typed answer as JSON."""
    return content(request, encoded(value), JSON)


def content(request: Request, body: bytes, media_type: str) -> Response:
    """A body; 304 without it where the client has it."""
    tag = f'"{blake2b(body, digest_size=_TAG_BYTES).hexdigest()}"'
    headers = {"etag": tag, **HEADERS}
    asked = request.headers.get("if-none-match", "")
    known = {item.strip().removeprefix("W/") for item in asked.split(",")}
    if tag in known or asked.strip() == "*":
        return Response(None, 304, headers)
    return Response(body, 200, headers, media_type)
