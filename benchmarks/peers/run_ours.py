"""Our own spot finder and indexer, measured as the peers are.

.venv/bin/python -m benchmarks.peers.run_ours FOLDER OUTPUT
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

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
from recorder.records import (
    ClassifierSetup,
    ClassifySettings,
    Geometry,
    ImageClass,
    Learned,
)
from recorder.ssx.classification.classifier import Classifier

LEARNED = 1
LEAST_NON_HITS = 4


def classifier(images: Images) -> Classifier:
    """With the default settings, the cell given, no calibration of the geometry."""
    setup: Setup = images.setup
    height, width = images.mask.shape
    geometry = Geometry(
        (height, width),
        (setup.pixel_size, setup.pixel_size),
        setup.distance,
        setup.beam_center,
        setup.wavelength,
    )
    a, b, c, alpha, beta, gamma = setup.cell
    return Classifier(
        ClassifierSetup(
            shape=(height, width),
            dtype="uint16",
            geometry=geometry,
            cell=(a, b, c, alpha, beta, gamma),
            space_group=setup.space_group,
            mask=images.mask,
            flatfield=None,
            saturation=65534.0,
            settings=ClassifySettings(calibrate=False),
        )
    )


def teach(ours: Classifier, images: Images) -> float:
    """The background map from the images to learn from; CPU seconds."""

    def learn() -> None:
        hits: list[NDArray[np.uint16]] = []
        rest: list[NDArray[np.uint16]] = []
        for pixels in images.learn:
            verdict = ours.classify(pixels).image_class
            (rest if verdict is ImageClass.NON_HIT else hits).append(pixels)
        if len(rest) < LEAST_NON_HITS:
            raise SystemExit(f"only {len(rest)} non-hits to learn from")
        ours.take(ours.learn(LEARNED, Learned(0), rest, len(rest), ()))

    return cpu(learn)[0]


def ours(made: Classifier, pixels: NDArray[np.uint16], learned: int) -> Reply:
    """One image: the only place that calls the classifier under test."""
    finding, found = cpu(lambda: made.find(pixels, learned), REPEATS)
    whole, verdict = cpu(lambda: made.classify(pixels, learned), REPEATS)
    spots = [
        (float(x), float(y)) for x, y in zip(found.spots.x, found.spots.y, strict=True)
    ]
    lattices = [list(lattice.vectors) for lattice in verdict.lattices]
    return Reply(finding, spots, max(whole - finding, 0.0), lattices)


def main() -> None:
    images = load(Path(sys.argv[1]))
    made = classifier(images)
    made.classify(images.test[0])  # warm-up
    columns = [
        Column(
            "ours, first images", version("ssx-recorder"), "defaults, radial background"
        ),
        Column("ours, learned map", version("ssx-recorder"), ""),
    ]
    columns[0].replies = [ours(made, pixels, 0) for pixels in images.test]
    seconds = teach(made, images)
    columns[1].settings = (
        f"defaults, background map of {len(images.learn)} other images, sorted by our "
        f"own verdict ({seconds:.1f} s CPU)"
    )
    made.classify(images.test[0], LEARNED)
    columns[1].replies = [ours(made, pixels, LEARNED) for pixels in images.test]
    save_columns(Path(sys.argv[2]), columns)


if __name__ == "__main__":
    main()
