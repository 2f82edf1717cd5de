"""The frame of an image: its pixels as they came, or where they lie."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

from recorder.errors import WireError
from recorder.records import HeldPixels, Payload, StoredChunk

_NUMBER = struct.Struct("<Q")
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


def held_frame(held: HeldPixels) -> bytes:
    """The frame that stands for pixels which a node keeps."""
    return _NUMBER.pack(held.number)


def held_number(frames: Sequence[Frame]) -> int | None:
    """Number of the pixels that a node keeps for this image; None: it brings its own.

    Raises:
        WireError: It has a third frame that is no number.
    """
    if len(frames) < 3:
        return None
    if len(frames) > 3 or len(frames[2]) != _NUMBER.size:
        raise WireError(f"an image has 2 or 3 frames, this message {len(frames)}")
    number: int = _NUMBER.unpack(frames[2])[0]
    return number
