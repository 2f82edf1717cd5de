"""What detectors and files send: series, images, bad messages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.foreign_text import plain
from recorder.records.classification import Unprocessed, Upstream

ONE_IMAGE_PER_TRIGGER = ("inte", "exte")
"""Modes of DECTRIS detectors in which each trigger makes one image; in all others it
makes ``nimages``."""


@dataclass(frozen=True, slots=True)
class DetectorInfo:
    """What a stream header or file master says of the detector; None if unsaid.

    The values are as sent: :func:`recorder.ssx.detector.geometry.resolve` checks and
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
    bit_depth: int | None = None
    """Bits that the detector uses of a pixel, which may be stored in more."""

    def __post_init__(self) -> None:
        """Whatever header or file they come from, its texts are one line each."""
        for name in ("sensor_material", "description", "serial_number"):
            if isinstance(text := getattr(self, name), str):
                object.__setattr__(self, name, plain(text.rstrip("\0")))


@dataclass(frozen=True, slots=True)
class Goniometer:
    """An axis as a header has it: one start and one step for all images of a series."""

    axis: str
    """``omega``, ``kappa``, ``phi``, ``chi`` or ``two_theta``."""
    start: float
    """Degrees."""
    increment: float
    """Degrees an image. Headers have 0 where nobody set it: then it says nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class FileAngles:
    """Angles of one axis as a file has them, an entry for each image."""

    axis: str
    start: NDArray[np.float64]
    """(n,), degrees at the start of each image; NaN where the file has none."""
    end: NDArray[np.float64] | None = None
    """(n,), the same at its end; None: the file does not say."""


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
    goniometer: tuple[Goniometer, ...] = ()
    """Axes of the header, those that stand included."""
    angles: FileAngles | None = None
    """Of a file that has an angle for each image."""
    triggers: int | None = None
    """Triggers that the detector waits for; None if unsaid, as in stream v2."""
    images_per_trigger: int | None = None
    problems: tuple[str, ...] = ()
    """What the header holds that could not be used, for people."""
    received_ns: int = 0


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """Where the bytes of one image lie in a file, and how that file was then."""

    file: str
    """Absolute, links resolved."""
    offset: int
    size: int
    file_size: int
    mtime_ns: int


@dataclass(slots=True, weakref_slot=True, eq=False)
class HeldPixels:
    """The bytes of one image that a node received and keeps."""

    node: int
    """Session of the node."""
    number: int
    """Of the image there."""
    size: int
    data: bytes | None = None
    """Once they were brought home; the node needs to keep them no longer."""


@dataclass(frozen=True, slots=True, eq=False)
class Payload:
    """Pixels of one image as they came, compressed or not."""

    data: bytes | memoryview
    """Empty where only ``stored`` or ``held`` tells where they are."""
    encoding: str
    """One of ``raw``, ``bslz4``, ``lz4`` (HDF5 framing), ``bszstd``,
    ``lz4block`` (bare LZ4 block), ``gzip``, ``gzip+shuffle``."""
    shape: tuple[int, int]
    """(slow, fast)."""
    dtype: str
    """numpy name with byte order where it is big endian: ``uint16``, ``>u4``."""
    column_major: bool = False
    """True: the first index runs fastest (CBOR tag 1040)."""
    stored: StoredChunk | None = None
    """Who decodes it reads it there: its bytes do not travel."""
    held: HeldPixels | None = None
    """Only that node decodes it: its bytes do not travel."""

    @property
    def node(self) -> int | None:
        """Session of the node that alone can decode it; None: whoever gets it can."""
        held = self.held
        return None if held is None or held.data is not None else held.node

    def at_home(self) -> Payload:
        """The same with the bytes that were brought home, if they were held."""
        if self.held is None or self.held.data is None:
            return self
        return replace(self, data=self.held.data, held=None)

    @property
    def size(self) -> int:
        """Bytes of its pixels as they came, wherever they are."""
        place = self.stored or self.held
        return len(self.data) if place is None else place.size


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
    remark: str = ""
    """What of it was mended, for people: said once in a run."""
    pulled_by: int = 0
    """Nodes of ours that receive from its detector; 0: the recorder does."""

    @property
    def pixel_bytes(self) -> int:
        """Bytes of its pixels as they came."""
        return 0 if self.payload is None else self.payload.size


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
    collection: str | None = None
    """Uid of the run that it was for, if it says so; None: it may be any."""


DetectorRecord = SeriesStart | Image | SeriesEnd | BadMessage
