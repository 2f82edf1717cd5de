"""Counts as shades of grey: square root, with a top that no hot pixel decides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import BoolArray, Pixels

MASKED = 0
"""Shade of blocks without a good pixel; the others are 1, light, to 255, dark."""
_LOW, _HIGH = 0.01, 0.995
"""Shares of the blocks below white, and below what is noise. Chosen, not tuned: spots
are on fewer than 1 in 200 blocks."""
_SUMS_HIGH = 0.9
"""Share of the places with spots that are not black in a sum over images. Chosen by
looking at six stills of thaumatin: with the share above, most are white."""
_ABOVE = 8.0
"""Black over the noise: so many times from white to where noise ends. Chosen by looking
at simulated and real stills."""
_LEAST = 4.0
"""Counts from white to black, at least: single photons are grey. Chosen, not tuned."""
_EVERY = 3
"""Of so many blocks one tells the shares: a third is enough of 200,000."""


def grey(highest: Pixels, good: BoolArray) -> NDArray[np.uint8]:
    """Shades of a picture.

    Args:
        highest: (slow, fast) counts.
        good: (slow, fast) blocks with a good pixel.

    Returns:
        (slow, fast): ``MASKED``, or 1 (few counts) to 255 (many).
    """
    values = highest.astype(np.float32)
    sample = values.ravel()[::_EVERY][good.ravel()[::_EVERY]]
    if not sample.size:  # a small picture, or little of it is good
        sample = values[good]
    if not sample.size:
        return np.full(highest.shape, MASKED, np.uint8)
    places = [round(share * (sample.size - 1)) for share in (_LOW, _HIGH)]
    low, high = np.partition(sample, places)[places]
    values -= low
    values /= max(_ABOVE * (high - low), _LEAST)
    np.clip(values, 0.0, 1.0, out=values)
    np.sqrt(values, out=values)
    values *= 254
    values += 1.5
    values *= good
    return values.astype(np.uint8)


def grey_of_sums(sums: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Shades of a sum over many images, of which most places are empty.

    Args:
        sums: (slow, fast), not negative.

    Returns:
        (slow, fast): 1 (nothing) to 255 (many).
    """
    values = np.sqrt(sums, dtype=np.float32)
    some = values[values > 0]
    if not some.size:
        return np.ones(sums.shape, np.uint8)
    place = round(_SUMS_HIGH * (some.size - 1))
    top = np.partition(some, place)[place]
    shades = 1.5 + 254 * np.minimum(values / top, 1)
    return np.asarray(shades, np.uint8)
