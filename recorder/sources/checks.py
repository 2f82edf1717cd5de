"""Checks that both stream versions make before an image is believed."""

from __future__ import annotations

from typing import Any

import numpy as np

from recorder.errors import BadMessageError, CorruptImageError
from recorder.records import DetectorInfo

MAX_ID = 2**63 - 1


def require_id(value: Any, name: str) -> int:
    """An id is an integer from 0; booleans, strings and floats are not.

    Raises:
        BadMessageError: It is none; counted as ``bad_id``.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadMessageError("bad_id", f"{name} is {value!r}, expected an integer")
    if not 0 <= value <= MAX_ID:
        raise BadMessageError("bad_id", f"{name} is {value}, expected 0 or more")
    return value


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
        value = config.get(name)
        if isinstance(value, int | float) and np.isfinite(value):
            return float(value)
    return None


def integer(config: dict[str, Any], name: str) -> int | None:
    """The key as a whole number, None if it is not one."""
    value = number(config, name)
    return None if value is None or value != int(value) else int(value)


def pair(config: dict[str, Any], first: str, second: str) -> tuple[float, float] | None:
    """Two keys that only make sense together."""
    a, b = number(config, first), number(config, second)
    return None if a is None or b is None else (a, b)


def size(config: dict[str, Any], slow: str, fast: str) -> tuple[int, int] | None:
    """Detector size (slow, fast), None unless both are positive."""
    a, b = integer(config, slow), integer(config, fast)
    return None if not a or not b or a < 0 or b < 0 else (a, b)


def text(config: dict[str, Any], name: str) -> str | None:
    """The key as text, None if it is absent or empty."""
    value = config.get(name)
    return str(value) if isinstance(value, str | int) and value != "" else None


def flag(config: dict[str, Any], name: str) -> bool | None:
    """EIGER1 sends booleans as 0/1, EIGER2 as true/false."""
    value = config.get(name)
    return bool(value) if isinstance(value, bool | int) else None
