"""Addresses of what is true now: live state, status, alarms, spool, pictures."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from recorder.journal import Journal
from recorder.journal.spool import spool_state
from recorder.records.live import LiveAlarm
from recorder.reports.journal_mark import sinks_of
from recorder.reports.life import life_json, look
from recorder.web.answers import JSON, answer, content
from recorder.web.feed import Feed
from recorder.web.problems import ProblemError
from recorder.web.reading import Reading
from recorder.web.runs import named
from recorder.web.shapes import AlarmList

PREVIEWS = ("last", "hit", "indexed", "unindexed")
POWDER = "powder"
PEAKOGRAM = "peakogram.json"
MAX_PICTURE = 32 << 20
"""Bytes of a picture that is sent; one has about 0.1 MB."""


class Moments:
    """Answers from the live folder.

    Args:
        reading: Reads it, and the journal.
        feed: Has the live state.
    """

    def __init__(self, reading: Reading, feed: Feed) -> None:
        self._reading = reading
        self._feed = feed

    async def now(self, request: Request) -> Response:
        """`GET /api/v1/now`: the event ``now``."""
        return content(request, self._feed.now.body, JSON)

    async def slow(self, request: Request) -> Response:
        """`GET /api/v1/slow`: the event ``slow``."""
        return content(request, self._feed.slow.body, JSON)

    async def status(self, request: Request) -> Response:
        """`GET /api/v1/status`: as ``recorder status --json``."""
        settings = self._reading.place.settings

        def read() -> object:
            return life_json(look(settings.state_directory, settings.sink_names))

        return answer(request, await self._reading.run(read))

    async def alarms(self, request: Request) -> Response:
        """`GET /api/v1/alarms`."""
        alarms = self.standing()
        if (name := request.query_params.get("run")) is not None:
            known = await self._reading.ask(lambda journal: named(journal, name))
            alarms = tuple(alarm for alarm in alarms if alarm.run == known.number)
        return answer(request, AlarmList(alarms))

    def standing(self) -> tuple[LiveAlarm, ...]:
        """The alarms of the live state."""
        live = self._feed.now_state.live
        return () if live is None else live.alarms

    async def spool(self, request: Request) -> Response:
        """`GET /api/v1/spool`: as ``recorder spool ls --json``."""
        settings = self._reading.place.settings

        def read(journal: Journal) -> object:
            return spool_state(journal, sinks_of(settings, journal))

        return answer(request, await self._reading.ask(read))

    async def picture(self, request: Request) -> Response:
        """`GET /api/v1/preview/{which}.png`."""
        which = request.path_params["which"]
        if which not in (*PREVIEWS, POWDER):
            raise self._no_picture(which)
        name = f"{which}.png" if which == POWDER else f"preview-{which}.png"
        return content(request, await self._file(name, which), "image/png")

    async def about_picture(self, request: Request) -> Response:
        """`GET /api/v1/preview/{which}.json`."""
        which = request.path_params["which"]
        if which not in (*PREVIEWS, POWDER):
            raise self._no_picture(which)
        name = f"{which}.json" if which == POWDER else f"preview-{which}.json"
        return content(request, await self._file(name, which), JSON)

    async def peakogram(self, request: Request) -> Response:
        """`GET /api/v1/peakogram`."""
        return content(request, await self._file(PEAKOGRAM, "peakogram"), JSON)

    async def _file(self, name: str, what: str) -> bytes:
        path = self._reading.place.live / name
        body = await self._reading.run(lambda: _read(path))
        if body is None:
            raise self._no_picture(what)
        return body

    @staticmethod
    def _no_picture(what: str) -> ProblemError:
        text = f"no picture {what[:50]!r}: none was made since the daemon's start"
        return ProblemError(HTTPStatus.NOT_FOUND, "no-picture", text)


def _read(path: Path) -> bytes | None:
    """A file as a whole; None if it is not there or is no such file."""
    try:
        with path.open("rb") as file:
            body = file.read(MAX_PICTURE + 1)
    except OSError:
        return None
    return body if len(body) <= MAX_PICTURE else None
