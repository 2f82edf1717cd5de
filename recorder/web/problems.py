"""Problems as RFC 9457 has them: what is wrong, and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from recorder.errors import (
    JournalError,
    NoSuchRunError,
    RecorderError,
    ReportError,
)

MEDIA_TYPE = "application/problem+json"
RETRY_S = 2
"""Seconds after which a client may ask again what cannot be answered now: a journal is
migrated or restored in about that time. Chosen, not tuned."""
ASK_AGAIN = (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)
DEFECT = "a defect of the recorder: its log has the details; please report it"


class ProblemError(RecorderError):
    """A request that cannot be answered.

    Attributes:
        status: Of HTTP.
        kind: Short fixed word, the end of the problem's ``type``.
        headers: Sent with the answer.
    """

    def __init__(
        self,
        status: HTTPStatus,
        kind: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.headers = headers or {}


def as_problem(error: RecorderError) -> ProblemError:
    """What an error of ours is to those who asked."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, NoSuchRunError):
        return ProblemError(HTTPStatus.NOT_FOUND, "not-found", str(error))
    if isinstance(error, JournalError):
        return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "journal", str(error))
    kind = "report" if isinstance(error, ReportError) else "unreadable"
    return ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, kind, str(error))


def answer(
    status: HTTPStatus, kind: str, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    """A problem as an answer."""
    body = {
        "type": f"urn:ssx-recorder:problem:{kind}",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
    }
    more = {"retry-after": str(RETRY_S)} if status in ASK_AGAIN else {}
    return Response(
        json.dumps(body),
        status,
        {"cache-control": "no-store", **more, **(headers or {})},
        MEDIA_TYPE,
    )


def of(error: RecorderError) -> Response:
    """The answer to a request that met an error of ours."""
    problem = as_problem(error)
    return answer(problem.status, problem.kind, str(problem), problem.headers)


def of_http(request: Request, error: Exception) -> Response:
    """The same for what the router refuses: no such path, no such method."""
    status, headers = HTTPStatus.INTERNAL_SERVER_ERROR, None
    if isinstance(error, HTTPException):
        status, headers = HTTPStatus(error.status_code), error.headers
    detail = {
        HTTPStatus.NOT_FOUND: "there is nothing at this address; /api/v1/openapi.json "
        "lists all",
        HTTPStatus.METHOD_NOT_ALLOWED: "this address cannot be asked in that way",
    }.get(status, status.description)
    return answer(status, "http", detail, headers)
