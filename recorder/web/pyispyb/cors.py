"""Lets pages of configured origins read the API's answers, errors included."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from recorder.web.pyispyb.root import ROOT

PREFLIGHT_S = 600
"""Seconds for which a browser may keep what it was told of an address. Chosen, not
tuned."""


class Cors:
    """Wraps the whole application, so that no answer of the API is without it.

    Tokens come in a header, and cookies of our page are not taken along
    (``credentials``): what another page may read is what its own token lets it.

    Args:
        app: What answers.
        origins: Of the pages.
    """

    def __init__(self, app: ASGIApp, origins: Iterable[str]) -> None:
        self._app = app
        self._shared = CORSMiddleware(
            app,
            allow_origins=tuple(origins),
            allow_methods=("GET", "HEAD", "POST", "PATCH", "DELETE"),
            allow_headers=("authorization", "content-type", "if-none-match"),
            expose_headers=("etag", "retry-after"),
            max_age=PREFLIGHT_S,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        is_api = scope["type"] == "http" and scope["path"].startswith(f"{ROOT}/")
        await (self._shared if is_api else self._app)(scope, receive, send)
