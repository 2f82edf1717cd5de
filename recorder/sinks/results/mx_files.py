"""Files of rotations and characterisations: ``results.h5`` has each image's angle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.mx.angles import AngleGrade
from recorder.runs.run import Run
from recorder.sinks.held_folder import HeldFolder
from recorder.sinks.results.technique_files import SealedRun

Arrays = dict[str, NDArray[Any]]
_GRADES = np.array([grade.name.lower() for grade in AngleGrade], "S24")


class MxFiles:
    """See :class:`~recorder.sinks.results.technique_files.TechniqueFiles`."""

    units: Mapping[str, str] = {"angle_start": "deg", "angle_end": "deg"}

    def columns(self, run: Run, labels: Mapping[str, NDArray[Any]]) -> Arrays:
        """Angles exactly as they are known, and each image's place in its series."""
        ids = labels["image_id"]
        part = run.announcement.part
        return {
            "angle_start": column_of(labels, "angle_start", np.float64(np.nan)),
            "angle_end": column_of(labels, "angle_end", np.float64(np.nan)),
            "angle_grade": _GRADES[column_of(labels, "angle_grade", np.uint8(0))],
            "wedge": column_of(labels, "wedge", np.int64(-1)).astype(np.int32),
            "series_image_id": ids + (0 if part is None else part.first_image),
        }

    def write(self, folder: HeldFolder, sealed: SealedRun) -> None:
        """No further files."""


def column_of(
    labels: Mapping[str, NDArray[Any]], name: str, unknown: np.generic
) -> NDArray[Any]:
    """A column of labels, (n,); all unknown where they do not have it."""
    found = labels.get(name)
    if found is None:
        return np.full(labels["image_id"].size, unknown)
    return found


FILES = MxFiles()
