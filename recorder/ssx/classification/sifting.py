"""Which spots of an image may come from a crystal of the sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recorder.records import ClassifySettings, Geometry
from recorder.ssx.arrays import BoolArray, FloatArray
from recorder.ssx.detector.geometry import scattering_vectors
from recorder.ssx.spots.integrate import Spots
from recorder.ssx.spots.powder_rings import Shells, on_rings
from recorder.ssx.spots.spot_lines import on_lines


@dataclass(frozen=True, slots=True, eq=False)
class Sifted:
    """The spots of an image, and where they lie; arrays of equal length n."""

    spots: Spots
    q: FloatArray | None
    """(n, 3) 1/Å; None without geometry."""
    ring: BoolArray
    """(n,) on powder rings."""
    line: BoolArray
    """(n,) on one line, or in few columns or rows."""

    @property
    def rest(self) -> BoolArray:
        """(n,) spots on no ring and no line."""
        return np.asarray(~(self.ring | self.line))


def sift(
    spots: Spots,
    shape: tuple[int, int],
    detector: Geometry | None,
    shells: Shells | None,
    settings: ClassifySettings,
) -> Sifted:
    """Tell the spots of powder rings and of lines from the others.

    Args:
        spots: Of an image, strongest first.
        shape: (slow, fast) of the image.
        detector: None: rings are not looked for.
        shells: Of the same detector.
        settings: How to classify.
    """
    line = on_lines(spots.x, spots.y, shape)
    ring = np.zeros(len(spots), np.bool_)
    q = None
    if detector is not None and shells is not None:
        q = scattering_vectors(detector, spots.x, spots.y)
        norm = np.linalg.norm(q[~line], axis=1)
        ring[~line] = on_rings(norm, settings.ring_share, shells)
    return Sifted(spots, q, ring, line)
