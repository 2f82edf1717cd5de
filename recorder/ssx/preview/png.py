"""A picture as a PNG file, of shades of grey and a colour for what is masked."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MASKED = (184, 202, 224)
"""Colour of what is masked (red, green, blue): no shade of grey, for any kind of eye.
Chosen, not tuned."""
_PALETTE = bytes([*_MASKED, *(254 - (n - 1) for n in range(1, 256) for _ in range(3))])
"""Colours of 0 (masked), 1 (white) to 255 (black): spots are dark, as on film."""


def png(shades: NDArray[np.uint8]) -> bytes:
    """The file.

    Args:
        shades: (slow, fast): 0 masked, 1 white to 255 black.
    """
    height, width = shades.shape
    lines = np.zeros((height, width + 1), np.uint8)  # each begins with its filter: none
    lines[:, 1:] = shades
    # noise repeats nothing: to look for repetitions takes time and finds little
    packer = zlib.compressobj(1, zlib.DEFLATED, 15, 9, zlib.Z_HUFFMAN_ONLY)
    body = packer.compress(lines.tobytes()) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", head), (b"PLTE", _PALETTE), (b"IDAT", body), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(data, zlib.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)
