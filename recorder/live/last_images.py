"""The last images, against which the run is held: is it still as it was?"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np

from recorder.records import Cell, Classification, ImageOutcome
from recorder.records.live import LAST_IMAGES, LastImages


class LastOutcomes:
    """What the last images, hits and indexed images say."""

    def __init__(self) -> None:
        self._images: deque[Classification] = deque(maxlen=LAST_IMAGES)
        self._cells: deque[Cell] = deque(maxlen=LAST_IMAGES)
        self._limits: deque[float] = deque(maxlen=LAST_IMAGES)

    def add(self, outcomes: Sequence[ImageOutcome]) -> None:
        """Add images, by image_id."""
        for image in outcomes:
            found = image.result
            if not isinstance(found, Classification):
                continue
            self._images.append(found)
            if found.lattices:
                self._cells.append(found.lattices[0].cell)
            if found.resolution is not None:
                self._limits.append(found.resolution)

    def medians(self) -> LastImages:
        """Their medians."""
        images = self._images
        cell = None
        if self._cells:
            a, b, c, alpha, beta, gamma = np.median(self._cells, axis=0).tolist()
            cell = (a, b, c, alpha, beta, gamma)
        return LastImages(
            cell=cell,
            resolution=_median(self._limits),
            background=_median(i.background for i in images),
            saturated=_median(i.saturated_pixels for i in images),
            solvent=_median(i.solvent for i in images),
        )


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None
