"""A worker's pictures of the images that it classified."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.records import ClassifierSetup, Geometry, Json
from recorder.records.pictures import NOTHING_SHOWN, Picture, Shown, Wish, met
from recorder.ssx.arrays import IntArray
from recorder.ssx.classification.classifier import Classifier
from recorder.ssx.classification.look import Look
from recorder.ssx.detector.projection import beam
from recorder.ssx.preview.binning import binned_max, binning
from recorder.ssx.preview.grey import grey
from recorder.ssx.preview.png import png
from recorder.ssx.preview.predictions import predicted
from recorder.ssx.preview.rings import rings
from recorder.ssx.preview.spot_sums import marks

MOST_SPOTS = 300
"""Spots that are drawn, the strongest: as many as are indexed. More would cover the
picture."""
_DIGITS = 2
"""Decimal places of positions on a picture."""


class Artist:
    """Draws the images of one setup; it changes nothing of what it looks at.

    Args:
        setup: Of the images.
        classifier: Knows which pixels are bad.
    """

    def __init__(self, setup: ClassifierSetup, classifier: Classifier) -> None:
        self._shape = setup.shape
        self._classifier = classifier
        self._factor = binning(setup.shape)
        limits = np.iinfo(np.dtype(setup.dtype).str)
        self._bad_value = int(limits.min if limits.min < 0 else limits.max)
        self._bad: tuple[int, IntArray] | None = None

    def show(self, look: Look, wish: int) -> Shown:
        """What is wanted of an image.

        Args:
            look: What it shows.
            wish: What is wanted.
        """
        due = met(wish, look.classification.image_class)
        if not due:
            return NOTHING_SHOWN
        found = b""
        if due & Wish.MARKS:
            found = marks(look.spots, look.q, self._shape).tobytes()
        if not due & ~Wish.MARKS:
            return Shown(self._shape, found)
        begun = time.thread_time()
        picture = self._draw(look)
        return Shown(self._shape, found, picture, time.thread_time() - begun)

    def _draw(self, look: Look) -> Picture:
        highest, good = binned_max(
            look.pixels,
            self._bad_pixels(look.classification.learned),
            self._bad_value,
            self._factor,
        )
        shades = grey(highest, good)
        return Picture(png(shades), self._body(look, shades.shape))

    def _bad_pixels(self, learned: int) -> IntArray:
        """They are the same for many images."""
        if self._bad is None or self._bad[0] != learned:
            self._bad = learned, self._classifier.bad(learned)
        return self._bad[1]

    def _body(self, look: Look, size: tuple[int, ...]) -> Json:
        found, spots = look.classification, look.spots
        listed = np.stack([spots.x, spots.y], axis=1)[:MOST_SPOTS] / self._factor
        return {
            "outcome": found.image_class.value,
            "width": size[1],
            "height": size[0],
            "binning": self._factor,
            "detector": list(self._shape),
            "spots": [
                [*position, round(float(counts), 1)]
                for position, counts in zip(
                    _rounded(listed), spots.intensity, strict=False
                )
            ],
            "lattices": len(found.lattices),
            "resolution": found.resolution,
            "predicted": self._predicted(look),
            **self._place(look.geometry),
        }

    def _predicted(self, look: Look) -> list[list[float]]:
        geometry, resolution = look.geometry, look.classification.resolution
        if geometry is None or resolution is None or look.q is None:
            return []
        return [
            position
            for basis in look.primitive
            for position in _rounded(
                predicted(basis, geometry, resolution, look.q) / self._factor
            )
        ]

    def _place(self, geometry: Geometry | None) -> Json:
        if geometry is None:
            return {"rings": [], "center": None}
        center = beam(geometry)
        return {
            "rings": [
                {"d": spacing, "radius": round(radius / self._factor, _DIGITS)}
                for spacing, radius in rings(geometry, center)
            ],
            "center": [round(at / self._factor, _DIGITS) for at in center],
        }


def _rounded(positions: NDArray[Any]) -> list[list[float]]:
    rounded: list[list[float]] = np.round(positions, _DIGITS).tolist()
    return rounded
