"""Frozen records and JSON, both ways, by their types."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from enum import Enum
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")

_SHAPE, _FLAT = "shape", "values"
"""Keys of an array of several dimensions: lists alone would lose those of an empty
one."""


def to_json(value: Any) -> Any:
    """Plain JSON of a record: objects, lists, numbers, texts; NaN as null.

    Args:
        value: A dataclass, or what its fields hold: records, tuples, arrays, enums,
            numbers, texts, None.

    Returns:
        What :func:`from_json` makes the same record of.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: to_json(getattr(value, field.name))
            for field in dataclasses.fields(value)
        }
    if isinstance(value, np.ndarray):
        flat = [None if v != v else v for v in value.ravel().tolist()]
        return flat if value.ndim == 1 else {_SHAPE: list(value.shape), _FLAT: flat}
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float) and math.isnan(value):
        return None
    return value


def from_json(kind: type[T], value: Any) -> T:
    """The record that :func:`to_json` made plain.

    Args:
        kind: Its class.
        value: Plain JSON.

    Returns:
        The record, with arrays of the types that its class names.

    Raises:
        ValueError: It is not such a record; another version wrote it, say.
    """
    try:
        made: T = _made(kind, value)
    except (TypeError, KeyError, AttributeError, OverflowError) as error:
        raise ValueError(f"no {kind.__name__}: {error}") from error
    return made


_HINTS: dict[type[Any], dict[str, Any]] = {}


def _hints(kind: type[Any]) -> dict[str, Any]:
    """Types of the fields, worked out once."""
    if kind not in _HINTS:
        _HINTS[kind] = typing.get_type_hints(kind)
    return _HINTS[kind]


def _made(kind: Any, value: Any) -> Any:
    """A value of a type."""
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        kinds = typing.get_args(kind)
        if value is None and type(None) in kinds:
            return None
        return _made(next(k for k in kinds if k is not type(None)), value)
    if origin is tuple:
        return _tuple(typing.get_args(kind), value)
    if origin is np.ndarray:
        return _array(kind, value)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _record(kind, value)
    if kind is float:
        return math.nan if value is None else float(value)
    if isinstance(kind, type) and not isinstance(value, kind):
        if issubclass(kind, Enum):
            return kind(value)
        raise TypeError(f"{value!r:.40} is no {kind.__name__}")
    return value


def _record(kind: type[Any], value: Any) -> Any:
    hints = _hints(kind)
    if not isinstance(value, dict) or value.keys() - hints.keys():
        raise TypeError(f"no fields of {kind.__name__}: {value!r:.40}")
    return kind(**{name: _made(hints[name], item) for name, item in value.items()})


def _tuple(kinds: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r:.40} is no list")
    if kinds[-1] is Ellipsis:
        return tuple(_made(kinds[0], item) for item in value)
    if len(kinds) != len(value):
        raise TypeError(f"{len(value)} of {len(kinds)} values")
    return tuple(_made(one, item) for one, item in zip(kinds, value, strict=True))


def _array(kind: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return _array(kind, value[_FLAT]).reshape(value[_SHAPE])
    number = typing.get_args(typing.get_args(kind)[1])[0]
    if number is np.float64:
        return np.array(value, dtype=object).astype(np.float64)
    return np.array(value, dtype=number)
