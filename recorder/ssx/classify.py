"""From the pixels of one image to its class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recorder.records import (
    Classification,
    ClassifierSetup,
    Geometry,
    ImageClass,
    Lattice,
)
from recorder.ssx import geometry, rings
from recorder.ssx.indexing import Indexer
from recorder.ssx.measure import Spots
from recorder.ssx.spots import SpotFinder

FloatArray = NDArray[np.float64]

_RESOLUTION_SHARE = 0.95
"""Share of the spots below the reported resolution limit."""


class Classifier:
    """Classifies images of one series; nothing is carried from image to image.

    Args:
        setup: What is known before the first image.

    Raises:
        UnitCellError: The setup's cell is none.
    """

    def __init__(self, setup: ClassifierSetup) -> None:
        self._setup = setup
        self._dtype = np.dtype(setup.dtype).newbyteorder("=")
        self._finder = SpotFinder(
            setup.shape,
            self._dtype,
            setup.geometry,
            setup.mask,
            setup.flatfield,
            setup.saturation,
        )
        self._indexer: Indexer | None = None
        if setup.cell is not None and setup.geometry is not None:
            if setup.settings.index:
                self._indexer = Indexer(setup.cell, setup.space_group, setup.settings)

    def classify(self, pixels: NDArray[np.integer]) -> Classification:
        """Classify one image.

        Args:
            pixels: (slow, fast) of the type and shape of the setup, in any byte order;
                not changed.

        Returns:
            The class and what it rests on.

        Raises:
            ValueError: Shape or type is not the setup's.
        """
        kind = pixels.dtype.newbyteorder("=")
        if pixels.shape != self._setup.shape or kind != self._dtype:
            raise ValueError(
                f"image is {pixels.shape} {pixels.dtype}, "
                f"set up for {self._setup.shape} {self._dtype}"
            )
        settings = self._setup.settings
        found = self._finder.find(
            np.ascontiguousarray(pixels, dtype=self._dtype),
            settings.gain,
            settings.min_snr,
        )
        spots, q, on_rings = self._without_rings(found.spots)
        lattices = self._lattices(q)
        if lattices:
            verdict = ImageClass.INDEXED
        elif len(spots) >= settings.min_spots_hit:
            verdict = ImageClass.NON_INDEXED_HIT
        else:
            verdict = ImageClass.NON_HIT
        return Classification(
            image_class=verdict,
            spots=len(spots),
            lattices=lattices,
            resolution=_resolution(q),
            background=found.background.level,
            saturated_pixels=found.saturated,
            rings=on_rings,
        )

    def _without_rings(self, spots: Spots) -> tuple[Spots, FloatArray | None, int]:
        """Spots off powder rings, their scattering vectors, number on rings."""
        detector: Geometry | None = self._setup.geometry
        if detector is None:
            return spots, None, 0
        q = geometry.scattering_vectors(detector, spots.x, spots.y)
        norm = np.linalg.norm(q, axis=1)
        ring = rings.on_rings(norm, self._setup.settings.ring_share)
        return spots.select(~ring), q[~ring], int(ring.sum())

    def _lattices(self, q: FloatArray | None) -> tuple[Lattice, ...]:
        settings = self._setup.settings
        if self._indexer is None or q is None or len(q) < settings.min_spots_index:
            return ()
        return self._indexer.index(q[: settings.max_spots])


def _resolution(q: FloatArray | None) -> float | None:
    """Spacing (Å) below which only few of the spots are; None without spots."""
    if q is None or len(q) == 0:
        return None
    norm = np.sort(np.linalg.norm(q, axis=1))
    limit = float(norm[round(_RESOLUTION_SHARE * (len(norm) - 1))])
    return 1.0 / limit if limit > 0 else None
