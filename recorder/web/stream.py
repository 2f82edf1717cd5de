"""The live stream: server-sent events, the newest state to each reader."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from recorder.web.access import Access, access_of
from recorder.web.feed import Feed, Message
from recorder.web.problems import ProblemError
from recorder.web.views import Views

RETRY_MS = 1000
"""After which a browser comes back when the stream ended. Chosen, not tuned."""
NOTHING = (
    "you are signed in, and no right of yours shows a run of this beamline; ask your "
    "local contact to make you a member of the session or proposal"
)
HEADERS = {
    "cache-control": "no-store",
    "x-accel-buffering": "no",
}
"""No proxy may keep it back."""


class Streams:
    """Counts the readers; the door ends a stream whose reader has other rights now.

    Args:
        feed: Tells when there is something new.
        views: Have it for each reader.
        most: How many there may be.
    """

    def __init__(
        self,
        feed: Feed,
        views: Views,
        most: int,
    ) -> None:
        self._feed = feed
        self._views = views
        self._most = most
        self.readers = 0

    async def live(self, request: Request) -> Response:
        """`GET /api/v1/live`: server-sent events."""
        access = access_of(request)
        if access.nothing:
            raise ProblemError(HTTPStatus.FORBIDDEN, "no-rights", NOTHING)
        if self.readers >= self._most:
            text = f"there are {self._most} live streams already (web.max_clients)"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", text)
        events = self._events(access)
        return StreamingResponse(events, 200, HEADERS, "text/event-stream")

    async def _events(self, access: Access) -> AsyncIterator[bytes]:
        feed, views = self._feed, self._views
        self.readers += 1
        now: Message | None = None
        slow: Message | None = None
        serial = -1
        try:
            yield b"retry: %d\n\n" % RETRY_MS
            while not feed.stopped:
                tick = feed.tick  # one that comes while this is sent is not missed
                if (newest := views.now(access)) is not now:
                    now = newest
                    yield now.frame
                if feed.slow.serial != serial:
                    serial = feed.slow.serial
                    if (view := await views.slow(access)).message is not slow:
                        slow = view.message
                        yield slow.frame
                await tick.wait()
        finally:
            self.readers -= 1
