"""Images of a run, classified as the recorder does it: lessons, states and all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.cases import Case
from benchmarks.quality.scoring import Matched, match, visible
from recorder.classifying.lessons import Lessons
from recorder.classifying.second_look import SecondLook
from recorder.pool.jobs import Outcome
from recorder.pool.pool import Pool
from recorder.records import (
    Classification,
    ClassifierSetup,
    ClassifySettings,
    ImageClass,
    Payload,
)
from recorder.simulate.stills.render import Still, StillGenerator, StillSettings
from recorder.simulate.stream.series import encode

BLANKS = 30
"""Blanks of 64 images; the others are hits."""
BLOCK = 64
"""Images that use one state, at first."""
_KEEP = 4 << 30
"""Bytes of pixels that are kept for the second look: all."""


def setup_of(settings: StillSettings, mask: NDArray[np.bool_]) -> ClassifierSetup:
    """What the recorder is told of these images: geometry and cell may be wrong."""
    return ClassifierSetup(
        shape=settings.geometry.shape,
        dtype=settings.dtype,
        geometry=settings.told_geometry,
        cell=settings.told_cell,
        space_group=settings.space_group,
        mask=mask,
        flatfield=None,
        saturation=float(np.iinfo(settings.dtype).max - 1),
        settings=ClassifySettings(),
    )


Classes = dict[int, Classification]
"""By the number of the image."""


def classified(
    setup: ClassifierSetup, payloads: Sequence[Payload]
) -> tuple[Classes, Classes]:
    """The images of a run in their order, numbered from 0, with what it teaches.

    Returns:
        Their classes as they came, and after the run's end, when those that knew less
        were looked at again.

    Raises:
        RuntimeError: An image cannot be classified.
    """

    async def scenario() -> tuple[Classes, Classes]:
        pool = Pool(1, engine="inline")
        look = SecondLook(setup, _KEEP)
        lessons = Lessons(pool, pool.add_setup(setup), lambda *_: None, look)
        first: Classes = {}
        again: Classes = {}
        ended = asyncio.Event()
        task = asyncio.create_task(pool.run())
        for image_id, payload in enumerate(payloads):
            done, looked = _keep(first, image_id), _keep(again, image_id)
            lessons.offer(image_id, payload, done, looked, force=True)
            await pool.empty()
        lessons.finish(ended.set)
        await ended.wait()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return first, first | again

    return asyncio.run(scenario())


def _keep(found: Classes, image_id: int) -> Callable[[Outcome], None]:
    def done(outcome: Outcome) -> None:
        if not isinstance(outcome, Classification):
            raise RuntimeError(f"image {image_id}: {outcome}")
        found[image_id] = outcome

    return done


@dataclass(frozen=True)
class Seen:
    """One image, its truth and what was made of it."""

    hit: bool
    """There is a crystal on it."""
    learned: bool
    """It was classified with a learned state."""
    result: Classification
    bases: tuple[NDArray[np.float64], ...]
    """Per lattice (3, 3), rows in Å."""
    visible: tuple[int, ...]
    """Per lattice how many of its spots can be seen."""
    matched: Matched
    forms: tuple[int, ...]

    @property
    def called_hit(self) -> bool:
        return self.result.image_class is not ImageClass.NON_HIT


def kinds_of(images: int, hit: str, seed: int) -> list[str]:
    """Kinds of the images of a run: BLANKS blanks in each 64, in random order."""
    rng = np.random.default_rng((seed, 99))
    kinds: list[str] = []
    while len(kinds) < images:
        block = ["miss"] * BLANKS + [hit] * (BLOCK - BLANKS)
        kinds += [block[n] for n in rng.permutation(BLOCK)]
    return kinds[:images]


def run_images(case: Case, seed: int, images: int) -> tuple[list[Seen], list[Seen]]:
    """All images of a run of a condition, as they came and after its end."""
    generator = StillGenerator(case.settings, seed)
    kinds = kinds_of(images, case.kind, seed)
    stills, counts = [], []
    payloads: list[Payload] = []
    for index, kind in enumerate(kinds):
        still = generator.still(index, kind)
        seen: tuple[int, ...] = ()
        if kind != "miss":
            blank = _photons(generator, generator.still(index, "miss"))
            seen = tuple(int(visible(spots, blank).sum()) for spots in still.spots)
        counts.append(seen)
        payloads += encode([still.pixels])
        stills.append(replace(still, pixels=np.zeros((0, 0), np.uint8)))
    setup = setup_of(case.settings, generator.mask)
    known = list(zip(stills, counts, strict=True))
    first, final = (
        [_seen(*pair, found[n]) for n, pair in enumerate(known)]
        for found in classified(setup, payloads)
    )
    return first, final


def _photons(generator: StillGenerator, still: Still) -> NDArray[np.float64]:
    """Pixels of an image in photons, NaN where they are bad."""
    settings = generator.settings
    photons = (still.pixels.astype(np.float64) - settings.baseline) / settings.gain
    photons[generator.mask] = np.nan
    return photons


def _seen(still: Still, seen: tuple[int, ...], result: Classification) -> Seen:
    bases = tuple(np.reshape(vectors, (3, 3)) for vectors in still.orientations)
    found = [np.reshape(lattice.vectors, (3, 3)) for lattice in result.lattices]
    return Seen(
        still.kind != "miss",
        result.learned > 0,
        result,
        bases,
        seen,
        match(bases, found),
        still.forms,
    )
