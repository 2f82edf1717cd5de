"""Times as people write them, and as Unix nanoseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from recorder.errors import shown

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d):(\d\d)(?:[.,](\d+))?"
    r"([Zz]|[+-]\d\d(?::?\d\d)?)",
    re.ASCII,
)
_DAY_S = 86_400
"""Seconds of a day of Unix time, which knows no leap seconds."""


def parse_time(text: str) -> int:
    """Unix ns of an RFC 3339 time with zone and any number of decimals.

    A zone may also be written as ISO 8601 has it without colon (``+0100``, ``+01``). A
    leap second (``23:59:60Z``) is, as in Unix time, the same as the second after it.

    Raises:
        ValueError: It is none, has no zone, or is no 64-bit number of ns.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{shown(text)} is no RFC 3339 time with zone, such as "
            "2026-11-23T18:30:00.123456789+01:00"
        )
    date, minute, second, fraction, zone = match.groups()
    leap = second == "60"
    whole = datetime.fromisoformat(
        f"{date}T{minute}:{'59' if leap else second}{zone.upper().replace('Z', '+00')}"
    )
    seconds = int((whole - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) + leap
    if leap and seconds % _DAY_S:
        raise ValueError(f"{shown(text)}: no minute has a second 60 but 23:59 UTC")
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


def span_text(seconds: float, digits: int = 4, micro: str = "µ") -> str:
    """A span of time in the unit that suits it.

    Args:
        seconds: It.
        digits: Significant ones; of nanoseconds four at most.
        micro: Sign of a millionth, for what knows only ASCII.
    """
    for unit, scale in (("s", 1.0), ("ms", 1e-3), (f"{micro}s", 1e-6)):
        if abs(seconds) >= scale:
            return f"{seconds / scale:.{digits}g} {unit}"
    return f"{seconds * 1e9:.4g} ns" if seconds else "0 s"


def ticks_to_ns(ticks: int, hz: int) -> int:
    """Time of a rational clock, by integers only (rounded down).

    Raises:
        ZeroDivisionError: ``hz`` is 0.
    """
    return ticks * 10**9 // hz
