"""Times as people write them, and as Unix nanoseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from recorder.errors import shown

_RFC3339 = re.compile(
    r"^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)$"
)


def parse_time(text: str) -> int:
    """Unix ns of an RFC 3339 time with zone and any number of decimals.

    Raises:
        ValueError: It is none, has no zone, or is no 64-bit number of ns.
    """
    match = _RFC3339.match(text)
    if match is None:
        raise ValueError(
            f"{shown(text)} is no RFC 3339 time with zone, such as "
            "2026-11-23T18:30:00.123456789+01:00"
        )
    date, clock, fraction, zone = match.groups()
    whole = datetime.fromisoformat(
        f"{date}T{clock}{zone.upper().replace('Z', '+00:00')}"
    )
    seconds = int((whole - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    nanoseconds = seconds * 10**9 + int((fraction or "0").ljust(9, "0")[:9])
    if not -(2**63) <= nanoseconds < 2**63:
        raise ValueError(f"{shown(text)} lies outside of the years 1678 to 2261")
    return nanoseconds


def iso(time_ns: int | None) -> str | None:
    """A time for people and programs: RFC 3339 with zone and microseconds."""
    if time_ns is None:
        return None
    moment = datetime.fromtimestamp(time_ns // 1000 / 1e6, UTC)
    return moment.astimezone().isoformat(timespec="microseconds")


def ticks_to_ns(ticks: int, hz: int) -> int:
    """Time of a rational clock, by integers only (rounded down).

    Raises:
        ZeroDivisionError: ``hz`` is 0.
    """
    return ticks * 10**9 // hz
