"""What a run learns from its images, and from which."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

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
    images: int = 0
    """Images that it was learned from."""
    non_hits: int = 0
    """How many of those were non-hits."""

    def same_as(self, other: LearnedBackground) -> bool:
        """Whether images look alike with either; arrays are compared by value."""
        mine, theirs = (
            (one.gain, one.read_noise, one.underload, one.pedestal)
            for one in (self, other)
        )
        return self is other or (
            mine == theirs
            and np.array_equal(self.grid, other.grid)
            and np.array_equal(self.bad, other.bad)
        )


class FindingKind(StrEnum):
    """What the hits of a run say that people should know."""

    DISAGREE = "disagree"
    """Cell and geometry cannot both be right."""
    LIMIT = "limit"
    """A value would have to leave what is believed."""
    OTHER_CELL = "other_cell"
    """The hits index with another cell than the given one."""
    AXIS = "axis"
    """An axis of the given cell is a multiple of the true one, or a part of it."""
    UNLEARNED = "unlearned"
    """What was learned before was given up."""
    CELL_FOUND = "cell_found"
    """Nobody gave a cell, and the hits have one."""
    DRIFT = "drift"
    """The beam centre or the distance moves."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that people should know, with what to do."""

    kind: FindingKind
    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where the beam was at some image of the run, as its spots tell."""

    image_id: int
    beam_center: tuple[float, float]
    """(x, y), px."""
    distance: float
    """m."""
    scale: float
    """Size of the cell over that of the state: a drift of the wavelength shows here,
    too, and spots cannot tell the two apart."""


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
    lattice: str | None = None
    """Of a cell that was found: its Bravais lattice, such as ``tP``."""
    misfit: float | None = None
    """Of a cell that was found: how far it was from that symmetry, relative."""
    findings: tuple[Finding, ...] = ()
    """Of this state's lesson."""
    places: tuple[Place, ...] = ()
    """Of the hits of this state's lesson."""
    in_vain: int = 0
    """Lessons in a row whose search found nothing that the hits index with."""
    resting: int = 0
    """Lessons to come that do not search again."""

    @property
    def centring(self) -> str | None:
        """What stands for the space group of a cell that was found."""
        return self.lattice[1] if self.lattice else None


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
    hit_ids: tuple[int, ...] = ()
    """Image_ids of the hits, ascending; empty: they are not known."""
    used_at: float = 0.0
    """Middle image_id of those that will use the state."""
    last: bool = False
    """No lesson comes after it: nothing is put off."""

    def at_home(self) -> Lesson:
        """The same with the pixels that were brought home, not those that are lost."""
        images = [image.at_home() for image in self.images]
        return replace(
            self,
            images=tuple(image for image in images if image.held is None),
            non_hits=sum(image.held is None for image in images[: self.non_hits]),
        )
