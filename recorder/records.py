"""What flows through the recorder: frozen records, no I/O.

Units: times in integer nanoseconds (``*_ns``) or seconds (``*_s``), detector
distance and pixel size in metres, beam centre in pixels counted from the outer
corner of pixel 0 (the middle of pixel ``i`` is ``i + 0.5``), wavelength and unit
cell in ångström, angles in degrees.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Cell = tuple[float, float, float, float, float, float]
Json = dict[str, Any]


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


class Effort(IntEnum):
    """What is left out under overload, in this order."""

    FULL = 0
    NO_RETRY = 1
    """Images that do not index at the first try are not tried again."""
    ONE_LATTICE = 2
    """No further lattices are looked for."""
    NO_INDEXING = 3
    """Spots only: of four hits one is indexed."""


class Pump(StrEnum):
    """Pump state of an image."""

    LIGHT = "light"
    DARK = "dark"
    UNKNOWN = "unknown"


class Evidence(StrEnum):
    """Why a label is believed, best first."""

    MEASURED = "measured"
    CAPTURED = "captured"
    CLOCK = "clock"
    IMAGE_ID = "image_id"
    COMMANDED = "commanded"
    NONE = "none"


class EventType(StrEnum):
    """The event types of ISPyB."""

    XRAY_DETECTION = "XrayDetection"
    XRAY_EXPOSURE = "XrayExposure"
    LASER_EXCITATION = "LaserExcitation"
    REACTION_TRIGGER = "ReactionTrigger"


class RunState(StrEnum):
    """Where a run is in its life."""

    ANNOUNCED = "announced"
    OPEN = "open"
    DRAINING = "draining"
    SEALED = "sealed"


class RunStatus(StrEnum):
    """How a run ended."""

    RUNNING = "running"
    SUCCESS = "success"
    ABORTED = "aborted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DetectorInfo:
    """What a stream header or file master says of the detector; None if unsaid.

    The values are as sent: :func:`recorder.ssx.geometry.resolve` checks and
    overrides them.
    """

    shape: tuple[int, int] | None = None
    """(slow, fast) = (y, x) pixels."""
    dtype: str | None = None
    pixel_size: tuple[float, float] | None = None
    """(x, y), m."""
    distance: float | None = None
    beam_center: tuple[float, float] | None = None
    """(x, y), px."""
    wavelength: float | None = None
    photon_energy: float | None = None
    """eV."""
    saturation: float | None = None
    exposure_time_s: float | None = None
    frame_time_s: float | None = None
    sensor_material: str | None = None
    sensor_thickness: float | None = None
    description: str | None = None
    serial_number: str | None = None
    flatfield_applied: bool | None = None
    nframes_sum: int | None = None


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """Identity of a series: restarted detectors repeat the id, not the arm time."""

    source: str
    series_id: int
    unique_id: str


@dataclass(frozen=True, slots=True, eq=False)
class SeriesStart:
    """A detector (or a file) begins a series."""

    key: SeriesKey
    info: DetectorInfo
    expected_images: int | None = None
    arm_time_ns: int | None = None
    """Unix ns; None if the header has no zoned time."""
    recorder_uid: str | None = None
    """Run uid that travels in the detector's appendix."""
    user_data: Any = None
    mask: NDArray[np.bool_] | None = None
    """(slow, fast), True = bad pixel."""
    flatfield: NDArray[np.float32] | None = None
    """(slow, fast), factor to multiply counts with."""
    channels: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    """What the header holds that could not be used, for people."""
    received_ns: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Payload:
    """Pixels of one image as they came, compressed or not."""

    data: bytes | memoryview
    encoding: str
    """One of ``raw``, ``bslz4``, ``lz4`` (HDF5 framing), ``bszstd``,
    ``lz4block`` (bare LZ4 block), ``gzip``, ``gzip+shuffle``."""
    shape: tuple[int, int]
    """(slow, fast)."""
    dtype: str
    """numpy name with byte order where it is big endian: ``uint16``, ``>u4``."""
    column_major: bool = False
    """True: the first index runs fastest (CBOR tag 1040)."""


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


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """One exposure of a series."""

    key: SeriesKey
    image_id: int
    payload: Payload | None
    """None if the pixels cannot be had: then ``problem`` says why."""
    problem: tuple[Unprocessed, str] | None = None
    start_time_ns: int | None = None
    """Detector clock of unknown epoch."""
    stop_time_ns: int | None = None
    series_date_ns: int | None = None
    ignored_channels: tuple[str, ...] = ()
    recorder_uid: str | None = None
    received_ns: int = 0
    upstream: Upstream | None = None
    """The stream's own analysis, if it sends one."""

    @property
    def pixel_bytes(self) -> int:
        """Bytes of pixels that it keeps in memory."""
        return 0 if self.payload is None else len(self.payload.data)


