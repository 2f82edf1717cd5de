"""Compressed images whose sender left out the header of the chunk, or the size in it.

bslz4, bszstd and lz4 are framed as HDF5 filters frame them: the bytes of the pixels
(u64), the bytes of a block (u32), both big endian, then each block behind its length.
Libraries that compress a bare array make the blocks alone. The declared shape and type
tell the size, and the lengths of the blocks must then fit to the last byte: nothing is
guessed.
"""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np

from recorder.records import Payload

HEADER = struct.Struct(">QI")
FRAMED = ("bslz4", "lz4", "bszstd")
DEFAULT_BLOCK = 8192
"""Bytes of a block where nobody says: what bitshuffle takes for pixels of 1 to 4
bytes."""
_LENGTH = struct.Struct(">I")
WITHOUT_SIZE = (
    "chunk headers have 0 for the size: it is taken from the declared shape and type; "
    "have the sender write the bytes of the image there"
)
WITHOUT_HEADER = (
    "images have no chunk header: the size is taken from the declared shape and type; "
    "have the sender put 12 bytes before the blocks (u64 bytes of the image, u32 bytes "
    "of a block, big endian)"
)


def with_header(payload: Payload) -> tuple[Payload, str]:
    """The payload with the header that its sender should have written.

    Args:
        payload: As it came; its shape was checked.

    Returns:
        The payload, the same where nothing is amiss or cannot be mended, and what was
        mended, for people; empty if nothing was.
    """
    if payload.encoding not in FRAMED:
        return payload, ""
    itemsize = np.dtype(payload.dtype).itemsize
    size = payload.shape[0] * payload.shape[1] * itemsize
    data = memoryview(payload.data)
    claimed, block = HEADER.unpack_from(data) if len(data) >= HEADER.size else (-1, 0)
    if claimed == size:
        return payload, ""
    plain = payload.encoding == "lz4"
    usual = size if plain else DEFAULT_BLOCK
    if claimed == 0:
        block, blocks, why = block or usual, data[HEADER.size :], WITHOUT_SIZE
    else:
        block, blocks, why = usual, data, WITHOUT_HEADER
    unit = 1 if plain else 8 * itemsize
    if not _fits(blocks, size - size % unit, block, size % unit):
        return payload, ""  # the decoder says what is wrong with it
    return replace(payload, data=HEADER.pack(size, block) + bytes(blocks)), why


def _fits(blocks: memoryview, size: int, block: int, rest: int) -> bool:
    """Whether the lengths of the blocks lead to the last byte.

    Args:
        blocks: The blocks, each behind its length, then what is carried as it is.
        size: Bytes of pixels in the blocks.
        block: Bytes of pixels of one block.
        rest: Bytes that are carried as they are.
    """
    place = 0
    count = -(-size // block) if block > 0 else 0
    if not 0 < count <= len(blocks) // _LENGTH.size:
        return False
    for _ in range(count):
        if place + _LENGTH.size > len(blocks):
            return False
        length = _LENGTH.unpack_from(blocks, place)[0]
        if length == 0:
            return False
        place += _LENGTH.size + length
    return place + rest == len(blocks)
