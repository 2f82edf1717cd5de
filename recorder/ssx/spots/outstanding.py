"""Pixels above their threshold, found by the highest pixel of each short column.

An image is read once: the eight rows of a band become one row of their highest pixels,
which is compared with the band's line of thresholds. Few columns reach it, and only
those are looked at pixel by pixel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import BoolArray, IntArray, Pixels
from recorder.ssx.background.noise import BAND
from recorder.ssx.spots.connected import where_true

_AT_ONCE = 32
"""Bands at once: their highest pixels stay in the L2 cache. It changes time alone; half
or double less than the clock tells."""
_MANY = 16
"""With more than one of so many columns reached, the pixels are compared one by one
straight away. It changes time alone. Chosen, not tuned."""
_RAGGED = 8
"""A band with more than one of so many columns masked in part, as beside a gap between
modules, is compared pixel by pixel: masked pixels may be the highest of a column. It
changes time alone. Chosen, not tuned."""


class Searcher:
    """Finds outstanding pixels of images of one mask; buffers are built once.

    Args:
        good: (slow, fast) bool, pixels to be trusted.
        dtype: Of the pixels.
    """

    def __init__(self, good: BoolArray, dtype: np.dtype[Any]) -> None:
        self._good = good
        height, width = good.shape
        self._bands = height // BAND
        self._columns = (self._bands, BAND, width)
        whole = good[: self._bands * BAND].reshape(self._columns)
        filled: BoolArray = np.asarray(whole.any(axis=2))
        first = filled.argmax(axis=1)
        end = BAND - filled[:, ::-1].argmax(axis=1)
        place = np.arange(BAND)
        outside = (place < first[:, None]) | (place >= end[:, None])
        self._use: BoolArray = np.asarray(whole.any(axis=1))
        partly = self._use & ~(whole | outside[:, :, None]).all(axis=1)
        ragged = partly.sum(axis=1) * _RAGGED > width
        self._use[ragged] = False
        short = filled.any(axis=1) & outside.any(axis=1) & ~ragged
        # bands that a gap between modules begins or ends in: their other rows
        self._short = [
            (band, slice(band * BAND + int(first[band]), band * BAND + int(end[band])))
            for band in np.flatnonzero(short).tolist()
        ]
        rows = np.flatnonzero(np.repeat(ragged, BAND))
        self._rows = np.append(rows, np.arange(self._bands * BAND, height))
        self._good_rows = good[self._rows]
        self._above = np.empty((self._bands, width), np.bool_)
        self._highest = np.empty((min(_AT_ONCE, self._bands), width), dtype)
        self._down = np.arange(BAND) * width

    def outstanding(self, pixels: Pixels, limits: Pixels) -> IntArray:
        """Flat indices of good pixels above their threshold, ascending.

        Args:
            pixels: (slow, fast), C-contiguous.
            limits: (bands of BAND rows, fast) thresholds of the pixels' type.
        """
        reached = self._reached(pixels, limits)
        if len(reached) * _MANY > self._above.size:
            return self._one_by_one(pixels, limits)
        band = reached // self._good.shape[1]
        index = (reached + band * self._down[-1])[:, None] + self._down
        above = pixels.ravel()[index] > limits.ravel()[reached][:, None]
        above &= self._good.ravel()[index]
        return np.sort(np.concatenate([index[above], self._in_rows(pixels, limits)]))

    def _reached(self, pixels: Pixels, limits: Pixels) -> IntArray:
        """Flat numbers of the columns in the bands of which a pixel may stand out."""
        columns = pixels[: self._bands * BAND].reshape(self._columns)
        for start in range(0, self._bands, _AT_ONCE):
            part = slice(start, min(start + _AT_ONCE, self._bands))
            highest = self._highest[: part.stop - start]
            np.maximum.reduce(columns[part], axis=1, out=highest)
            np.greater(highest, limits[part], out=self._above[part])
        for band, rows in self._short:
            highest = np.maximum.reduce(pixels[rows], axis=0, out=self._highest[0])
            np.greater(highest, limits[band], out=self._above[band])
        self._above &= self._use
        return where_true(self._above)

    def _in_rows(self, pixels: Pixels, limits: Pixels) -> IntArray:
        """Flat indices of those in the rows that are compared pixel by pixel."""
        above = pixels[self._rows] > limits[self._rows // BAND]
        above &= self._good_rows
        width = self._good.shape[1]
        row, column = np.divmod(np.flatnonzero(above), width)
        return np.asarray(self._rows[row] * width + column)

    def _one_by_one(self, pixels: Pixels, limits: NDArray[Any]) -> IntArray:
        """The same for images where much stands out."""
        above = np.empty(pixels.shape, np.bool_)
        end = self._bands * BAND
        np.greater(
            pixels[:end].reshape(self._columns),
            limits[: self._bands, None, :],
            out=above[:end].reshape(self._columns),
        )
        above[end:] = pixels[end:] > limits[self._bands :]
        above &= self._good
        return where_true(above)
