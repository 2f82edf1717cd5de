"""Compress pixels as the detector does: bitshuffle, then LZ4, in the HDF5 framing."""

from __future__ import annotations

import struct
from typing import Any

import imagecodecs
import lz4.block
import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 8192
"""Bytes of pixels in a block: the size that DECTRIS and HDF5's filter choose."""


def bslz4_chunk(pixels: NDArray[Any]) -> bytes:
    """The chunk that decodes to these pixels.

    Fewer than 8 pixels at the end cannot be shuffled, and are carried as they are.
    """
    raw = np.ascontiguousarray(pixels).tobytes()
    itemsize = pixels.itemsize
    planes = imagecodecs.bitshuffle_encode(
        raw, itemsize=itemsize, blocksize=BLOCK_BYTES // itemsize
    )
    end = len(raw) - len(raw) % (8 * itemsize)
    parts = [struct.pack(">QI", len(raw), BLOCK_BYTES)]
    for start in range(0, end, BLOCK_BYTES):
        block = planes[start : min(start + BLOCK_BYTES, end)]
        packed = lz4.block.compress(block, store_size=False)
        parts += [struct.pack(">I", len(packed)), packed]
    return b"".join([*parts, raw[end:]])
