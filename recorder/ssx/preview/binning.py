"""An image made small: each block of pixels shows its brightest good one.

A mean would hide spots, which are smaller than a block.
"""

from __future__ import annotations

import math

import numpy as np

from recorder.ssx.arrays import BoolArray, IntArray, Pixels

LONG_SIDE = 520
"""Pixels of the long side of a picture, about: 4 megapixels are binned by 4, 16 by 8.
What a page has room for."""
_SPARE = 1.1
"""Of the long side: a detector of 2167 pixels is still binned by 4. Chosen, not
tuned."""
_BAND = 16
"""Rows of blocks that are looked at together: 64 rows of 2000 pixels of 4 bytes stay in
the cache. Chosen, not tuned."""


def binning(shape: tuple[int, int]) -> int:
    """Pixels of a block along each side.

    Args:
        shape: (slow, fast) of the image.
    """
    return max(1, math.ceil(max(shape) / (_SPARE * LONG_SIDE)))


def binned_shape(shape: tuple[int, int], factor: int) -> tuple[int, int]:
    """(slow, fast) of the picture; blocks at the end may be cut.

    Args:
        shape: (slow, fast) of the image.
        factor: Pixels of a block along each side.
    """
    return -(-shape[0] // factor), -(-shape[1] // factor)


def binned_max(
    pixels: Pixels, bad: IntArray, bad_value: int, factor: int
) -> tuple[Pixels, BoolArray]:
    """The highest good pixel of each block.

    Args:
        pixels: (slow, fast) of any integer type.
        bad: Flat indices of bad pixels, ascending.
        bad_value: Value that marks further bad pixels: the highest of an unsigned
            type, the lowest of a signed one.
        factor: Pixels of a block along each side.

    Returns:
        (slow, fast) highest values of the blocks, 0 where all pixels are bad, and which
        blocks have a good pixel.
    """
    height, width = pixels.shape
    kind = pixels.dtype
    # bad pixels become the lowest value: of unsigned types, the flag does by itself
    signed = np.issubdtype(kind, np.signedinteger)
    step = kind.type(0 if signed else 1)
    lowest = kind.type(bad_value if signed else 0)
    rows = np.empty((-(-height // factor), width), kind)
    band = _BAND * factor
    cuts = np.searchsorted(bad, np.arange(0, height + band, band) * width)
    part = np.empty((min(band, height), width), kind)
    for n, top in enumerate(range(0, height, band)):
        used = part[: min(band, height - top)]
        np.add(pixels[top : top + len(used)], step, out=used)
        used.ravel()[bad[cuts[n] : cuts[n + 1]] - top * width] = lowest
        _highest(used, factor, rows[n * _BAND :])
    highest = np.empty((len(rows), -(-width // factor)), kind)
    _highest(rows.T, factor, highest.T)
    good = highest != lowest
    return np.where(good, highest - step, kind.type(0)), good


def _highest(lines: Pixels, factor: int, out: Pixels) -> None:
    """Highest values of every ``factor`` lines, the last of which may be fewer."""
    out = out[: -(-len(lines) // factor)]
    out[:] = lines[::factor]
    for n in range(1, factor):
        more = lines[n::factor]
        np.maximum(out[: len(more)], more, out=out[: len(more)])
