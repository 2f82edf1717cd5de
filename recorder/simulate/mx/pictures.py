"""The images of rotations and grids: a few stills, shown again and again."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from recorder.errors import UsageError
from recorder.records import Geometry
from recorder.simulate.arrays import Floats
from recorder.simulate.mx.exposures import ENERGY_EV, Exposures
from recorder.simulate.mx.grids import SimulatedGrid
from recorder.simulate.mx.mx_run import Plan
from recorder.simulate.mx.sweeps import SimulatedSweeps
from recorder.simulate.stills.render import Still, StillGenerator
from recorder.simulate.stills.settings import StillSettings, parse_stills
from recorder.simulate.stream.series import (
    Frame,
    Series,
    encode,
    file_series,
    header_info,
)

EIGER_4M = (2167, 2070)
"""Pixels (slow, fast) of a detector of 4 megapixels: ours has its proportions."""
EV_ANGSTROM = 12398.419843
"""Energy (eV) times wavelength (Å) of light: h c."""
PIXEL_M = 75e-6
"""Side of a pixel of an EIGER, m."""
LARGEST_M = 1e-3
"""Side of the largest pixel, m: what is larger, nobody believes."""
LEVELS = 8
"""Brightnesses that are rendered of a crystal: neighbours differ by a third. Chosen,
not tuned."""
BLANKS = 4
"""Images without a crystal that are rendered. Chosen, not tuned."""
TURNS = 6
"""Images of a crystal that are rendered of a rotation. Chosen, not tuned."""
_SPOTS = 60
"""Spots of the brightest image of a grid, at least: a cell of half its brightness has
enough to be seen. Chosen, not tuned."""
_STRONG = 40.0
"""Photons of a spot that is sure to be found."""
_TRIES = 40
"""Orientations that are tried for so many spots. Chosen, not tuned."""


def mx_geometry(pixels: int, resolution: float, energy: float = ENERGY_EV) -> Geometry:
    """A detector that the beam meets in the middle.

    Args:
        pixels: Its width; it is as wide as an EIGER 4M, with larger pixels, but for
            ``LARGEST_M``.
        resolution: At its nearest edge, Å.
        energy: Of the beam, eV.

    Raises:
        UsageError: No detector reaches that resolution.
    """
    slow, fast = EIGER_4M
    rows = round(pixels * slow / fast)
    wavelength = EV_ANGSTROM / energy
    if resolution <= wavelength / math.sqrt(2):
        # there the beam is scattered at a right angle
        best = wavelength / math.sqrt(2)
        raise UsageError(f"resolution: above {best:.3f} A, where the detector ends")
    steep = math.tan(2 * math.asin(wavelength / (2 * resolution)))
    size = min(EIGER_4M[1] * PIXEL_M / pixels, LARGEST_M)
    distance = pixels / 2 * size / steep
    centre = (pixels / 2, rows / 2)
    return Geometry((rows, pixels), (size, size), distance, centre, wavelength)


def series_of(
    plan: Plan, stills: str | None, hdf5: Path | None, pixels: int, seed: int
) -> Series | None:
    """What the images of a plan show; None if it has none.

    Args:
        plan: What is planned.
        stills: Settings of the stills, such as ``ice_share=0.2``.
        hdf5: File of images to send instead.
        pixels: Width of the detector.
        seed: Decides crystal and noise.

    Raises:
        UsageError: A setting that cannot be, or a file that cannot be read.
    """
    if not isinstance(plan, SimulatedSweeps | SimulatedGrid):
        if stills is not None or hdf5 is not None:
            raise UsageError("without images there are neither stills nor files")
        return None
    if hdf5 is not None:
        return file_series(hdf5, None)
    settings = parse_stills(
        stills or "", mx_geometry(pixels, plan.resolution, plan.energy)
    )
    return pictures(plan.exposures(1.0), settings, seed)


def pictures(plan: Exposures, settings: StillSettings, seed: int) -> Series:
    """A series that shows every image of a plan.

    Args:
        plan: How bright the crystal is on each; of a rotation it is 1 on all.
        settings: What the stills show, but for the crystal.
        seed: Decides crystal and noise.
    """
    alone = replace(settings, multi_share=0.0)
    bright = bool(np.all(plan.brightness == 1))
    stills, order = _turned(plan, alone, seed) if bright else _lit(plan, alone, seed)
    payloads = encode([still.pixels for still in stills])
    return Series(
        frames=tuple(
            Frame(payload, still.kind, still.orientations, still.truth)
            for payload, still in zip(payloads, stills, strict=True)
        ),
        order=order,
        info=header_info(alone),
        mask=StillGenerator(alone, seed).mask,
        unit_cell=alone.told_cell,
        space_group=alone.space_group,
    )


def _turned(
    plan: Exposures, settings: StillSettings, seed: int
) -> tuple[list[Still], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """A crystal on all images: the same few stills in turn."""
    generator = StillGenerator(settings, seed)
    count = min(TURNS, plan.size)
    stills = [generator.still(seed * 1000 + n, "hit") for n in range(count)]
    return stills, np.arange(plan.size, dtype=np.int64) % count


def _lit(
    plan: Exposures, settings: StillSettings, seed: int
) -> tuple[list[Still], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """One crystal that is brighter in some cells than in others, and blanks."""
    shown = replace(settings, min_spots=0)
    index = _index(shown, seed)
    levels = level_of(plan.brightness)
    stills: list[Still] = []
    order = np.zeros(plan.size, np.int64)
    generator = StillGenerator(shown, seed)
    blanks = np.flatnonzero(levels < 0)
    order[blanks] = np.arange(blanks.size) % BLANKS
    stills += [generator.still(index + 1 + n, "miss") for n in range(BLANKS)]
    for level in np.unique(levels[levels >= 0]).tolist():
        order[levels == level] = len(stills)
        faint = replace(shown, brightness=shown.brightness * brightness_of(level))
        stills.append(StillGenerator(faint, seed).still(index, "hit"))
    return stills, order


def level_of(brightness: Floats) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Which of the rendered brightnesses stands for each, (n,); -1: none."""
    with np.errstate(divide="ignore"):
        steps = np.rint(-np.log(brightness) / _STEP)
    return np.where(brightness > 0, np.clip(steps, 0, LEVELS - 1), -1).astype(np.int64)


def brightness_of(level: int) -> float:
    """What a rendered level shows, 0 to 1."""
    return math.exp(-level * _STEP)


_STEP = math.log(20) / (LEVELS - 1)
"""Of the logarithm, from one level to the next: the last is a twentieth."""


def _index(settings: StillSettings, seed: int) -> int:
    """Number of a still whose crystal has many spots.

    Raises:
        UsageError: There is none.
    """
    generator = StillGenerator(settings, seed)
    for index in range(seed * 1000, seed * 1000 + _TRIES):
        (spots,) = generator.still(index, "hit").spots
        if np.count_nonzero(spots[:, 2] >= _STRONG) >= _SPOTS:
            return index
    raise UsageError(
        "the planted crystal gives too few spots on this detector: raise brightness "
        "or --pixels"
    )
