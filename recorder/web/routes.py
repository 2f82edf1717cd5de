"""Addresses with what they need: none can be added that forgets to ask."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from recorder.errors import RecorderError
from recorder.records.access import Scope
from recorder.web.access import Gate
from recorder.web.beat import on_the_beat
from recorder.web.callers import caller_of
from recorder.web.problems import as_problem

Answer = Callable[[Request], Awaitable[Response]]
PUBLIC = None
"""Instead of a scope: whoever reaches this process may ask. A test lists them."""
Table = Mapping[str, tuple[Answer, Scope | None]]
"""By path: what answers, and the scope that it takes."""


@dataclass(frozen=True, slots=True)
class Need:
    """What an address takes; kept with its route for those who ask what is public."""

    scope: Scope | None


def routes(gate: Gate, method: str, table: Table) -> list[Route]:
    """Routes that let nobody through without what they need.

    Args:
        gate: Lets through.
        method: Of HTTP.
        table: The addresses.
    """
    return [
        _Guarded(path, answer, method, Need(scope), gate)
        for path, (answer, scope) in table.items()
    ]


class _Guarded(Route):
    """A route behind the gate."""

    def __init__(
        self, path: str, answer: Answer, method: str, need: Need, gate: Gate
    ) -> None:
        async def asked(request: Request) -> Response:
            if need.scope is None:
                return await answer(request)
            began = time.monotonic()
            gate.admit(request, need.scope)
            try:
                found = await answer(request)
            except RecorderError as error:
                if as_problem(error).status == HTTPStatus.NOT_FOUND:
                    await on_the_beat(caller_of(request).rights, began)
                raise
            if found.status_code == HTTPStatus.NOT_FOUND:
                await on_the_beat(caller_of(request).rights, began)
            return found

        super().__init__(path, asked, methods=[method], name=answer.__name__)
        self.need = need


def need_of(route: BaseRoute) -> Need:
    """What a route takes.

    Raises:
        TypeError: It was made without saying so: it must not be served.
    """
    if isinstance(route, _Guarded):
        return route.need
    if isinstance(route, Mount):
        return Need(PUBLIC)  # files of the page: nothing of any run is in them
    raise TypeError(f"{route} says not what it needs; make it with routes()")


def checked(found: Iterable[BaseRoute]) -> list[BaseRoute]:
    """The routes, each of which says what it needs.

    Raises:
        TypeError: One does not.
    """
    listed = list(found)
    for route in listed:
        need_of(route)
    return listed
