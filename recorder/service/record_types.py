"""Whether a source's record holds what its type says, before anything relies on it.

A plug-in is other people's code. A numpy integer, a number beyond 64 bits or a NaN in a
record would be found only when the journal writes it, or when a restart reads it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from functools import cache, partial
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from recorder.errors import shown
from recorder.records import (
    BadMessage,
    ControlRecord,
    DetectorInfo,
    DetectorRecord,
    FileAngles,
    Image,
    SeriesStart,
    Upstream,
)

KIND = "record"
"""Under which such records are counted."""
_INT64 = range(-(2**63), 2**63)
"""Whole numbers that SQLite and numpy's int64 hold."""
Record = TypeVar("Record", bound=DetectorRecord | ControlRecord)
Check = Callable[[Any], str]
"""What is wrong with a value; empty if it is well."""


def checked(record: Record) -> Record | BadMessage:
    """The record as it may go on.

    What only describes (the detector, the stream's own analysis) is left out where it
    is wrong; a record with another wrong value becomes a ``BadMessage``.
    """
    if isinstance(record, BadMessage):
        return record
    record = _without_bad_parts(record)
    wrong = next(_wrong(record), None)
    return record if wrong is None else _refused(record, *wrong)


def _refused(record: Any, name: str, why: str) -> BadMessage:
    source = getattr(getattr(record, "key", None), "source", None)
    what = f"{type(record).__name__}.{name}"
    return BadMessage(
        source=source if isinstance(source, str) else "control",
        kind=KIND,
        detail=f"{what}: {why}; a defect of the source's plug-in",
        received_ns=0 if _integer(record.received_ns) else record.received_ns,
    )


def _without_bad_parts(record: Any) -> Any:
    if isinstance(record, Image):
        if record.upstream is None:
            return record
        bad = _record(Upstream, record.upstream)
        return replace(record, upstream=None) if bad else record
    if not isinstance(record, SeriesStart):
        return record
    wrong: dict[str, str] = {}
    if isinstance(record.info, DetectorInfo) and (wrong := dict(_wrong(record.info))):
        bare = replace(record.info, **dict.fromkeys(wrong))
        record = replace(record, info=bare)
    parts = dict(_wrong_parts(record))
    left_out = [
        f"{name} is left out: {why}" for name, why in {**wrong, **parts}.items()
    ]
    if not left_out:
        return record
    without = {name: _UNSAID[name] for name in parts}
    return replace(record, problems=(*record.problems, *left_out), **without)


_UNSAID: dict[str, Any] = {"goniometer": (), "angles": None}
"""What only describes a series, and what stands for each where nobody says it."""


def _wrong_parts(start: SeriesStart) -> Iterator[tuple[str, str]]:
    for name, why in _wrong(start):
        if name in _UNSAID:
            yield name, why
    angles = start.angles
    if isinstance(angles, FileAngles):
        columns = [angles.start] if angles.end is None else [angles.start, angles.end]
        if any(not _is_column(column) for column in columns):
            yield "angles", "start and end are no arrays (n,) of float64"
        elif len({column.size for column in columns}) > 1:
            yield "angles", "start and end have not one length"


def _is_column(value: Any) -> bool:
    return (
        isinstance(value, np.ndarray)
        and value.dtype == np.float64
        and (value.ndim == 1)
    )


def _wrong(record: Any) -> Iterator[tuple[str, str]]:
    """Fields that do not hold what they should, and why."""
    for name, check in _checks(record.__class__):
        if why := check(getattr(record, name)):
            yield name, why


@cache
def _checks(of: Any) -> tuple[tuple[str, Check], ...]:
    hints = get_type_hints(of)
    return tuple(
        (field.name, check)
        for field in fields(of)
        if (check := _check_of(hints[field.name])) is not None
    )


def _check_of(hint: Any) -> Check | None:
    """The check of a type; None if nothing relies on it."""
    if get_origin(hint) in (Union, UnionType):
        members = [member for member in get_args(hint) if member is not NoneType]
        check = _check_of(members[0]) if len(members) == 1 else None
        return None if check is None else partial(_optional, check)
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    if get_origin(hint) is tuple:
        return _tuple_check(get_args(hint))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return partial(_instance, hint)
    if isinstance(hint, type) and is_dataclass(hint):
        return partial(_record, hint)
    return None


def _tuple_check(members: tuple[Any, ...]) -> Check | None:
    checks = [_check_of(member) for member in members if member is not Ellipsis]
    found = [check for check in checks if check is not None]
    if len(found) != len(checks):
        return None
    return partial(_items, found, Ellipsis in members)


def _optional(check: Check, value: Any) -> str:
    return "" if value is None else check(value)


def _integer(value: Any) -> str:
    if type(value) is int and value in _INT64:
        return ""
    return f"{shown(value)} is no int of 64 bits"


def _number(value: Any) -> str:
    number = isinstance(value, int | float | np.floating) and type(value) is not bool
    return "" if number and math.isfinite(value) else f"{shown(value)} is no number"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        return f"{shown(value)} is no str"
    try:
        value.encode()
    except UnicodeEncodeError:
        return f"{shown(value)} is no Unicode text"
    return ""


def _truth(value: Any) -> str:
    return "" if isinstance(value, bool) else f"{shown(value)} is no bool"


def _instance(of: type[Any], value: Any) -> str:
    return "" if isinstance(value, of) else f"{shown(value)} is no {of.__name__}"


def _record(of: type[Any], value: Any) -> str:
    if not isinstance(value, of):
        return f"{shown(value)} is no {of.__name__}"
    return next((f"{name}: {why}" for name, why in _wrong(value)), "")


def _items(checks: list[Check], any_length: bool, value: Any) -> str:
    if not isinstance(value, tuple):
        return f"{shown(value)} is no tuple"
    if any_length:
        checks = checks * len(value)
    if len(value) != len(checks):
        return f"{len(value)} values, not {len(checks)}"
    pairs = zip(checks, value, strict=True)
    return next((why for check, item in pairs if (why := check(item))), "")


_SIMPLE: dict[Any, Check] = {
    int: _integer,
    float: _number,
    str: _text,
    bool: _truth,
}
