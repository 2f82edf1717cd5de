"""What a run learns from its images, and from which."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.records.detector import Payload
from recorder.records.geometry import Geometry
from recorder.records.units import Cell


@dataclass(frozen=True, slots=True, eq=False)
class LearnedBackground:
    """Background of a run, learned from its first images and renewed later."""

    grid: NDArray[np.float32]
    """(slow / 8, fast / 8, rounded up) mean counts of a pixel in blocks of 8 x 8."""
    bad: NDArray[np.bool_]
    """(slow, fast), True = hot, dead or always flagged; the mask is not repeated."""
    gain: float
    """Counts per photon."""
    read_noise: float = 0.0
    """Electronic noise, photons²."""
    underload: float = -math.inf
    """Pixels with lower counts are flags."""
    pedestal: float = 0.0
    """Counts of a pixel without a photon."""
    measured_gain: float | None = None
    """Where the gain is given: what the images show, None if they do not tell."""


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What a run has taught up to some image; each image is told which to use."""

    number: int
    """Counts from 1; 0 stands for nothing learned."""
    background: LearnedBackground | None = None
    geometry: Geometry | None = None
    """Refined; None: as in the setup."""
    cell: Cell | None = None
    """Refined or found; None: as in the setup."""
    cell_found: bool = False
    """The cell was not given but found in the images."""
    images: int = 0
    """Indexed images that geometry and cell rest on."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What a run is to learn from; a worker makes it a :class:`Learned`."""

    number: int
    """Of the state that comes out."""
    images: tuple[Payload, ...] = ()
    """For the background, non-hits first."""
    non_hits: int = 0
    hits: tuple[NDArray[np.float32], ...] = ()
    """Per hit (n, 2) spot positions, px, strongest first."""
