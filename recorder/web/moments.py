"""Addresses of what is true now: live state, status, alarms, spool."""

from __future__ import annotations

import contextlib

from starlette.requests import Request
from starlette.responses import Response

from recorder.errors import JournalError
from recorder.journal import Journal
from recorder.journal.spool import spool_state
from recorder.records.live import LiveAlarm
from recorder.reports.journal_mark import sinks_of
from recorder.reports.life import life_json, look
from recorder.web.access import Access, access_of
from recorder.web.answers import JSON, answer, content
from recorder.web.feed import Feed
from recorder.web.hiding import alarms_for
from recorder.web.reading import Reading
from recorder.web.run_alarms import alarms_of_run
from recorder.web.shapes import AlarmList
from recorder.web.status_view import life_for, spool_for
from recorder.web.views import Views


class Moments:
    """Answers from the live state and the journal.

    Args:
        reading: Reads them.
        feed: Has the live state.
        views: Have it for each reader.
    """

    def __init__(self, reading: Reading, feed: Feed, views: Views) -> None:
        self._reading = reading
        self._feed = feed
        self._views = views

    async def now(self, request: Request) -> Response:
        """`GET /api/v1/now`: the event ``now``."""
        access = access_of(request)
        await self._look(access)
        return content(request, self._views.now(access).body, JSON)

    async def slow(self, request: Request) -> Response:
        """`GET /api/v1/slow`: the event ``slow``."""
        view = await self._views.slow(access_of(request))
        return content(request, view.message.body, JSON)

    async def status(self, request: Request) -> Response:
        """`GET /api/v1/status`: as ``recorder status --json``."""
        settings, access = self._reading.place.settings, access_of(request)

        def read() -> object:
            life = look(settings.state_directory, settings.sink_names)
            return life_json(life_for(life, access))

        await self._look(access)
        return answer(request, await self._reading.run(read))

    async def alarms(self, request: Request) -> Response:
        """`GET /api/v1/alarms`."""
        access = access_of(request)
        standing = await self.standing(access)
        name = request.query_params.get("run")
        if name is None:
            return answer(request, AlarmList(standing))

        def read(journal: Journal) -> AlarmList:
            run = access.named(journal, name)
            found = alarms_of_run(journal, run, standing)
            return AlarmList(alarms_for(access, found))

        return answer(request, await self._reading.ask(read))

    async def standing(self, access: Access) -> tuple[LiveAlarm, ...]:
        """The alarms of the live state that somebody may see."""
        await self._look(access)
        live = self._feed.now_state.live
        return () if live is None else alarms_for(access, live.alarms)

    async def _look(self, access: Access) -> None:
        """Know the runs as they are now, for those who see some of them.

        Where the journal cannot be read, what was known of them stands.
        """
        if not access.whole:
            with contextlib.suppress(JournalError):
                await self._reading.ask(access.look)

    async def spool(self, request: Request) -> Response:
        """`GET /api/v1/spool`: as ``recorder spool ls --json``."""
        settings, access = self._reading.place.settings, access_of(request)

        def read(journal: Journal) -> object:
            state = spool_state(journal, sinks_of(settings, journal))
            return spool_for(state, access, journal)

        return answer(request, await self._reading.ask(read))
