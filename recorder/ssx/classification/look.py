"""What one image shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.records import Classification, Geometry
from recorder.ssx.arrays import FloatArray, Pixels
from recorder.ssx.spots.integrate import Spots

_RESOLUTION_SHARE = 0.95
"""Share of the spots below the reported resolution limit."""
NO_SPOTS = Spots(*(np.zeros(0) for _ in range(4)))
"""Of an image that shows nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What one image shows, and what that rests on: what a picture of it needs."""

    classification: Classification
    pixels: Pixels
    """(slow, fast) as they were looked at, marked where bad."""
    spots: Spots
    """Those that count, strongest first."""
    q: FloatArray | None
    """(n, 3) their scattering vectors, 1/Å; None without geometry."""
    geometry: Geometry | None
    """That was used."""
    primitive: tuple[FloatArray, ...] = ()
    """(3, 3) primitive basis of each lattice in the laboratory frame, rows in Å."""


def positions(spots: Spots, most: int) -> NDArray[np.float32]:
    """(n, 2) of the strongest spots, px."""
    return np.stack([spots.x[:most], spots.y[:most]], axis=1).astype(np.float32)


def resolution(q: FloatArray | None) -> float | None:
    """Spacing (Å) below which only few of the spots are; None without spots."""
    if q is None or len(q) == 0:
        return None
    norm = np.sort(np.linalg.norm(q, axis=1))
    limit = float(norm[round(_RESOLUTION_SHARE * (len(norm) - 1))])
    return 1.0 / limit if limit > 0 else None
