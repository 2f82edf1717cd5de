"""Spots of many hits, added up: a virtual powder picture and a peakogram.

Where spots lie shows rings of a powder, of ice and of salt, a detector that is out of
place, pixels that are always bright. The peakogram counts spots by resolution and
intensity: it shows how far crystals diffract, and what saturates.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import FloatArray
from recorder.ssx.preview.binning import binned_shape, binning
from recorder.ssx.spots.integrate import Spots

RESOLUTION_EDGES: FloatArray = 1 / np.linspace(0.02, 1.0, 50)
"""Å, falling: 49 equal steps of 1/d. Spots beyond are counted at the end next to
them."""
INTENSITY_EDGES: FloatArray = 10 ** np.linspace(0.0, 6.0, 61)
"""Counts of a spot, ten steps for each factor of ten; spots beyond as above."""
_NOWHERE = 0xFFFF
"""Cell of a spot without resolution: nobody knows where the detector is."""
MARK = np.dtype([("block", "<u4"), ("cell", "<u2"), ("counts", "<u4")])
"""One spot: its block of the picture, its cell of the peakogram, its counts."""


def marks(
    spots: Spots, q: FloatArray | None, shape: tuple[int, int]
) -> NDArray[np.void]:
    """The spots of one hit, as they are added up.

    Args:
        spots: Of the image.
        q: (n, 3) their scattering vectors, 1/Å; None without geometry.
        shape: (slow, fast) of the image.

    Returns:
        (n,) of type ``MARK``.
    """
    factor = binning(shape)
    height, width = binned_shape(shape, factor)
    out = np.empty(len(spots), MARK)
    column = np.clip(spots.x // factor, 0, width - 1).astype(np.intp)
    row = np.clip(spots.y // factor, 0, height - 1).astype(np.intp)
    out["block"] = row * width + column
    out["counts"] = np.clip(np.rint(spots.intensity), 0, 2**32 - 1)
    out["cell"] = _NOWHERE if q is None else _cells(spots.intensity, q)
    return out


def _cells(intensity: FloatArray, q: FloatArray) -> NDArray[np.int64]:
    norm = np.linalg.norm(q, axis=1)
    columns = len(INTENSITY_EDGES) - 1
    row = np.searchsorted(1 / RESOLUTION_EDGES, norm, "right") - 1
    column = np.searchsorted(INTENSITY_EDGES, intensity, "right") - 1
    row = np.clip(row, 0, len(RESOLUTION_EDGES) - 2)
    cell = row * columns + np.clip(column, 0, columns - 1)
    return np.where(np.isfinite(norm), cell, _NOWHERE)


@dataclass(eq=False)
class SpotSums:
    """The spots of the hits of one run.

    Args:
        shape: (slow, fast) of its images.
    """

    shape: tuple[int, int]
    hits: int = 0
    powder: NDArray[np.int64] = field(init=False)
    """(slow, fast) of the picture: counts of the spots in each block."""
    peakogram: NDArray[np.int64] = field(init=False)
    """(resolution, intensity): number of spots."""

    def __post_init__(self) -> None:
        """Nothing yet."""
        self.powder = np.zeros(binned_shape(self.shape, binning(self.shape)), np.int64)
        edges = len(RESOLUTION_EDGES) - 1, len(INTENSITY_EDGES) - 1
        self.peakogram = np.zeros(edges, np.int64)

    def add(self, found: NDArray[np.void], hits: int) -> None:
        """Add spots.

        Args:
            found: (n,) of type ``MARK``, of images of this shape.
            hits: Of how many images they are.
        """
        self.hits += hits
        inside = found[found["block"] < self.powder.size]
        np.add.at(self.powder.ravel(), inside["block"], inside["counts"].astype("i8"))
        cells = found["cell"][found["cell"] < self.peakogram.size]
        counted = np.bincount(cells, minlength=self.peakogram.size)
        self.peakogram += counted.reshape(self.peakogram.shape)
