"""Arrays in CBOR: RFC 8746 tags and DECTRIS' compression tag, left compressed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cbor2

# RFC 8746, table 1: tag -> numpy dtype.
TYPED_ARRAYS = {
    64: "|u1",
    65: ">u2",
    66: ">u4",
    67: ">u8",
    68: "|u1",
    69: "<u2",
    70: "<u4",
    71: "<u8",
    72: "|i1",
    73: ">i2",
    74: ">i4",
    75: ">i8",
    77: "<i2",
    78: "<i4",
    79: "<i8",
    80: ">f2",
    81: ">f4",
    82: ">f8",
    84: "<f2",
    85: "<f4",
    86: "<f8",
}
ROW_MAJOR, COLUMN_MAJOR, COMPRESSION = 40, 1040, 56500
"""Tags of RFC 8746 (arrays of several dimensions) and DECTRIS (compressed bytes)."""


NO_VIEWS: Mapping[bytes, memoryview] = {}


@dataclass(frozen=True, slots=True)
class Compressed:
    """Tag 56500: [algorithm, element size, bytes]."""

    algorithm: str
    elem_size: int
    data: bytes | memoryview


@dataclass(frozen=True, slots=True)
class Typed:
    """A typed array, one-dimensional."""

    dtype: str
    data: bytes | memoryview | Compressed


@dataclass(frozen=True, slots=True)
class MultiDim:
    """Tag 40 or 1040: [[d0, d1], typed array]."""

    dims: tuple[int, ...]
    typed: Any
    column_major: bool


Views = Mapping[bytes, memoryview]
"""Bytes that stand in a message for others, and what they stand for."""


def tag_hook(tag: cbor2.CBORTag, immutable: bool, views: Views = NO_VIEWS) -> Any:
    """Give the tags that matter a type; leave unknown ones as they are."""
    value = tag.value
    if tag.tag in TYPED_ARRAYS and isinstance(value, bytes | Compressed):
        if isinstance(value, bytes):
            return Typed(TYPED_ARRAYS[tag.tag], views.get(value, value))
        return Typed(TYPED_ARRAYS[tag.tag], value)
    if tag.tag == COMPRESSION and _is_compressed(value):
        algorithm, elem_size, data = value
        return Compressed(algorithm, elem_size, views.get(data, data))
    if tag.tag in (ROW_MAJOR, COLUMN_MAJOR) and _is_array(value):
        return MultiDim(tuple(value[0]), value[1], tag.tag == COLUMN_MAJOR)
    return tag


def _is_compressed(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == 3
        and isinstance(value[0], str)
        and type(value[1]) is int
        and isinstance(value[2], bytes)
    )


def _is_array(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == 2
        and isinstance(value[0], list | tuple)
        and all(type(n) is int and n >= 0 for n in value[0])
    )
