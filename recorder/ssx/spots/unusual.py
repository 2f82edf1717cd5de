"""Images that show nothing: flagged, constant, saturated, or a pattern without noise.

A few rows tell. What they say is checked nowhere else, so that such an image costs
less than a blank one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import BoolArray, IntArray, Pixels

_SAMPLE = 4_000
"""Pixels that are looked at, in whole rows: some 0.05 ms. Chosen, not tuned."""
_CONFIRM = 200
"""Rows that must say the same before it is believed. Chosen, not tuned."""
_HALF = 0.5
"""Share of flagged or saturated pixels from which an image shows nothing."""
_FEW = 100
"""Pairs of neighbours without which no pattern is looked for."""
_REPEATS = 0.3
"""Mean difference of pixels two apart over that of neighbours: 1 for noise, some 1.3
where the detector smears it, 0 for a checkerboard."""
_SMOOTH = 0.5
"""Mean second difference over the first: 1.7 for noise, 0 for a ramp."""


class Inspector:
    """Looks at a sample of the rows of images.

    Args:
        good: (slow, fast) pixels to be trusted.
        bad_value: Pixel value that marks a bad pixel.
        saturation: Counts from which a pixel is saturated; None: never.
    """

    def __init__(
        self, good: BoolArray, bad_value: int, saturation: float | None
    ) -> None:
        self._good = good
        height, width = good.shape
        number = min(height, max(1, _SAMPLE // max(width, 1)))
        filled = np.flatnonzero(good.any(axis=1))
        self._rows = _spread(filled, number)
        self._more_rows = _spread(filled, max(number, _CONFIRM))
        self._bad_value = bad_value
        self._saturation = saturation

    def reason(self, pixels: Pixels) -> str:
        """Why an image (slow, fast) shows nothing; empty if it may show something."""
        if len(self._rows) == 0:
            return "all pixels are masked"
        # a few rows may lie in a gap between modules
        if not self._of_rows(pixels, self._rows):
            return ""
        return self._of_rows(pixels, self._more_rows)

    def _of_rows(self, pixels: Pixels, rows: IntArray) -> str:
        raw, sampled = pixels[rows], self._good[rows]
        use = sampled & (raw != self._bad_value)
        share = 1 - np.count_nonzero(use) / np.count_nonzero(sampled)
        if share >= _HALF:
            return f"{100 * share:.0f} % of the pixels are flagged"
        values = raw[use]
        if self._saturation is not None:
            full = np.count_nonzero(values >= self._saturation) / len(values)
            if full >= _HALF:
                return f"{100 * full:.0f} % of the pixels are saturated"
        if values.min() == values.max():
            return self._constant(pixels, int(values[0]))
        return _pattern(raw, use)

    def _constant(self, pixels: Pixels, value: int) -> str:
        other = (pixels != value) & (pixels != self._bad_value) & self._good
        return "" if other.any() else f"all pixels count {value}"


def _spread(rows: IntArray, number: int) -> IntArray:
    """So many of the rows, evenly spread; all if they are fewer."""
    number = min(number, len(rows))
    at = (np.arange(number) + 0.5) / max(number, 1) * len(rows)
    return np.asarray(rows[at.astype(np.intp)])


def _pattern(raw: NDArray[np.integer], use: BoolArray) -> str:
    values = raw.astype(np.float64)
    first, both = values[:, 1:] - values[:, :-1], use[:, 1:] & use[:, :-1]
    second, three = first[:, 1:] - first[:, :-1], both[:, 1:] & both[:, :-1]
    if np.count_nonzero(three) < _FEW:
        return ""
    step = _mean_size(first, both)
    if step == 0:
        return "neighbouring pixels are all equal: no noise"
    apart = _mean_size(values[:, 2:] - values[:, :-2], three)
    if apart < _REPEATS * step:
        return "every second pixel is equal: a pattern, no noise"
    if _mean_size(second, three) < _SMOOTH * step:
        return "counts rise evenly from pixel to pixel: no noise"
    return ""


def _mean_size(values: NDArray[np.float64], use: BoolArray) -> float:
    """Mean of the sizes of some of the values."""
    size = np.abs(values)
    size *= use
    return float(size.sum()) / np.count_nonzero(use)
