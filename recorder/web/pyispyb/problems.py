"""What is answered where something cannot be: as py-ISPyB has it, ``{"detail": …}``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from recorder.errors import RecorderError
from recorder.web.problems import ASK_AGAIN, RETRY_S, ProblemError, as_problem

MAX_TEXT = 500
"""Characters of what is said of one part of a request. Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class Detail:
    """Why there is no answer."""

    detail: str


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one part of a request."""

    loc: tuple[str | int, ...]
    """Where: ``query``, ``path`` or ``body``, and the name."""
    msg: str
    type: str


@dataclass(frozen=True, slots=True)
class Refused:
    """What cannot be read in a request."""

    detail: tuple[FieldProblem, ...]


class RequestError(RecorderError):
    """A request of which parts cannot be read.

    Attributes:
        problems: One for each part.
    """

    def __init__(self, problems: tuple[FieldProblem, ...]) -> None:
        super().__init__("; ".join(f"{p.loc[-1]}: {p.msg}" for p in problems))
        self.problems = problems


def missing(what: str) -> ProblemError:
    """Nothing of that kind is there, or nothing that this caller may see."""
    return ProblemError(HTTPStatus.NOT_FOUND, "not-found", f"{what} not found")


def of_body(error: ValidationError) -> RequestError:
    """What is wrong with a body; what was sent is not sent back."""
    items = error.errors(include_url=False, include_context=False, include_input=False)
    return RequestError(
        tuple(
            FieldProblem(
                ("body", *item["loc"]), item["msg"][:MAX_TEXT], str(item["type"])
            )
            for item in items
        )
    )


def of(error: RecorderError) -> Response:
    """The answer to a request that met an error of ours."""
    if isinstance(error, RequestError):
        return _answer(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            [
                {"loc": list(item.loc), "msg": item.msg, "type": item.type}
                for item in error.problems
            ],
        )
    problem = as_problem(error)
    return _answer(problem.status, str(problem), problem.headers)


def of_http(error: HTTPException, allowed: str = "") -> Response:
    """The same for what the router refuses: no such address, no such method.

    Args:
        error: The router's.
        allowed: Methods of the address, if it has any.
    """
    status = HTTPStatus(error.status_code)
    headers = dict(error.headers or {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED and allowed:
        headers["allow"] = allowed
        headers.pop("Allow", None)
    return _answer(status, status.phrase, headers)


def _answer(
    status: HTTPStatus, detail: Any, more: Mapping[str, str] | None = None
) -> Response:
    headers = {"cache-control": "no-store"}
    if status in ASK_AGAIN:
        headers["retry-after"] = str(RETRY_S)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    headers |= more or {}
    body = json.dumps({"detail": detail})
    return Response(body, status, headers, "application/json")
