"""Decode framed chunks with packages that have ready-made wheels; no compiler needed.

The frame is read here, every length is checked before it is used, and each block is
unpacked by a bounded call that is told how many bytes it may write. Undoing the
bitshuffle then moves bytes of a known number: no payload can lead it astray.
"""

from __future__ import annotations

import struct
from typing import Any

import imagecodecs
import lz4.block
import numpy as np
from numpy.typing import NDArray

from recorder.errors import CorruptImageError
from recorder.sources.chunk_headers import HEADER

GROUP_BYTES = 1 << 18
"""Blocks are unshuffled in groups of so many bytes, which stay in a core's cache; one
call then serves 32 blocks of 8 KiB. 64 KiB is 4 % slower, 1 MiB 10 to 20 %
(docs/decisions/0020)."""
_LENGTH = struct.Struct(">I")
_FAILURES = (
    lz4.block.LZ4BlockError,
    RuntimeError,
    ValueError,
    OverflowError,
    MemoryError,
)
"""What lz4 and imagecodecs raise on bytes that do not decode."""


def decode_into(encoding: str, data: memoryview, out: NDArray[Any]) -> None:
    """Decode a chunk whose header was checked.

    Args:
        encoding: ``bslz4``, ``lz4`` or ``bszstd``.
        data: The chunk: u64 bytes of pixels, u32 bytes of a block (not 0), blocks.
        out: C-contiguous pixels, as many bytes as the header says.

    Raises:
        CorruptImageError: The chunk does not decode to exactly these bytes.
    """
    _, block_bytes = HEADER.unpack_from(data)
    target = out.reshape(-1).view(np.uint8).data
    try:
        if encoding == "lz4":
            _plain(data, target, block_bytes)
        else:
            _shuffled(encoding, data, target, block_bytes, out.itemsize)
    except _FAILURES as error:
        raise CorruptImageError(f"{encoding} chunk does not decode: {error}") from error


def _plain(data: memoryview, target: memoryview, block_bytes: int) -> None:
    """Blocks of LZ4, or as they are where LZ4 would not shorten them."""
    place = HEADER.size
    for start in range(0, len(target), block_bytes):
        part, place = _part(data, place)
        block = target[start : start + block_bytes]
        if len(part) == len(block):
            block[:] = part
        elif len(imagecodecs.lz4_decode(part, out=block)) != len(block):
            raise CorruptImageError("lz4 block is too short")


def _shuffled(
    encoding: str, data: memoryview, target: memoryview, block_bytes: int, itemsize: int
) -> None:
    """Blocks of bit planes; fewer than 8 pixels at the end are carried as they are."""
    unpack = _lz4_block if encoding == "bslz4" else _zstd_block
    place, end = HEADER.size, len(target) - len(target) % (8 * itemsize)
    group_bytes = max(1, GROUP_BYTES // block_bytes) * block_bytes
    for start in range(0, end, group_bytes):
        stop = min(start + group_bytes, end)
        planes = []
        for at in range(start, stop, block_bytes):
            part, place = _part(data, place)
            planes.append(unpack(part, min(block_bytes, stop - at)))
        imagecodecs.bitshuffle_decode(
            b"".join(planes),
            itemsize=itemsize,
            blocksize=block_bytes // itemsize,
            out=target[start:stop],
        )
    if end < len(target):
        target[end:] = data[place:]


def _part(data: memoryview, place: int) -> tuple[memoryview, int]:
    """The packed block at a place, and the place behind it."""
    start = place + _LENGTH.size
    if start > len(data):
        raise CorruptImageError("chunk ends before its last block")
    stop = start + _LENGTH.unpack_from(data, place)[0]
    if stop > len(data):
        raise CorruptImageError("chunk ends within a block")
    return data[start:stop], stop


def _lz4_block(part: memoryview, size: int) -> bytes:
    return _exactly(lz4.block.decompress(part, uncompressed_size=size), size)


def _zstd_block(part: memoryview, size: int) -> bytes:
    return _exactly(imagecodecs.zstd_decode(part, out=size), size)


def _exactly(planes: bytes, size: int) -> bytes:
    if len(planes) != size:
        raise CorruptImageError(f"block of {len(planes)} bytes, expected {size}")
    return planes
