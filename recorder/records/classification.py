"""Classes, lattices, and how much work an image gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

import numpy as np
from numpy.typing import NDArray

from recorder.records.geometry import Geometry
from recorder.records.units import Cell


class ImageClass(StrEnum):
    """The three classes; they partition the classified images."""

    INDEXED = "indexed"
    NON_INDEXED_HIT = "non_indexed_hit"
    NON_HIT = "non_hit"


class Unprocessed(StrEnum):
    """Why an image was received but not classified."""

    OVERLOAD = "overload"
    CORRUPT = "corrupt"
    PARTIAL = "partial"
    UNSUPPORTED = "unsupported"
    WORKER_LOST = "worker_lost"


class WorkLevel(IntEnum):
    """What is left out under overload, in this order."""

    FULL = 0
    NO_RETRY = 1
    """Images that do not index at the first try are not tried again."""
    ONE_LATTICE = 2
    """No further lattices are looked for."""
    NO_INDEXING = 3
    """Spots only: of four hits one is indexed."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """What a stream's own analysis says of an image."""

    indexed: bool
    spots: int | None = None
    """None if it does not say."""
    cell: Cell | None = None
    vectors: tuple[float, ...] | None = None
    """Real-space a, b, c in the laboratory frame (Å), row by row."""
    background: float | None = None
    resolution: float | None = None
    saturated_pixels: int = 0


@dataclass(frozen=True, slots=True)
class ClassifySettings:
    """How images are classified; see docs/reference/configuration.md."""

    min_spots_hit: int = 8
    min_spots_index: int = 6
    max_spots: int = 300
    min_snr: float = 4.0
    gain: float | None = None
    """Counts per photon; None estimates it from variance against mean."""
    nfa_max: float = -3.5
    min_inlier_share: float = 0.15
    ring_share: float = 0.6
    max_lattices: int = 3
    index: bool = True
    calibrate: bool = True
    """Learn geometry and cell from the hits."""
    max_cell_length: float = 250.0
    """Longest edge (Å) of a cell that is searched."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassifierSetup:
    """All that a classifier needs to know before the first image of a series."""

    shape: tuple[int, int]
    dtype: str
    geometry: Geometry | None
    """None: spots are found, nothing is indexed."""
    cell: Cell | None
    space_group: str | None
    mask: NDArray[np.bool_] | None
    flatfield: NDArray[np.float32] | None
    saturation: float | None
    settings: ClassifySettings
    flag: int | None = None
    """Marks bad pixels beside the highest (unsigned) or lowest value of the type."""


@dataclass(frozen=True, slots=True)
class Lattice:
    """One lattice found in an image."""

    cell: Cell
    vectors: tuple[float, ...]
    """Nine numbers: real-space a, b, c in the laboratory frame (Å), row by row."""
    spots: int
    log10_nfa: float
    """NaN if an upstream analysis does not tell, as the residual."""
    residual: float
    """Mean distance of the indexed spots from their lattice points (1/Å)."""
    found_by: str = "fast"
    """Which pass: ``fast``, ``hard`` (more directions, of older versions) or ``fitted``
    (scale and beam centre fitted)."""
    cell_error: Cell | None = None
    """Standard errors of `cell`; None if it is not this lattice's own."""


@dataclass(frozen=True, slots=True)
class Classification:
    """What the pixels of one image say."""

    image_class: ImageClass
    spots: int
    lattices: tuple[Lattice, ...] = ()
    resolution: float | None = None
    """Estimated resolution limit (Å), None without spots or geometry."""
    background: float | None = None
    """Mean counts of a good pixel away from spots."""
    saturated_pixels: int = 0
    solvent: float | None = None
    """Mean counts in the solvent ring over `background`: is the jet there?"""
    rings: int = 0
    """Spots discarded because they lie on powder rings."""
    lines: int = 0
    """Spots discarded because they lie on one line, or in few columns or rows."""
    reason: str = ""
    """Why the image shows nothing, such as that it is constant; else empty."""
    learned: int = 0
    """Number of the learned state that was used."""
    effort: WorkLevel = WorkLevel.FULL
    """What was left out under overload."""
    upstream: bool = False
    """Taken from the stream's own analysis, not made here."""
    before: ImageClass | None = None
    """Its class before it was looked at again at the end of its run; None: it was
    looked at once."""
    positions: NDArray[np.float32] | None = field(
        default=None, compare=False, repr=False
    )
    """(n, 2) spots of a hit, px, strongest first: what the run learns from."""
