"""Addresses of runs and their images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from recorder.errors import NoSuchRunError
from recorder.journal import Journal
from recorder.journal.run_index import Headline
from recorder.records import ImageOutcome
from recorder.records.cards import RunCard
from recorder.records.image_outcome import OUTCOMES
from recorder.records.run_report import RunReport
from recorder.records.times import iso
from recorder.reports.cards import card_of, card_page
from recorder.reports.explain import explain_image
from recorder.reports.journal_mark import sinks_of
from recorder.reports.store import ReportStore
from recorder.web.access import Access, access_of
from recorder.web.answers import JSON, answer, content
from recorder.web.chips import Chips
from recorder.web.parameters import number, one_of, whole
from recorder.web.problems import ProblemError
from recorder.web.reading import Reading
from recorder.web.shapes import ExperimentList, ImageLine, ImageList, RunList
from recorder.web.views import Views

RUNS, MAX_RUNS = 50, 200
"""Runs in one answer where no limit is given, and at most: each costs about 1 ms.
Chosen, not tuned."""
IMAGES, MAX_IMAGES = 1000, 10_000
"""The same for images, of which 10,000 cost about 50 ms. Chosen, not tuned."""
MAX_LOOKED_AT = 50_000
"""Images that one request looks at to find those of a class: 0.2 s of work."""
NO_SCAN = (
    "run {}: no `scan` was announced that can be used, so which image is of which well "
    "is not known; see docs/reference/mqtt.md"
)
CLASSES = tuple(str(outcome) for outcome in OUTCOMES)
"""What ``class`` may be."""


class Runs:
    """Answers from the journal.

    Args:
        reading: Asks it.
        views: Have the experiments.
    """

    def __init__(self, reading: Reading, views: Views) -> None:
        self._reading = reading
        self._views = views
        self._chips = Chips(reading)

    async def experiments(self, request: Request) -> Response:
        """`GET /api/v1/experiments`."""
        limit = number(request, "limit", RUNS, 1, MAX_RUNS)
        before = number(request, "before", None)
        slow = (await self._views.slow(access_of(request))).state
        if slow.problem is not None:
            text = slow.problem
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "journal", text)
        found = [e for e in slow.experiments if before is None or e.opened < before]
        found.sort(key=lambda entry: -entry.opened)
        more = len(found) > limit
        return answer(
            request,
            ExperimentList(
                experiments=tuple(found[:limit]),
                next=found[limit - 1].opened if more else None,
                complete=slow.complete,
            ),
        )

    async def list(self, request: Request) -> Response:
        """`GET /api/v1/runs`."""
        limit = number(request, "limit", RUNS, 1, MAX_RUNS)
        before = number(request, "before", None)
        experiment = request.query_params.get("experiment")
        access = access_of(request)

        def read(journal: Journal) -> RunList:
            store = self._store(journal)
            if access.whole:
                page = card_page(store, journal, experiment, limit, before)
            else:
                page = page_of(access, store, journal, experiment, limit, before)
            return RunList(*page)

        return answer(request, await self._reading.ask(read))

    async def report(self, request: Request) -> Response:
        """`GET /api/v1/runs/{uid}`: the report contract."""
        return answer(request, await self._report(request))

    async def _report(self, request: Request) -> RunReport:
        name, access = request.path_params["uid"], access_of(request)

        def read(journal: Journal) -> RunReport:
            known = access.named(journal, name)
            report = self._store(journal).get(known.uid)
            if report is None:
                raise NoSuchRunError(f"run {name}: not in the journal")
            return access.report(report)

        return await self._reading.ask(read)

    async def images(self, request: Request) -> Response:
        """`GET /api/v1/runs/{uid}/images`."""
        name = request.path_params["uid"]
        first = number(request, "from", 0)
        last = number(request, "to", None)
        limit = number(request, "limit", IMAGES, 1, MAX_IMAGES)
        kind = one_of(request, "class", CLASSES)
        access = access_of(request)

        def read(journal: Journal) -> ImageList:
            uid = access.named(journal, name).uid
            return image_list(journal, uid, first, last, kind, limit)

        return answer(request, await self._reading.ask(read))

    async def image(self, request: Request) -> Response:
        """`GET /api/v1/runs/{uid}/images/{image_id}`: as ``recorder why``."""
        name = request.path_params["uid"]
        image_id = whole(request.path_params["image_id"], "image_id")
        access = access_of(request)

        def read(journal: Journal) -> Any:
            uid = access.named(journal, name).uid
            return explain_image(journal, uid, image_id)

        return answer(request, await self._reading.ask(read, heavy=True))

    async def chip(self, request: Request) -> Response:
        """`GET /api/v1/runs/{uid}/chip`: the chip or scan, well by well."""
        name = request.path_params["uid"]
        # A run without a scan is told quickly, and from its report.
        report = await self._report(request)
        if report.scan is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, "no-scan", NO_SCAN.format(name))
        return content(request, await self._chips.get(report), JSON)

    def _store(self, journal: Journal) -> ReportStore:
        return ReportStore(journal, sinks_of(self._reading.place.settings, journal))


def page_of(
    access: Access,
    store: ReportStore,
    journal: Journal,
    experiment: str | None,
    limit: int,
    before: int | None,
) -> tuple[tuple[RunCard, ...], int | None]:
    """As :func:`card_page`, of the runs that somebody may see, by their own numbers."""
    access.look(journal)
    meant: list[tuple[Headline, int]] = []
    for uid, opened in reversed(access.numbers().items()):
        if before is not None and opened >= before:
            continue
        known = journal.headline(uid)
        if known is not None and store.is_of(experiment, known):
            if len(meant) == limit:
                break
            meant.append((known, opened))
    else:
        return _cards(store, journal, meant), None
    return _cards(store, journal, meant), meant[-1][1]


def _cards(
    store: ReportStore, journal: Journal, meant: Iterable[tuple[Headline, int]]
) -> tuple[RunCard, ...]:
    return tuple(
        replace(card_of(store, journal, known), opened=opened)
        for known, opened in meant
    )


def image_list(
    journal: Journal,
    uid: str,
    first: int,
    last: int | None,
    kind: str | None,
    most: int,
) -> ImageList:
    """Images of a run.

    Args:
        journal: Has them.
        uid: Of the run.
        first: Lowest image_id.
        last: Highest image_id; None takes all.
        kind: Only those of this class.
        most: How many at most.
    """
    end = first + MAX_LOOKED_AT
    if last is not None:
        end = min(end, last + 1)
    found: list[ImageLine] = []
    for row in journal.image_rows(uid, first, end):
        if kind is None or row.outcome == kind:
            if len(found) == most:
                return ImageList(tuple(found), found[-1].image_id + 1)
            found.append(_line(row))
    highest = journal.last_image(uid)
    through = highest is None or highest < end or (last is not None and end > last)
    return ImageList(tuple(found), None if through else end)


def _line(row: ImageOutcome) -> ImageLine:
    found = row.found
    return ImageLine(
        image_id=row.image_id,
        outcome=str(row.outcome),
        spots=found.spots,
        lattices=len(found.lattices),
        resolution=found.resolution,
        background=found.background,
        solvent=found.solvent,
        saturated_pixels=found.saturated_pixels,
        start_time_ns=row.start_time_ns,
        received=iso(row.received_ns),
    )
