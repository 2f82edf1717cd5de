"""Moments as people say them: ``10m``, ``14:30``, ``2026-11-28 03:00``."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from recorder.errors import UsageError, shown

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment_of(text: str, now: datetime) -> datetime:
    """A moment.

    Args:
        text: A span before now (``30s``, ``10m``, ``2h``, ``3d``), a time of today, or
            a date with or without time and zone.
        now: With zone; what has none is of that.

    Raises:
        UsageError: It is none.
    """
    told = text.strip()
    try:
        if match := re.fullmatch(r"(\d{1,9}) ?([smhd])(in)?", told, re.ASCII):
            return now - timedelta(**{_UNITS[match[2]]: int(match[1])})
        if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", told, re.ASCII):
            parts = [int(part) for part in told.split(":")]
            hour, minute, second = (*parts, 0)[:3]
            return now.replace(hour=hour, minute=minute, second=second, microsecond=0)
        found = datetime.fromisoformat(told)
        return found if found.tzinfo else found.replace(tzinfo=now.tzinfo)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{shown(text)} is no moment: give 10m, 2h, 3d, 14:30 or 2026-11-28 14:30"
        ) from error
