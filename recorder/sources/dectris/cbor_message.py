"""A CBOR message decoded without a copy of the pixels in it.

Large byte strings of typed arrays are cut out before the message is decoded: a mark of
16 bytes stands for each, and what is decoded has a view of the message in its place.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import cbor2

from recorder.errors import BadMessageError
from recorder.records.limits import MAX_DEPTH
from recorder.sources.dectris.cbor_arrays import tag_hook
from recorder.sources.dectris.cbor_limits import Bytes, check_structure

VIEWED = 4096
"""Bytes of a byte string from which it is not copied. Chosen, not tuned."""
_SHARE = 2
"""A view keeps the whole message in memory: what is less than one part in so many of
it, as one of several channels, is copied when it is used. Chosen, not tuned."""
_MARK = os.urandom(12)
"""Begins each mark: no sender knows it, so no message has one by itself."""
_MARK_HEAD = b"\x50"
"""CBOR's head of a byte string of 16 bytes."""


def load(message: Bytes, least: int = VIEWED) -> dict[str, Any]:
    """Decode a message that is one map.

    Args:
        message: As it came; must not change while something of it is in use.
        least: Bytes of a byte string from which it is not copied.

    Raises:
        BadMessageError: It is none, or would take too much to decode.
    """
    places = check_structure(message, least)
    views: dict[bytes, memoryview] = {}
    if places:
        message, views = _cut(memoryview(message).toreadonly(), places)
    try:
        body = cbor2.loads(
            bytes(message),
            tag_hook=partial(tag_hook, views=views),
            max_depth=MAX_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            strict_hashable_types=True,  # other keys can be made to collide
        )
    except (cbor2.CBORError, ValueError, TypeError, OverflowError) as error:
        raise BadMessageError("cbor", f"message is not CBOR: {error}") from error
    if not isinstance(body, dict):
        raise BadMessageError("cbor", "message is no CBOR map")
    return body


def to_keep(data: Bytes) -> Bytes:
    """Bytes of a message for longer than the message itself is needed."""
    if isinstance(data, memoryview) and _SHARE * len(data) < len(memoryview(data.obj)):
        return bytes(data)
    return data


def _cut(
    message: memoryview, places: list[tuple[int, int, int]]
) -> tuple[bytes, dict[bytes, memoryview]]:
    """The message with marks, and what each stands for."""
    parts: list[bytes | memoryview] = []
    views: dict[bytes, memoryview] = {}
    done = 0
    for number, (head, first, end) in enumerate(places):
        mark = _MARK + number.to_bytes(4, "big")
        views[mark] = message[first:end]
        parts += (message[done:head], _MARK_HEAD, mark)
        done = end
    parts.append(message[done:])
    return b"".join(parts), views
