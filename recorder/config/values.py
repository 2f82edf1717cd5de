"""Texts and numbers of settings, checked as they are read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from recorder.foreign_text import is_name
from recorder.records.limits import MAX_NAME
from recorder.records.positions import MAX_POSITION, POSITIONS

MIN_S = 0.01
"""Seconds: intervals and timeouts below would keep a core busy with waiting."""
MAX_S = 1e8
"""Seconds, three years: more is no timeout, and clocks overflow at some 300 years."""
MAX_MB = 1 << 24
"""MiB, 16 TiB: more is no bound, and bytes overflow at 2^63."""
MAX_DAYS = 36_525.0
"""Days, a century: nothing is kept for longer, and nanoseconds overflow at 292 years.
"""
MAX_TOPIC = 1000
"""Characters of a topic prefix; MQTT allows 65535 bytes for a whole topic."""
_BIT = re.compile(r"[^#\s]+#(?P<bit>[0-9]{1,2})")
_FIELD = re.compile(r"[^#\s.]+(\.[^#\s.]+)+")
_LAST_BIT = 31
"""PandABoxes capture bits as words of 32."""
_DEEPEST = 20
"""Tables within each other; settings need four."""


def _check_name(text: str) -> str:
    if not text.strip() or text != text.strip():
        raise ValueError("is empty, or has blanks at its ends")
    if len(text) > MAX_NAME:
        raise ValueError(f"has {len(text)} characters, at most {MAX_NAME} are read")
    return text


def _check_topic(text: str) -> str:
    wrong = not text or text.startswith(("/", "$")) or text.endswith("/")
    if wrong or len(text) > MAX_TOPIC or any(c in "+#" or c.isspace() for c in text):
        raise ValueError(
            "is a topic such as recorder/id29: without +, # or blanks, without / at "
            f"its ends or $ at its start, at most {MAX_TOPIC} characters"
        )
    return text


def _check_path(path: Path) -> Path:
    text = str(path)
    if text.startswith("~"):
        raise ValueError("write the whole path: ~ is not replaced")
    if "\0" in text or any(
        len(p.encode(errors="replace")) > MAX_NAME for p in path.parts
    ):
        raise ValueError(f"is no path: no NUL, at most {MAX_NAME} bytes for each name")
    return path


def _check_field(text: str) -> str:
    if not _FIELD.fullmatch(text):
        raise ValueError("is a captured field such as PCAP.TS_TRIG.Value")
    return text


def _check_lasers(lasers: dict[str, str]) -> dict[str, str]:
    for place, name in lasers.items():
        found = _BIT.fullmatch(place)
        if found is None or int(found["bit"]) > _LAST_BIT:
            raise ValueError(
                f"{place!r:.60} is no bit of a field such as PCAP.BITS0.Value#3, from "
                f"0 to {_LAST_BIT}"
            )
        _check_name(name)
    return lasers


def _check_axes(by_axis: dict[str, Any]) -> dict[str, Any]:
    for axis in by_axis:
        if axis not in POSITIONS:
            raise ValueError(
                f"{axis!r:.60} is no axis: there are {', '.join(POSITIONS)}"
            )
    return by_axis


def _check_numbers(by_axis: dict[str, float]) -> dict[str, float]:
    for axis, number in by_axis.items():
        if not abs(number) <= MAX_POSITION:
            raise ValueError(f"{axis}: {number!r:.60} is no number of degrees or mm")
    return by_axis


def _check_cell(cell: tuple[float, ...]) -> tuple[float, ...]:
    lengths, angles = cell[:3], cell[3:]
    if not all(n > 0 for n in lengths) or not all(0 < n < 180 for n in angles):
        raise ValueError("is a, b, c (Å, above 0) and three angles (0 to 180 degrees)")
    return cell


def unreadable(data: Any, where: str = "", depth: int = 0) -> Iterator[str]:
    """Texts that no terminal, journal or database takes, by their keys.

    Args:
        data: Settings as they came.
        where: Their key.
        depth: How deep they lie.
    """
    if isinstance(data, dict | list | tuple):
        items = data.items() if isinstance(data, dict) else enumerate(data)
        if depth > _DEEPEST:
            yield f"{where}: tables within each other, more than {_DEEPEST}"
            return
        for key, value in items:
            name = f"{where}.{key}" if where else str(key)
            if not is_name(str(key)):
                yield f"{where or 'configuration'}: a key {WRONG_TEXT}"
            elif not name.endswith("password"):
                yield from unreadable(value, name, depth + 1)
    elif isinstance(data, str) and not is_name(data):
        yield f"{where}: {WRONG_TEXT}"


WRONG_TEXT = "has control characters, or is not UTF-8; write printable text on one line"

Name = Annotated[str, AfterValidator(_check_name)]
Topic = Annotated[str, AfterValidator(_check_topic)]
FilePath = Annotated[Path, AfterValidator(_check_path)]
CapturedField = Annotated[str, AfterValidator(_check_field)]
Lasers = Annotated[dict[str, str], AfterValidator(_check_lasers)]
Positions = Annotated[dict[str, CapturedField], AfterValidator(_check_axes)]
PositionNumbers = Annotated[
    dict[str, float], AfterValidator(_check_axes), AfterValidator(_check_numbers)
]
UnitCell = Annotated[
    tuple[float, float, float, float, float, float], AfterValidator(_check_cell)
]
Length = Annotated[float, Field(gt=0)]
Seconds = Annotated[float, Field(ge=MIN_S, le=MAX_S)]
