"""Values of rows as their columns' types promise them; what is none of that is None.

Old rows hold what a lax server took: zero dates, text in place of numbers, nothing
where something must be. Drivers hand such values over as text, or bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import DateTime, Float, Integer, String
from sqlalchemy.types import TypeEngine


def as_text(value: Any) -> str | None:
    """A text, whatever it was stored as."""
    if isinstance(value, bytes | bytearray | memoryview):
        raw = bytes(value)
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode("latin-1")
    return None if value is None else str(value)


def as_float(value: Any) -> float | None:
    """A finite number; None for text that is none."""
    if isinstance(value, bytes | bytearray | memoryview):
        value = as_text(value)
    if not isinstance(value, int | float | Decimal | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def as_whole(value: Any) -> int | None:
    """A whole number; None for what is none."""
    if isinstance(value, int):
        return int(value)
    found = as_float(value)
    if found is None or not found.is_integer():
        return None
    try:
        return int(as_text(value) or "")
    except ValueError:
        return int(found)


def as_time(value: Any) -> datetime | None:
    """A naive time; None for the zero date, for a part of a date, and for other text.

    A zone, which no column of ISPyB has, is dropped.
    """
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001
    text = (as_text(value) or "").strip()
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None


_READERS: tuple[tuple[type[TypeEngine[Any]], Callable[[Any], Any]], ...] = (
    (DateTime, as_time),
    (Integer, as_whole),
    (Float, as_float),
    (String, as_text),
)


def read_value(kind: TypeEngine[Any], value: Any) -> Any:
    """A value of a column of this type; None if it is none."""
    for known, reader in _READERS:
        if isinstance(kind, known):
            return reader(value)
    return value
