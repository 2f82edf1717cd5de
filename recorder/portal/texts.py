"""Values of a portal's JSON as they are let in: texts, numbers, dates."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, ValidationInfo

from recorder.foreign_text import cleaned, is_name
from recorder.ispyb.schema.people_tables import EXTERNAL_ID_BYTES

_WHEN = re.compile(
    r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?(?P<zone>[Zz]|[+-]\d\d:?\d\d)?)?"
)
_FIRST_YEAR = 1000
"""What a DATETIME column of MariaDB begins with."""
ROLES = (
    "Local Contact",
    "Local Contact 2",
    "Staff",
    "Team Leader",
    "Co-Investigator",
    "Principal Investigator",
    "Alternate Contact",
)
"""Roles of a person in a session, as all flavours have them."""
STATES = ("Open", "Closed", "Cancelled")
"""States of a proposal, as all flavours have them."""


@dataclass(slots=True)
class Reading:
    """How values are read, and what was noticed on the way."""

    zone: ZoneInfo | None = None
    """Of the facility; None: the host's."""
    convert: bool = True
    """Whether dates with a zone are converted; else the zone is dropped."""
    naive: int = 0
    """Dates that had no zone."""
    dropped: int = 0
    """Dates whose zone was dropped."""
    ignored: set[str] = field(default_factory=set)
    """Keys that mean nothing to us."""


def _line(value: Any) -> Any:
    """Text on one line; a number that should be text, as some portals send it."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return value
    if not value.isprintable() and not is_name(value):
        raise ValueError("has control characters, or is no Unicode text")
    return value.strip()


def _prose(value: Any) -> Any:
    """Text that may have several lines."""
    if not isinstance(value, str):
        return _line(value)
    text = value.replace("\r\n", "\n")
    if cleaned(text) != text:
        raise ValueError("has control characters, or is no Unicode text")
    return text.strip()


def _no_truth(value: Any) -> Any:
    """True is no number, although Python says so."""
    if isinstance(value, bool):
        raise ValueError("is no number")
    return value


def _one_of(choices: tuple[str, ...]) -> Callable[[Any], Any]:
    by_name = {choice.casefold(): choice for choice in choices}

    def check(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        found = by_name.get(value.strip().casefold())
        if found is None:
            raise ValueError(f"is none of {', '.join(choices)}")
        return found

    return check


def when(value: Any, info: ValidationInfo) -> Any:
    """Naive local time with whole seconds of an RFC 3339 date.

    Raises:
        ValueError: It is none, or no column can hold it.
    """
    if not isinstance(value, str):
        raise ValueError("is no date such as 2026-11-28T09:00:00+01:00")
    reading = info.context
    if not isinstance(reading, Reading):
        raise TypeError("a Reading belongs into the context")
    text = value.strip()
    match = _WHEN.fullmatch(text)
    try:
        moment = datetime.fromisoformat(text.upper()) if match else None
        if match is None or moment is None:
            raise ValueError
        moment = moment.replace(microsecond=0)
        if moment.tzinfo is None:
            reading.naive += 1
        elif reading.convert:
            moment = moment.astimezone(reading.zone)
        else:
            reading.dropped += 1
    except (ValueError, OverflowError) as error:
        text = "is no date such as 2026-11-28T09:00:00+01:00"
        raise ValueError(text) from error
    if moment.year < _FIRST_YEAR:
        raise ValueError(f"lies before the year {_FIRST_YEAR}")
    return moment.replace(tzinfo=None)


def external_bytes(number: int) -> bytes:
    """An external id as its column holds it: most significant byte first."""
    return number.to_bytes(EXTERNAL_ID_BYTES, "big")


def external_number(value: bytes | None) -> str:
    """An external id for people."""
    return "none" if value is None else str(int.from_bytes(value, "big"))


Line = Annotated[str, BeforeValidator(_line)]
Prose = Annotated[str, BeforeValidator(_prose)]
Whole = Annotated[int, BeforeValidator(_no_truth)]
Flag = Annotated[int, Field(ge=0, le=1)]
Number = Annotated[float, BeforeValidator(_no_truth)]
ExternalId = Annotated[
    int, BeforeValidator(_no_truth), Field(ge=0, lt=1 << 8 * EXTERNAL_ID_BYTES)
]
When = Annotated[datetime, BeforeValidator(when)]
State = Annotated[str, BeforeValidator(_one_of(STATES))]
Role = Annotated[str, BeforeValidator(_one_of(ROLES))]
