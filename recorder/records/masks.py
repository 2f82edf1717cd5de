"""Masks of bad pixels: as bits, for the way to workers and for the journal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MOST_MASKED = 0.8
"""Share of masked pixels that is not believed: the gaps of a detector are a tenth of
it, and a mask the wrong way round has all the rest. Chosen, not tuned."""


def implausible(mask: NDArray[np.bool_]) -> str:
    """Why a mask (slow, fast; True = bad) cannot be right, empty if it may be.

    Args:
        mask: As a detector or a file has it.
    """
    share = float(mask.mean()) if mask.size else 0.0
    if share <= _MOST_MASKED:
        return ""
    return (
        f"it masks {100 * share:.1f} % of all pixels (is it the wrong way round? bad "
        "pixels are not 0); give the right one as mask_file"
    )


def pack_mask(mask: NDArray[np.bool_]) -> bytes:
    """A mask (slow, fast) as one bit for each pixel."""
    return np.packbits(mask).tobytes()


def unpack_mask(data: bytes | memoryview, shape: tuple[int, int]) -> NDArray[np.bool_]:
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
