"""``time_ns`` that holds another unit than nanoseconds."""

from __future__ import annotations

from typing import Any

from recorder.errors import BadMessageError

_UNITS = (("seconds", 10**9), ("milliseconds", 10**6), ("microseconds", 10**3))
_FROM_S, _UNTIL_S = 946_684_800, 4_102_444_800
"""Unix seconds of the years 2000 and 2100: a time between them in another unit is none
that anybody sends in nanoseconds (1970-01-01 to 1970-02-17)."""


def check_unit(topic: str, item: dict[str, Any]) -> None:
    """Refuse a ``time_ns`` that is today in another unit, and 1970 in its own.

    An event of a named clock is let pass: that clock may count from any moment.

    Args:
        topic: For the message.
        item: One object of a message.

    Raises:
        BadMessageError: Its unit is evident, and is not the nanosecond.
    """
    value = item.get("time_ns")
    named = topic == "event" and item.get("clock") is not None
    if not isinstance(value, int) or isinstance(value, bool) or named:
        return
    for unit, size_ns in _UNITS:
        if _FROM_S <= value * size_ns / 10**9 < _UNTIL_S:
            raise BadMessageError(
                "time_unit",
                f"{topic}: time_ns {value} is January or February 1970 in nanoseconds; "
                f"it looks like {unit}: send {value * size_ns}, or time (RFC 3339)",
            )