@dataclass(frozen=True, slots=True)
class SeriesEnd:
    """A detector (or a file) ends a series."""

    key: SeriesKey
    received_ns: int = 0


@dataclass(frozen=True, slots=True)
class BadMessage:
    """A message that could not be used: counted, logged, skipped."""

    source: str
    kind: str
    detail: str
    received_ns: int = 0


@dataclass(frozen=True, slots=True)
class Collection:
    """An announced run (``collection/start``)."""

    uid: str
    time_ns: int
    body: Json
    """The message as validated, unknown keys kept."""
    received_ns: int = 0

    @property
    def series_unique_id(self) -> str | None:
        """The detector series that the announcement names, if it does."""
        value = self.body.get("series_unique_id")
        return None if value is None else str(value)


@dataclass(frozen=True, slots=True)
class CollectionEnd:
    """The announced end of a run (``collection/end``)."""

    uid: str
    time_ns: int
    status: RunStatus
    reason: str = ""
    received_ns: int = 0
    images: int | None = None
    """Images that the detector made, if the sender knows: tells a lost tail from
    missed triggers."""


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """Something that happened at the beamline (``event``)."""

    uid: str
    type: EventType
    time_ns: int
    collection: str | None = None
    name: str | None = None
    duration_s: float | None = None
    trigger: int | None = None
    clock: str | None = None
    evidence: Evidence = Evidence.COMMANDED
    value: float | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    received_ns: int = 0


DetectorRecord = SeriesStart | Image | SeriesEnd | BadMessage
ControlRecord = Collection | CollectionEnd | TimedEvent | BadMessage


@dataclass(frozen=True, slots=True)
class ChainEvent:
    """One declared event of a chain; a pattern, not single pulses."""

    type: EventType
    offset: float
    name: str | None = None
    duration: float | None = None
    period: float | None = None
    repetition: int | None = None
    """None means unknown, not zero."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Events that belong together."""

    name: str
    scope: str
    """``collection``: offsets from the run's start, repetition over the whole run;
    ``position``: per position, repetition = shots per position."""
    events: tuple[ChainEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Panel:
    """A flat piece of a detector, by where its pixels lie in the image."""

    name: str
    first: tuple[int, int]
    """(fast, slow) of its first pixel in the image."""
    size: tuple[int, int]
    """(fast, slow) pixels."""
    corner: tuple[float, float, float]
    """Outer corner of its first pixel (m): x and y from the beam, z from the
    detector's distance on, along the beam."""
    fast: tuple[float, float, float]
    """From pixel to pixel along the image's rows, m."""
    slow: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where the pixels are, as it is used: flat and perpendicular, or panels."""

    shape: tuple[int, int]
    pixel_size: tuple[float, float]
    distance: float
    beam_center: tuple[float, float]
    """(x, y), px; with panels, how far the beam is from where they say, in pixels."""
    wavelength: float
    panels: tuple[Panel, ...] = ()


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


@dataclass(frozen=True, slots=True, eq=False)
class LearnedBackground:
    """Background of a run, learned from its first images and renewed later."""

    grid: NDArray[np.float32]
    """(slow / 8, fast / 8, rounded up) mean counts of a pixel in blocks of 8 x 8."""
    bad: NDArray[np.bool_]
    """(slow, fast), True = hot, dead or always flagged; the mask is not repeated."""
    gain: float
    """Counts per photon."""
    excess: float = 0.0
    """Electronic noise, photons²."""
    lowest: float = -math.inf
    """Pixels with lower counts are flags."""


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


@dataclass(frozen=True, slots=True)
class Lattice:
    """One lattice found in an image."""

    cell: Cell
    vectors: tuple[float, ...]
    """Nine numbers: real-space a, b, c in the laboratory frame (Å), row by row."""
    spots: int
    log10_nfa: float
    residual: float
    """Mean distance of the indexed spots from their lattice points (1/Å)."""
    found_by: str = "fast"
    """Which pass: ``fast``, ``hard`` (more directions) or ``fitted`` (free cell)."""


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
    """Spots discarded because they lie on one powder or ice ring."""
    learned: int = 0
    """Number of the learned state that was used."""
    effort: Effort = Effort.FULL
    """What was left out under overload."""
    upstream: bool = False
    """Taken from the stream's own analysis, not made here."""
    positions: NDArray[np.float32] | None = field(
        default=None, compare=False, repr=False
    )
    """(n, 2) spots of a hit, px, strongest first: what the run learns from."""
