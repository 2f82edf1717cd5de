"""Checks that both stream versions make before an image is believed."""

from __future__ import annotations

import math
from typing import Any

from recorder.errors import BadMessageError, CorruptImageError, shown
from recorder.records import DetectorInfo
from recorder.records.limits import MAX_IMAGES, MAX_NAME

MAX_ID = 2**63 - 1
"""Largest id: the journal's columns have 64 bits and a sign."""


def require_id(value: Any, name: str) -> int:
    """An id is an integer from 0; booleans, strings and floats are not.

    Raises:
        BadMessageError: It is none; counted as ``bad_id``.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadMessageError(
            "bad_id", f"{name} is {shown(value)}, expected an integer"
        )
    if not 0 <= value <= MAX_ID:
        raise BadMessageError(
            "bad_id", f"{name} is {shown(value)}, expected 0 to {MAX_ID}"
        )
    return value


def require_name(value: str, name: str) -> str:
    """An identity, kept and compared with every message of the series.

    Raises:
        BadMessageError: It is longer than any; counted as ``bad_id``.
    """
    if len(value) > MAX_NAME:
        text = f"{name} has {len(value)} characters, at most {MAX_NAME} are read"
        raise BadMessageError("bad_id", text)
    return value


def announced(count: int | None) -> int | None:
    """How many images a header announces; None if no series could be so long."""
    return count if count is not None and 0 <= count <= MAX_IMAGES else None


def check_shape(
    shape: tuple[int, int], header: DetectorInfo | None, max_pixels: int
) -> None:
    """Compare an image's shape with the header's.

    Args:
        shape: (slow, fast) of the image.
        header: What the series header said, None if it was lost.
        max_pixels: Larger images are refused before anything is allocated.

    Raises:
        CorruptImageError: The shape is impossible or not the header's.
    """
    if min(shape) <= 0:
        raise CorruptImageError(f"impossible shape {shape}")
    if shape[0] * shape[1] > max_pixels:
        raise CorruptImageError(
            f"shape {shape} has more than {max_pixels} pixels; if that is right, "
            "raise detector.max_pixels"
        )
    expected = header.shape if header else None
    if expected is None or shape == expected:
        return
    if shape == expected[::-1]:
        raise CorruptImageError(
            f"shape {shape} is swapped: the header says {expected} (slow, fast)"
        )
    raise CorruptImageError(f"shape is {shape}, the header says {expected}")


def number(config: dict[str, Any], *names: str) -> float | None:
    """First of the keys that holds a finite number."""
    for name in names:
        if (value := finite(config.get(name))) is not None:
            return value
    return None


def finite(value: Any) -> float | None:
    """A finite number; None for everything else, integers that are too large, too."""
    if not isinstance(value, int | float):
        return None
    try:
        converted = float(value)
    except OverflowError:
        return None
    return converted if math.isfinite(converted) else None


def integer(config: dict[str, Any], name: str) -> int | None:
    """The key as a whole number that 64 bits hold, None if it is not one."""
    value = number(config, name)
    if value is None or value != int(value) or abs(value) > MAX_ID:
        return None
    return int(value)


def pair(config: dict[str, Any], first: str, second: str) -> tuple[float, float] | None:
    """Two keys that only make sense together."""
    a, b = number(config, first), number(config, second)
    return None if a is None or b is None else (a, b)


def size(config: dict[str, Any], slow: str, fast: str) -> tuple[int, int] | None:
    """Detector size (slow, fast), None unless both are positive."""
    a, b = integer(config, slow), integer(config, fast)
    return None if not a or not b or a < 0 or b < 0 else (a, b)


def text(config: dict[str, Any], name: str) -> str | None:
    """The key as text, cut where it is too long; None if it is absent or empty."""
    value = config.get(name)
    if isinstance(value, int) and value.bit_length() > 64:
        return None
    good = isinstance(value, str | int) and value != ""
    return str(value)[:MAX_NAME] if good else None


def flag(config: dict[str, Any], name: str) -> bool | None:
    """EIGER1 sends booleans as 0/1, EIGER2 as true/false."""
    value = config.get(name)
    return bool(value) if isinstance(value, bool | int) else None
