"""Masks of bad pixels: as bits, for the way to workers and for the journal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def pack_mask(mask: NDArray[np.bool_]) -> bytes:
    """A mask (slow, fast) as one bit for each pixel."""
    return np.packbits(mask).tobytes()


def unpack_mask(data: bytes, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The reverse of :func:`pack_mask`.

    Raises:
        ValueError: There are fewer bits than pixels.
    """
    bits = np.frombuffer(data, np.uint8)
    mask = np.unpackbits(bits, count=shape[0] * shape[1]).reshape(shape)
    return mask.astype(np.bool_)


def unusable(flatfield: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(slow, fast) pixels that a flat field marks as bad."""
    return ~(np.isfinite(flatfield) & (flatfield > 0))
