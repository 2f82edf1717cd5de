"""Whether the web process works, and its metrics: for programs that watch it."""

from __future__ import annotations

import time
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from recorder import __version__
from recorder.web.access import access_of
from recorder.web.encoding import encoded
from recorder.web.feed import Feed
from recorder.web.hiding import JOURNAL_TROUBLE
from recorder.web.metrics import CONTENT_TYPE, Metrics
from recorder.web.problems import ProblemError
from recorder.web.shapes import Health

HANGS_S = 10.0
"""Seconds without a look at the live state, five each second, after which this process
hangs: a slow disk makes a look late by less. Chosen, not tuned."""
NO_STORE = {"cache-control": "no-store"}


class Watch:
    """Answers whoever watches.

    Args:
        feed: Is what must go on.
        metrics: Renders the metrics.
    """

    def __init__(self, feed: Feed, metrics: Metrics) -> None:
        self._feed = feed
        self._metrics = metrics

    async def healthz(self, request: Request) -> Response:
        """`GET /healthz`: this process looks at the live state."""
        silent = time.monotonic() - self._feed.ticked_at
        if silent > HANGS_S:
            text = f"no look at the live state for {silent:.0f} s: restart this process"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "hangs", text)
        return _well()

    async def readyz(self, request: Request) -> Response:
        """`GET /readyz`: the journal can be read, and all its runs are known."""
        slow = self._feed.slow_state
        if slow.problem is not None:
            status = HTTPStatus.SERVICE_UNAVAILABLE
            raise ProblemError(status, "journal", JOURNAL_TROUBLE)
        if not slow.complete:
            text = "the runs of the journal are being read"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "starting", text)
        return _well()

    async def metrics(self, request: Request) -> Response:
        """`GET /metrics`: for Prometheus."""
        body = self._metrics.render(whole=access_of(request).whole)
        return Response(body, 200, NO_STORE, CONTENT_TYPE)


def _well() -> Response:
    body = encoded(Health(True, __version__))
    return Response(body, 200, NO_STORE, "application/json")
