"""The live stream: server-sent events, the newest state to each reader."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from recorder.web.feed import Feed
from recorder.web.problems import ProblemError

RETRY_MS = 1000
"""After which a browser comes back when the stream ended. Chosen, not tuned."""
HEADERS = {
    "cache-control": "no-store",
    "x-accel-buffering": "no",
}
"""No proxy may keep it back."""


class Streams:
    """Counts the readers.

    Args:
        feed: What they get.
        most: How many there may be.
    """

    def __init__(self, feed: Feed, most: int) -> None:
        self._feed = feed
        self._most = most
        self.readers = 0

    async def live(self, request: Request) -> Response:
        """`GET /api/v1/live`: server-sent events."""
        if self.readers >= self._most:
            text = f"there are {self._most} live streams already (web.max_clients)"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", text)
        return StreamingResponse(self._events(), 200, HEADERS, "text/event-stream")

    async def _events(self) -> AsyncIterator[bytes]:
        feed = self._feed
        self.readers += 1
        now = slow = -1
        try:
            yield b"retry: %d\n\n" % RETRY_MS
            while not feed.stopped:
                tick = feed.tick  # one that comes while this is sent is not missed
                if feed.now.serial != now:
                    now = feed.now.serial
                    yield feed.now.frame
                if feed.slow.serial != slow:
                    slow = feed.slow.serial
                    yield feed.slow.frame
                await tick.wait()
        finally:
            self.readers -= 1
