"""What comes in a request's address and body, read strictly."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request

from recorder.errors import shown
from recorder.web.problems import ProblemError

T = TypeVar("T")
_NUMBER = re.compile(r"[0-9]{1,18}")
"""What the journal counts with: 18 digits are less than 2^63."""


def number(
    request: Request, name: str, default: T, low: int = 0, high: int = 10**18
) -> int | T:
    """A whole number of the query.

    Args:
        request: Has it, or not.
        name: Of the parameter.
        default: Where it is not given.
        low: Least value.
        high: Largest value.

    Raises:
        ProblemError: It is none, or out of range.
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    return whole(text, name, low, high)


def whole(text: str, name: str, low: int = 0, high: int = 10**18) -> int:
    """A whole number; as :func:`number`."""
    if _NUMBER.fullmatch(text) is None or not low <= int(text) <= high:
        detail = f"{name} is a whole number from {low} to {high}, not {shown(text)}"
        raise ProblemError(HTTPStatus.BAD_REQUEST, "parameter", detail)
    return int(text)


def one_of(request: Request, name: str, known: tuple[str, ...]) -> str | None:
    """A word of the query out of those that are known; None where it is not given.

    Raises:
        ProblemError: It is another one.
    """
    text = request.query_params.get(name)
    if text is not None and text not in known:
        detail = f"{name} is one of {', '.join(known)}, not {shown(text)}"
        raise ProblemError(HTTPStatus.BAD_REQUEST, "parameter", detail)
    return text


async def body_of(request: Request, adapter: TypeAdapter[T]) -> T:
    """The JSON that was sent.

    Raises:
        ProblemError: It is none, or not what is read here.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        detail = "send it as Content-Type: application/json"
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "media-type", detail)
    try:
        return adapter.validate_json(await request.body())
    except ValidationError as error:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "body", _first(error)
        ) from error


def _first(error: ValidationError) -> str:
    item: Any = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(map(str, item["loc"])) or "the body"
    return f"{where}: {item['msg']}"[:500]
