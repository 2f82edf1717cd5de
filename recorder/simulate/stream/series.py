"""What the simulated detector will show: one series, encoded once, and its truth."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.errors import UsageError
from recorder.records import DetectorInfo, Image, Json, Payload
from recorder.simulate.arrays import Ints
from recorder.simulate.stills.render import Still, StillGenerator
from recorder.simulate.stills.settings import StillSettings
from recorder.simulate.stream.bslz4 import bslz4_chunk
from recorder.sources.hdf5.file import Hdf5File


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One distinct image: its pixels as they are sent, and what is true of it."""

    payload: Payload
    kind: str | None
    """``hit``, ``multi``, ``miss``; None if nobody knows (a real file)."""
    orientations: tuple[tuple[float, ...], ...] = ()
    artefacts: Json = field(default_factory=dict)
    """What else is true of it: what :attr:`Still.truth` names."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Images to send, by index, and what the header says of them."""

    frames: tuple[Frame, ...]
    order: NDArray[np.int64]
    """Index into frames for each image."""
    info: DetectorInfo
    mask: NDArray[np.bool_] | None
    unit_cell: tuple[float, ...] | None
    space_group: str | None

    def frame(self, image_id: int) -> Frame:
        """The image that the detector sends under this image_id."""
        return self.frames[int(self.order[image_id % len(self.order)])]


def synthetic_series(
    images: int,
    seed: int,
    *,
    pool: int = 24,
    hits: Sequence[bool] | None = None,
    settings: StillSettings | None = None,
    generator: StillGenerator | None = None,
) -> Series:
    """Stills of known crystals.

    Args:
        images: Images in the series.
        seed: Decides everything.
        pool: Distinct stills; rendering costs some 40 ms for each megapixel. With a
            drift, images of like phase, or near each other, show the same still.
        hits: Which images show crystals; None: as many as the settings say, at random.
        settings: What to simulate.
        generator: Detector to go on with; a seed of its own would be another one.
    """
    settings = settings or StillSettings()
    generator = generator or StillGenerator(settings, seed)
    rng = np.random.default_rng(seed + 1)
    draw = rng.random(images)
    multi = settings.hit_share * settings.multi_share
    hit = draw < settings.hit_share
    if hits is not None:
        hit, multi = np.array(hits, np.bool_), settings.multi_share
    kinds = np.where(hit, np.where(draw < multi, "multi", "hit"), "miss")
    order = np.zeros(images, np.int64)
    stills: list[Still] = []
    for kind in ("miss", "hit", "multi"):
        places = np.flatnonzero(kinds == kind)
        count = min(len(places), max(1, round(pool * len(places) / max(images, 1))))
        first = len(stills)
        which = rng.integers(0, count, len(places)) if count else places
        if period := _period(settings):
            which = _by_phase(places, period, count)
        for n in range(count):
            index = seed * 1000 + len(stills) + n * 100_000
            when = float(places[np.argmax(which == n)])
            stills.append(generator.still(index, kind, when))
        order[places] = first + which
    payloads = encode([still.pixels for still in stills])
    return Series(
        frames=tuple(
            Frame(payload, still.kind, still.orientations, still.truth)
            for payload, still in zip(payloads, stills, strict=True)
        ),
        order=order,
        info=header_info(settings),
        mask=generator.mask,
        unit_cell=settings.told_cell,
        space_group=settings.space_group,
    )


def file_series(path: Path, images: int | None) -> Series:
    """Images of an HDF5 file, their chunks passed through as they are.

    Raises:
        UsageError: None of its images can be read.
    """
    source = Hdf5File(path)
    start = source.start("simulator")
    found: list[Image] = []
    for image in source.images(start):
        found.append(image)
        if images is not None and len(found) >= images:
            break
    frames = tuple(
        Frame(image.payload, None) for image in found if image.payload is not None
    )
    if not frames:
        raise UsageError(f"{path}: none of its images can be read")
    count = images or len(frames)
    order = np.arange(count, dtype=np.int64) % len(frames)
    return Series(frames, order, start.info, start.mask, None, None)


def encode(stack: Sequence[NDArray[Any]]) -> list[Payload]:
    """Compress images, (slow, fast) each, with bitshuffle and LZ4 like a detector."""
    payloads = []
    for pixels in stack:
        shape = (int(pixels.shape[0]), int(pixels.shape[1]))
        payloads.append(Payload(bslz4_chunk(pixels), "bslz4", shape, pixels.dtype.str))
    return payloads


def _period(settings: StillSettings) -> float:
    """Images after which a run looks as it did: inf if never, 0 if it never changes."""
    if settings.drifts:
        return math.inf
    return settings.background_drift[1] if settings.background_drift[0] else 0


def _by_phase(places: Ints, period: float, count: int) -> Ints:
    """Which of ``count`` stills each image shows: images of like phase of a drift.

    Args:
        places: Numbers of the images, (n,).
        period: Of the drift (images); inf: it does not come back.
        count: Stills; no more than images.

    Returns:
        0 to ``count - 1`` for each image, (n,); each of them occurs.
    """
    which = np.empty(len(places), np.int64)
    by_phase = np.argsort(places % period, kind="stable")
    which[by_phase] = np.arange(len(places)) * count // max(1, len(places))
    return which


def header_info(settings: StillSettings) -> DetectorInfo:
    """What the header says of the detector that shows such stills."""
    geometry, dtype = settings.told_geometry, settings.dtype
    return DetectorInfo(
        shape=geometry.shape,
        dtype=dtype,
        pixel_size=geometry.pixel_size,
        distance=geometry.distance,
        beam_center=geometry.beam_center,
        wavelength=geometry.wavelength,
        photon_energy=12398.419843 / geometry.wavelength,
        saturation=float(np.iinfo(dtype).max - 1),
        exposure_time_s=1e-4,
        sensor_material="Si",
        sensor_thickness=0.00045,
        description=f"Simulated {'JUNGFRAU' if settings.signed else 'EIGER'}",
        serial_number="SIM-0001",
        flatfield_applied=True,
    )


def with_frame_time(series: Series, period_s: float) -> Series:
    """The series at a rate: the header's times follow it."""
    info = replace(
        series.info, frame_time_s=period_s, exposure_time_s=min(1e-4, period_s / 2)
    )
    return replace(series, info=info)


def default_chains(
    images: int, period_s: float, laser_every: int, delay_s: float
) -> list[Json]:
    """A pump-probe experiment: the laser fires before every n-th X-ray pulse."""
    detections: list[Json] = []
    if laser_every:
        detections.append(
            {
                "type": "LaserExcitation",
                "name": "pump",
                "offset": 0.0,
                "duration": 1e-8,
                "period": period_s * laser_every,
                "repetition": math.ceil(images / laser_every),
            }
        )
    detections.append(
        {
            "type": "XrayDetection",
            "offset": delay_s if laser_every else 0.0,
            "duration": min(1e-4, period_s / 2),
            "period": period_s,
            "repetition": images,
        }
    )
    mixing = [
        {"type": "ReactionTrigger", "name": "mixed a", "offset": -50.0},
        {"type": "ReactionTrigger", "name": "mixed b", "offset": -50.0},
        {"type": "ReactionTrigger", "name": "mixed c", "offset": 0.0},
    ]
    return [
        {"name": "Detections", "scope": "collection", "events": detections},
        {"name": "Sample preparation", "scope": "collection", "events": mixing},
    ]


def dump_line(body: Json) -> str:
    """One line of a truth file."""
    return json.dumps(body, separators=(",", ":")) + "\n"
