"""What people say on the page: passed on to the daemon as small files.

The daemon removes a file once it is journalled. Nothing is changed here.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass
from starlette.requests import Request
from starlette.responses import Response

from recorder.config.endpoints import is_loopback_address
from recorder.foreign_text import is_name
from recorder.records import Json
from recorder.records.limits import MAX_IMAGES
from recorder.records.live import LiveAlarm
from recorder.runtime.live_file import replace_file
from recorder.runtime.log import get_logger
from recorder.web.access import access_of
from recorder.web.callers import Kind, caller_of
from recorder.web.encoding import encoded
from recorder.web.feed import Feed
from recorder.web.moments import Moments
from recorder.web.parameters import body_of
from recorder.web.problems import ProblemError
from recorder.web.reading import Reading
from recorder.web.shapes import Said

log = get_logger("web")

FOLDER = "said"
"""In the live folder."""
MAX_UNHEARD = 200
"""Sayings that may wait for the daemon, which hears them within a second. Chosen, not
tuned."""
MAX_TARGETS = 100
"""Targets of one run: more time points than anybody measures. Chosen, not tuned."""
MAX_DELAY_S = 1e6
"""Longest delay of a target, in s: eleven days."""
NOT_NORMAL = (
    "its level can be taken as the normal one once it stood for 30 s, and only of an "
    "alarm that has a level: not of an age, a lag or a rule"
)
NOBODY = "page"
"""Who said it, where nobody signs in."""


@dataclass(frozen=True)
class SeenBody:
    """Who has seen an alarm; whoever is signed in is that, whatever is sent."""

    by: Annotated[str, Field(min_length=1, max_length=100)] = NOBODY


@dataclass(frozen=True)
class TargetBody:
    """Indexed images that are wanted of one time point."""

    delay: Annotated[
        float, Field(strict=True, allow_inf_nan=False, ge=0, le=MAX_DELAY_S)
    ]
    """s."""
    indexed: Annotated[int, Field(strict=True, ge=1, le=MAX_IMAGES)]


Targets = Annotated[list[TargetBody], Field(min_length=1, max_length=MAX_TARGETS)]
_SEEN = TypeAdapter(SeenBody)
_TARGETS: TypeAdapter[list[TargetBody]] = TypeAdapter(Targets)


class Sayings:
    """Takes what people say.

    Args:
        reading: Knows the folders, and the journal.
        feed: Knows whether a daemon hears.
        moments: Knows the alarms.
    """

    def __init__(self, reading: Reading, feed: Feed, moments: Moments) -> None:
        self._reading = reading
        self._feed = feed
        self._moments = moments

    async def seen(self, request: Request) -> Response:
        """`POST /api/v1/alarms/{alarm}/seen`."""
        alarm, by = await self._alarm(request)
        said = {"what": "seen", "alarm": alarm.id, "by": by}
        return await self._passed_on(request, [said])

    async def normal(self, request: Request) -> Response:
        """`POST /api/v1/alarms/{alarm}/normal`."""
        alarm, by = await self._alarm(request)
        if not alarm.can_be_normal:
            text = f"alarm {alarm.id}: {NOT_NORMAL}"
            raise ProblemError(HTTPStatus.CONFLICT, "not-normal", text)
        said = {"what": "normal", "alarm": alarm.id, "by": by}
        return await self._passed_on(request, [said])

    async def _alarm(self, request: Request) -> tuple[LiveAlarm, str]:
        """The alarm that is meant, and who says something of it."""
        self._check_who(request)
        body = await body_of(request, _SEEN)
        name = request.path_params["alarm"]
        if not is_name(body.by):
            text = "by: a name has no control characters"
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "body", text)
        by = self._by(request, body.by)
        for alarm in await self._moments.standing(access_of(request)):
            if alarm.id == name:
                return alarm, by
        text = f"no alarm {name[:100]!r} stands; /api/v1/alarms lists them"
        raise ProblemError(HTTPStatus.NOT_FOUND, "no-alarm", text)

    async def targets(self, request: Request) -> Response:
        """`POST /api/v1/runs/{uid}/targets`."""
        self._check_who(request)
        body = await body_of(request, _TARGETS)
        name, access = request.path_params["uid"], access_of(request)
        run = await self._reading.ask(lambda j: access.named(j, name))
        if run.sealed:
            text = f"run {run.number} is over: no further images come; set targets of "
            text += "a run that goes on, or in the next announcement"
            raise ProblemError(HTTPStatus.CONFLICT, "run-over", text)
        by = self._by(request, NOBODY)
        return await self._passed_on(
            request,
            [
                {
                    "what": "target",
                    "run": run.uid,
                    "delay_s": target.delay,
                    "indexed": target.indexed,
                    "by": by,
                }
                for target in body
            ],
        )

    @staticmethod
    def _by(request: Request, told: str) -> str:
        """Who says it: whoever is signed in, else as they tell."""
        caller = caller_of(request)
        return told if caller.kind is Kind.OPEN else caller.login

    def _check_who(self, request: Request) -> None:
        """Without sign-in only people on this host, or at the end of its tunnel."""
        if caller_of(request).kind is not Kind.OPEN:
            return
        peer = request.client.host if request.client else ""
        proxied = {"forwarded", "x-forwarded-for"} & set(request.headers)
        if not is_loopback_address(peer) or proxied:
            text = "without sign-in only people on the recorder's host may say this"
            raise ProblemError(HTTPStatus.FORBIDDEN, "not-here", text)

    async def _passed_on(self, request: Request, said: Sequence[Json]) -> Response:
        if self._feed.now_state.daemon != "ok":
            text = "no daemon runs that would hear it; see /api/v1/status"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "no-daemon", text)
        folder = self._reading.place.live / FOLDER
        await self._reading.run(lambda: _write(folder, said))
        log.info(
            "said",
            what=said[0]["what"],
            of=said[0].get("run") or said[0].get("alarm"),
            count=len(said),
            by=said[0]["by"],
            peer=request.client.host if request.client else None,
        )
        body = encoded(Said(len(said)))
        return Response(body, HTTPStatus.ACCEPTED, media_type="application/json")


def _write(folder: Path, said: Sequence[Json]) -> None:
    """A file for each.

    Raises:
        ProblemError: Too many wait, or the folder cannot be written.
    """
    try:
        folder.mkdir(mode=0o770, exist_ok=True)
        if sum(1 for _ in folder.iterdir()) + len(said) > MAX_UNHEARD:
            text = "the daemon has not heard what was said before; ask again later"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "unheard", text)
        for one in said:
            body = json.dumps({**one, "time_ns": time.time_ns()}).encode()
            replace_file(folder / f"{secrets.token_hex(12)}.json", body)
    except OSError as error:
        text = f"{folder}: cannot be written: {error.strerror}; check its owner"
        status = HTTPStatus.SERVICE_UNAVAILABLE
        raise ProblemError(status, "unheard", text) from error
