"""Answers as JSON text, in one way for all."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError, to_json


def encoded(value: Any) -> bytes:
    """A typed answer as JSON; NaN and infinities become null, as readers expect."""
    kind: Any = type(value)
    adapter = _adapter(kind)
    try:
        return adapter.dump_json(value)
    except PydanticSerializationError:  # an old journal may hold half a character
        return to_json(_whole(adapter.dump_python(value)), inf_nan_mode="null")


def _whole(value: Any) -> Any:
    """The same with escapes for what is no character."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_whole(key): _whole(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(item) for item in value]
    return value


@lru_cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
