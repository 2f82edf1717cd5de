"""What may stand in an address, declared: read by it, and described by it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from starlette.requests import Request

from recorder.errors import shown
from recorder.records import Json
from recorder.web.pyispyb.problems import FieldProblem, RequestError

SESSION = r"(\w|-)+\d+-\d+"
"""Name of a session: code and number of its proposal, number of the visit."""
PROPOSAL = r"(\w|-)+\d+"
"""Name of a proposal: its code, which may hold digits, dashes and underscores, and its
number."""
MAX_NAME = 100
"""Characters of a name: ISPyB's columns of code and number have 45 each."""
MAX_SEARCH = 200
"""Characters of what is searched for: ISPyB's longest title. Chosen, not tuned."""
MAX_ID = 2**31 - 1
"""Largest id of ISPyB, whose keys are of type INT."""
MAX_SKIP = 10**9
"""Rows that may be left out: more than any table has. Chosen, not tuned."""
MAX_IDS = 1000
"""Ids in one request: a group has 100 runs. Chosen, not tuned."""
LIMIT = 25
"""Entries of one answer where no limit is given: py-ISPyB's."""
MAX_LIMIT = 1000
"""Entries of one answer at most; py-ISPyB's page asks for up to 9999, and is given
these. Chosen, not tuned: 1000 events cost about 0.2 s."""
MAX_DIGITS = 19
"""Digits of a number that is read at all: more are out of every range here."""
YES, NO = ("true", "1", "on", "yes", "t", "y"), ("false", "0", "off", "no", "f", "n")
"""As FastAPI, and so py-ISPyB, reads them."""
_DIGITS = re.compile(rf"[+-]?[0-9]{{1,{MAX_DIGITS}}}")
_IDS = re.compile(r"[0-9]{1,10}(,[0-9]{1,10})*")
_LISTED = re.compile(r"\[\s*([0-9]{1,10}(\s*,\s*[0-9]{1,10})*)?\s*\]")


class _NotOneError(ValueError):
    """Why a text is no such value."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter."""

    name: str
    about: str
    read: Callable[[str], Any]
    schema: Json
    place: Literal["query", "path"] = "query"
    required: bool = False
    default: Any = None

    def described(self) -> Json:
        """As OpenAPI has it."""
        schema = dict(self.schema)
        if "pattern" in schema and self.place == "query" and not self.required:
            pattern = schema["pattern"].removeprefix("^").removesuffix("$")
            schema["pattern"] = f"^({pattern})?$"  # empty is as if it were not given
        if self.default is not None:
            schema["default"] = self.default
        return {
            "name": self.name,
            "in": self.place,
            "required": self.required or self.place == "path",
            "description": self.about,
            "schema": schema,
        }


def whole(
    name: str, about: str, low: int = 0, high: int = MAX_ID, **more: Any
) -> Parameter:
    """A whole number."""

    def read(text: str) -> int:
        if _DIGITS.fullmatch(text) is None or not low <= int(text) <= high:
            raise _NotOneError(f"is a whole number from {low} to {high}")
        return int(text)

    schema = {"type": "integer", "minimum": low, "maximum": high}
    return Parameter(name, about, read, schema, **more)


def text(
    name: str,
    about: str,
    pattern: str | None = None,
    most: int = MAX_NAME,
    **more: Any,
) -> Parameter:
    """A text, of a pattern."""
    compiled = None if pattern is None else re.compile(pattern, re.ASCII)

    def read(given: str) -> str:
        if len(given) > most:
            raise _NotOneError(f"has at most {most} characters")
        if compiled is not None and compiled.fullmatch(given) is None:
            raise _NotOneError(f"is of the form ^{pattern}$")
        if "\0" in given:
            raise _NotOneError("holds no NUL")
        return given

    schema: Json = {"type": "string", "maxLength": most}
    if pattern is not None:
        schema["pattern"] = f"^{pattern}$"
    return Parameter(name, about, read, schema, **more)


def word(name: str, about: str, choices: tuple[str, ...], **more: Any) -> Parameter:
    """One word out of those that are known."""

    def read(given: str) -> str:
        if given not in choices:
            raise _NotOneError(f"is one of {', '.join(choices)}")
        return given

    return Parameter(
        name, about, read, {"type": "string", "enum": list(choices)}, **more
    )


def flag(name: str, about: str, **more: Any) -> Parameter:
    """True or false."""

    def read(given: str) -> bool:
        if given.lower() not in YES + NO:
            raise _NotOneError("is true or false")
        return given.lower() in YES

    return Parameter(name, about, read, {"type": "boolean"}, **more)


def ids(name: str, about: str, **more: Any) -> Parameter:
    """Ids, as ``1,2,3``."""

    def read(given: str) -> tuple[int, ...]:
        if _IDS.fullmatch(given) is None:
            raise _NotOneError("is of the form 1,2,3")
        return _bounded(given)

    schema = {"type": "string", "pattern": r"^\d+(,\d+)*$"}
    return Parameter(name, about, read, schema, **more)


def listed(name: str, about: str, **more: Any) -> Parameter:
    """Ids, as a list of JSON: ``[1,2]``."""

    def read(given: str) -> tuple[int, ...]:
        if _LISTED.fullmatch(given) is None:
            raise _NotOneError("is of the form [1,2]")
        return _bounded(given.strip("[] \t\r\n"))

    schema = {"type": "string", "pattern": r"^\[\s*(\d+(\s*,\s*\d+)*)?\s*\]$"}
    return Parameter(name, about, read, schema, **more)


def _bounded(given: str) -> tuple[int, ...]:
    """Each id once, in the order given."""
    found = tuple(dict.fromkeys(int(part) for part in given.split(",") if part))
    if len(found) > MAX_IDS:
        raise _NotOneError(f"has at most {MAX_IDS} ids")
    if any(item > MAX_ID for item in found):
        raise _NotOneError(f"holds ids up to {MAX_ID}")
    return found


def _limit() -> Parameter:
    """Any number above 0; more than are given is no mistake."""

    def read(given: str) -> int:
        if _DIGITS.fullmatch(given) is None or int(given) < 1:
            raise _NotOneError("is a whole number above 0")
        return min(int(given), MAX_LIMIT)

    return Parameter(
        "limit",
        f"How many at most; {MAX_LIMIT} are given where more are asked for.",
        read,
        {"type": "integer", "minimum": 1},
        default=LIMIT,
    )


PAGING = (
    whole("skip", "How many to leave out.", 0, MAX_SKIP, default=0),
    _limit(),
)
"""Of each list."""


def values_of(request: Request, declared: tuple[Parameter, ...]) -> Mapping[str, Any]:
    """The parameters of a request; those that nobody declared are nobody's business.

    Raises:
        RequestError: One is missing, or cannot be read.
    """
    found: dict[str, Any] = {}
    problems: list[FieldProblem] = []
    for one in declared:
        given = (
            request.path_params.get(one.name)
            if one.place == "path"
            else request.query_params.get(one.name)
        )
        if not given:  # a page leaves a filter empty that it does not use
            found[one.name] = one.default
            if one.required or one.place == "path":
                where = (one.place, one.name)
                problems.append(FieldProblem(where, "field required", "missing"))
            continue
        try:
            found[one.name] = one.read(given)
        except _NotOneError as error:
            said = f"{one.name} {error}, not {shown(given)}"
            problems.append(FieldProblem((one.place, one.name), said, "value_error"))
    if problems:
        raise RequestError(tuple(problems))
    return found
