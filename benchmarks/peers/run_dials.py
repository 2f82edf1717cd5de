"""Spot finding of DIALS, with Debian's interpreter.

/usr/bin/python3 -m benchmarks.peers.run_dials FOLDER OUTPUT
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.exchange import (
    REPEATS,
    Column,
    Images,
    Reply,
    Setup,
    cpu,
    load,
    save_columns,
)

LEAST_PIXELS = 2
PHIL = """
spotfinder.threshold.algorithm = {algorithm}
spotfinder.filter.min_spot_size = {pixels}
spotfinder.mp.nproc = 1
"""


class InMemory:
    """An image as dxtbx's MemReader wants it."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def get_raw_data(self) -> tuple[Any]:
        return (self._data,)


def models(setup: Setup, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Beam and detector; DIALS thinks in mm."""
    model = import_module("dxtbx.model")
    mm = setup.pixel_size * 1e3
    x, y = setup.beam_center
    # the least value is exclusive: with 0, every empty pixel would count as bad
    trusted = (-1, 65535)
    detector = model.DetectorFactory.simple(
        "PAD",
        setup.distance * 1e3,
        (x * mm, y * mm),
        "+x",
        "-y",
        (mm, mm),
        (shape[1], shape[0]),
        trusted,
    )
    return model.BeamFactory.simple(setup.wavelength), detector


class Finder:
    """What dials.find_spots does, on images in memory."""

    def __init__(self, images: Images, algorithm: str) -> None:
        self._flex: Any = import_module("dials.array_family.flex")
        self._sets: Any = import_module("dxtbx.imageset")
        self._model: Any = import_module("dxtbx.model")
        phil = import_module("libtbx.phil").parse(
            PHIL.format(algorithm=algorithm, pixels=LEAST_PIXELS)
        )
        scope = import_module("dials.command_line.find_spots").phil_scope
        self._parameters = scope.fetch(phil).extract()
        self._beam, self._detector = models(images.setup, images.mask.shape)
        image = import_module("dxtbx.format.image")
        self._mask = image.ImageBool((self._flex.bool(~images.mask),))

    def experiments(self, pixels: NDArray[np.uint16]) -> Any:
        """One image, read and handed over: not part of the time."""
        data = InMemory(self._flex.int(pixels.astype(np.int32)))
        reader = self._sets.MemReader([data])
        images = self._sets.ImageSet(self._sets.ImageSetData(reader, None))
        images.set_beam(self._beam)
        images.set_detector(self._detector)
        images.external_lookup.mask.data = self._mask
        experiment = self._model.Experiment(
            imageset=images, beam=self._beam, detector=self._detector
        )
        return self._model.ExperimentList([experiment])

    def reply(self, pixels: NDArray[np.uint16]) -> Reply:
        times = []
        spots: list[tuple[float, float]] = []
        for _ in range(REPEATS):
            experiments = self.experiments(pixels)
            table = self._flex.reflection_table
            seconds, found = cpu(
                partial(
                    table.from_observations,
                    experiments,
                    self._parameters,
                    is_stills=True,
                )
            )
            times.append(seconds)
            spots = [(float(x), float(y)) for x, y, _ in found["xyzobs.px.value"]]
        return Reply(float(np.median(times)), spots)


def main() -> None:
    images = load(Path(sys.argv[1]))
    shown = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", "python3-dials"],
        capture_output=True,
        text=True,
        check=False,
    )
    version = shown.stdout.split("+")[0] or "?"
    columns = []
    for algorithm in ("dispersion", "dispersion_extended"):
        finder = Finder(images, algorithm)
        finder.reply(images.test[0])  # warm-up
        settings = (
            f"DIALS's defaults but at least {LEAST_PIXELS} px a spot; time of "
            "the whole of `dials.find_spots` (threshold, spots, centroids, filters)"
        )
        column = Column(f"DIALS {algorithm}", version, settings)
        column.replies = [finder.reply(pixels) for pixels in images.test]
        columns.append(column)
    save_columns(Path(sys.argv[2]), columns)


if __name__ == "__main__":
    main()
