"""The frame of an image: its pixels as they came, or where they lie."""

from __future__ import annotations

import json
from typing import Any

from recorder.records import Payload, StoredChunk

Frame = bytes | memoryview
"""What travels."""


def pixels_frame(payload: Payload) -> Frame:
    """The bytes, or where they are to be read."""
    if (chunk := payload.stored) is None:
        return payload.data
    values = (chunk.file, chunk.offset, chunk.size, chunk.file_size, chunk.mtime_ns)
    return json.dumps(values).encode()


def payload_of(
    frame: Frame,
    encoding: str,
    shape: tuple[int, int],
    dtype: str,
    column_major: bool,
    stored: bool,
) -> Payload:
    """The reverse of :func:`pixels_frame`.

    Raises:
        ValueError: The frame does not tell where the pixels lie.
    """
    if not stored:
        return Payload(frame, encoding, shape, dtype, column_major)
    values: Any = json.loads(bytes(frame))
    if not isinstance(values, list) or [type(v) for v in values] != [str, *[int] * 4]:
        raise ValueError("where the pixels lie cannot be read")
    return Payload(b"", encoding, shape, dtype, column_major, StoredChunk(*values))
