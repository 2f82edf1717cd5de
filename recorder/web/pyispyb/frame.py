"""The addresses of the API as routes: rights, parameters, database, answers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from recorder.errors import RecorderError
from recorder.ispyb.people.reading import DatabaseAwayError
from recorder.ispyb.reading.tables import Tables
from recorder.web.access import Gate
from recorder.web.answers import JSON, content
from recorder.web.beat import on_the_beat
from recorder.web.callers import caller_of
from recorder.web.problems import ProblemError
from recorder.web.pyispyb import problems
from recorder.web.pyispyb.call import After, Asked, Call, Page, Services
from recorder.web.pyispyb.database import Database
from recorder.web.pyispyb.parameters import values_of
from recorder.web.pyispyb.root import ROOT
from recorder.web.routes import routes


class Frame:
    """Makes routes of calls.

    Args:
        database: What they read.
        services: What they are given beside.
    """

    def __init__(self, database: Database, services: Services) -> None:
        self._database = database
        self._services = services

    def routes(self, gate: Gate, calls: Iterable[Call]) -> list[Route]:
        """One route for each, in their order."""
        return [
            route
            for call in calls
            for route in routes(
                gate,
                call.method,
                {f"{ROOT}{call.path}": (self.answering(call), call.scope)},
            )
        ]

    def answering(self, call: Call) -> Callable[[Request], Any]:
        """What answers the requests of a call."""

        async def answer(request: Request) -> Response:
            began = time.monotonic()
            try:
                admit(request, call)
                asked = await self._asked(request, call)
                found = await self._found(call, asked)
            except DatabaseAwayError as error:
                self._database.tell(error)
                return problems.of(AWAY)
            except RecorderError as error:
                return problems.of(error)
            if call.reads is not None and is_nothing(found):
                await on_the_beat(caller_of(request).rights, began)
            return shaped(request, call, found)

        return answer

    async def _asked(self, request: Request, call: Call) -> Asked:
        values = values_of(request, call.parameters)
        body = None if call.body is None else await _body(request, call.body)
        return Asked(request, values, body, self._services)

    async def _found(self, call: Call, asked: Asked) -> Any:
        if call.does is not None:
            return await call.does(asked)
        reads = call.reads
        if reads is None:
            raise TypeError(f"{call.path}: nothing answers it")

        def read(tables: Tables) -> Any:
            return reads(asked, tables)

        found = await self._database.ask(read)
        return (
            await self._database.run(found.work) if isinstance(found, After) else found
        )


AWAY = ProblemError(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "database",
    "the database cannot be read now; try again in a moment, and if it stays so tell "
    "those who run the recorder: its log has the reason",
)


def admit(request: Request, call: Call) -> None:
    """See that somebody has the permission of a call; the gate looked at its scope.

    Raises:
        ProblemError: They have not.
    """
    if call.permission is None:
        return
    if not caller_of(request).rights.may(call.permission):
        text = f"the permission {call.permission} is needed"
        raise ProblemError(HTTPStatus.FORBIDDEN, "permission", text)


def is_nothing(found: Any) -> bool:
    """Whether an answer says that nothing was found: it has entries of nothing."""
    if isinstance(found, Page):
        return found.total == 0
    if is_dataclass(found):
        return not any(getattr(found, one.name) for one in fields(found))
    return not isinstance(found, Response) and not found


def shaped(request: Request, call: Call, found: Any) -> Response:
    """An answer as declared."""
    if isinstance(found, Response):
        return found
    if call.status == HTTPStatus.NO_CONTENT:
        return Response(None, call.status, {"cache-control": "no-store"})
    body = _encoded(call, found)
    if call.method == "GET":
        return content(request, body, JSON)
    return Response(body, call.status, {"cache-control": "no-store"}, JSON)


def _encoded(call: Call, found: Any) -> bytes:
    adapter = adapter_of(call.returns)
    try:
        return adapter.dump_json(
            found, by_alias=True, exclude_none=call.without_null, warnings="error"
        )
    except PydanticSerializationError:  # half a character in a text of the database
        plain = adapter.dump_python(
            found, by_alias=True, exclude_none=call.without_null
        )
        return to_json(_whole(plain), inf_nan_mode="null")


def _whole(value: Any) -> Any:
    """The same with escapes for what is no character."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(item) for item in value]
    return value


@lru_cache
def adapter_of(kind: Any) -> TypeAdapter[Any]:
    """What encodes a type."""
    return TypeAdapter(kind)


async def _body(request: Request, kind: Any) -> Any:
    """The JSON that was sent, checked; whatever its declared media type is."""
    sent = await request.body()
    try:
        json.loads(sent)
        return adapter_of(kind).validate_json(sent)
    except ValidationError as error:
        raise problems.of_body(error) from error
    except (ValueError, RecursionError) as error:
        item = problems.FieldProblem(("body",), "is no JSON", "json_invalid")
        raise problems.RequestError((item,)) from error
