"""Which pixels share a bin: rings about the beam, or tiles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recorder.records import Geometry
from recorder.ssx.arrays import FloatArray, IntArray
from recorder.ssx.detector.geometry import positions

_BIN_WIDTH = 6.0
"""Radial bins, px."""
_MOST_BINS = 2000
"""Radial bins at most: wider ones where the beam centre is far off. Chosen, not tuned;
a 16 megapixel detector has some 500 of 6 px."""
_TILE = 64
"""Pixels along a side of a square tile, where the beam centre is unknown. With a
geometry there are none, so no benchmark sees it: chosen, not tuned."""


class Bins:
    """Which bin a pixel belongs to: rings about the beam, or tiles."""

    def __init__(self, shape: tuple[int, int], geometry: Geometry | None) -> None:
        self.shape = shape
        self.radial = geometry is not None
        if geometry is None:
            self._columns = -(-shape[1] // _TILE)
            self.count = self._columns * -(-shape[0] // _TILE)
            return
        self._pixel = min(geometry.pixel_size)
        self._distance, self._wavelength = geometry.distance, geometry.wavelength
        self._geometry = geometry
        farthest = float(self._radius(*_corners(geometry)).max())
        # a far-away beam centre must not make millions of bins
        self._width = max(_BIN_WIDTH, farthest / _MOST_BINS)
        self.count = int(farthest / self._width) + 1

    def _radius(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Distance from the beam (pixels); 0 where there is no detector."""
        x, y = np.broadcast_arrays(x, y)
        at = positions(self._geometry, x.ravel(), y.ravel())
        radius = np.hypot(at[:, 0], at[:, 1]) / self._pixel
        return np.nan_to_num(radius).reshape(x.shape)

    def __call__(self, x: NDArray[np.integer], y: NDArray[np.integer]) -> IntArray:
        """Bin numbers of pixels by their integer indices; arrays broadcast."""
        if not self.radial:
            tiles = (y // _TILE) * self._columns + x // _TILE
            return np.asarray(tiles, dtype=np.intp)
        radius = self._radius(np.add(x, 0.5), np.add(y, 0.5))
        bins = (radius / self._width).astype(np.intp)
        return np.minimum(bins, self.count - 1)

    def spacing(self) -> FloatArray:
        """(bins,) lattice-plane spacing d in the middle of each bin, Å."""
        if not self.radial:
            return np.full(self.count, np.nan)
        radius = (np.arange(self.count) + 0.5) * self._width * self._pixel
        angle = np.arctan2(radius, self._distance)
        return np.asarray(self._wavelength / (2 * np.sin(angle / 2)))

    def lowest_near(self, values: FloatArray) -> FloatArray:
        """(bins,) the lowest value among each bin and its neighbours."""
        if not self.radial or len(values) < 2:
            return values
        out = values.copy()
        np.minimum(out[1:], values[:-1], out=out[1:])
        np.minimum(out[:-1], values[1:], out=out[:-1])
        return out


def _corners(geometry: Geometry) -> tuple[FloatArray, FloatArray]:
    """X and y (px) of points of which one is the farthest from the beam."""
    height, width = geometry.shape
    boxes = [(0, 0, width, height)]
    if geometry.panels:
        boxes = [(*panel.first, *panel.size) for panel in geometry.panels]
    x, y, wide, high = np.array(boxes, np.float64).T
    # just inside: a corner between panels belongs to none
    wide, high = wide - 1e-3, high - 1e-3
    return np.concatenate([x, x + wide, x, x + wide]), np.concatenate(
        [y, y, y + high, y + high]
    )
