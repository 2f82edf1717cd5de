"""Simulated images with their truth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.peers.exchange import REPEATS, Images, Setup, cpu, save
from benchmarks.sender import SEED, SHAPE
from recorder.records import Geometry
from recorder.simulate.stills.render import (
    Still,
    StillGenerator,
    StillSettings,
    default_geometry,
)
from recorder.simulate.stream.series import encode
from recorder.sources.pixels import decode

MIN_SPOTS = 30
LEARN_FROM = 50_000
"""First image to learn from; the test images are the first ones."""
LEARN_HITS = 0.2


@dataclass(frozen=True)
class Scene:
    """What was drawn."""

    stills: list[Still]
    decode: float
    """CPU seconds to decode one test image."""


def settings() -> StillSettings:
    """The detector of `make bench`."""
    square = default_geometry(SHAPE[1])
    geometry = Geometry(
        SHAPE, square.pixel_size, square.distance, square.beam_center, square.wavelength
    )
    return StillSettings(
        geometry=geometry, hit_share=LEARN_HITS, multi_share=0, min_spots=MIN_SPOTS
    )


def draw(folder: Path, count: int, learn: int) -> Scene:
    """Blanks, then as many hits of one lattice; leaves them in the folder."""
    simulated = settings()
    generator = StillGenerator(simulated, SEED)
    kinds = ["miss"] * (count - count // 2) + ["hit"] * (count // 2)
    stills = [generator.still(n, kind=kind) for n, kind in enumerate(kinds)]
    geometry = simulated.geometry
    x, y = geometry.beam_center
    setup = Setup(
        geometry.pixel_size[0],
        geometry.distance,
        (x, y),
        geometry.wavelength,
        tuple(simulated.cell),
        simulated.space_group,
    )
    test = np.stack([still.pixels for still in stills]).astype(np.uint16)
    more = [generator.still(LEARN_FROM + n).pixels for n in range(learn)]
    save(Images(folder, test, np.stack(more).astype(np.uint16), generator.mask, setup))
    out = np.empty(SHAPE, np.uint16)
    times = [
        cpu(partial(decode, payload, out), REPEATS)[0] for payload in encode(list(test))
    ]
    return Scene(stills, float(np.median(times)))
