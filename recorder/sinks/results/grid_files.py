"""Files of grid scans: the cell of each image, and the map as a table and a picture."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.records import ImageOutcome
from recorder.records.mx_plan import Plane
from recorder.runs.run import Run
from recorder.sinks.held_folder import HeldFolder
from recorder.sinks.results.mx_files import MxFiles, column_of
from recorder.sinks.results.technique_files import SealedRun
from recorder.ssx.preview.png import png

Arrays = dict[str, NDArray[Any]]
TABLE = "grid_map.csv"
_SIDE = 600
"""Pixels of the longer side of a picture, about. Chosen, not tuned."""
_LINES = 4096
"""Lines of the table that are written at a time. Chosen, not tuned."""


class GridFiles(MxFiles):
    """See :class:`~recorder.sinks.results.technique_files.TechniqueFiles`."""

    def columns(self, run: Run, labels: Mapping[str, NDArray[Any]]) -> Arrays:
        """Angle and cell of each image."""
        unknown = np.int64(-1)
        cells = {
            "grid_plane": column_of(labels, "plane", unknown).astype(np.int32),
            "grid_row": column_of(labels, "cell_y", unknown).astype(np.int32),
            "grid_column": column_of(labels, "cell_x", unknown).astype(np.int32),
        }
        return {**super().columns(run, labels), **cells}

    def write(self, folder: HeldFolder, sealed: SealedRun) -> None:
        """The map: a line for each cell, and a picture for each plane."""
        grid = sealed.run.announcement.grid
        if grid is None:
            return
        with folder.replacing(TABLE) as descriptor:
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.write(b"plane,row,column,image_id,class,spots,resolution\n")
                for n, plane in enumerate(grid.planes):
                    one = _Map.of(plane)  # one at a time: each has its own memory
                    for image, row, column in _placed(sealed, n):
                        one.take(image, row, column)
                    for text in one.lines(n):
                        file.write(text.encode())
                    folder.write(picture_name(n), one.picture())


def picture_name(plane: int) -> str:
    """Name of the picture of a plane, by its place in the announcement."""
    return "grid_map.png" if plane == 0 else f"grid_map_{plane + 1}.png"


def _placed(sealed: SealedRun, number: int) -> Iterator[tuple[ImageOutcome, int, int]]:
    """Each received image of a plane with row and column of its cell."""
    for block in sealed.labels.blocks():
        if "cell" not in block or not block["image_id"].size:
            continue
        mine = (block["plane"] == number) & (block["cell_y"] >= 0)
        ids = block["image_id"][mine]
        if not ids.size:
            continue
        places = zip(
            *(block[name][mine].tolist() for name in ("cell_y", "cell_x")), strict=True
        )
        by_id = dict(zip(ids.tolist(), places, strict=True))
        for image in sealed.recorded.rows(int(ids[0]), int(ids[-1]) + 1):
            if (place := by_id.get(image.image_id)) is not None:
                yield (image, *place)


@dataclass(frozen=True, slots=True, eq=False)
class _Map:
    """What became of the cells of a plane; arrays are (rows, columns)."""

    plane: Plane
    image_id: NDArray[np.int64]
    """-1: no image is known to be from there."""
    spots: NDArray[np.int32]
    resolution: NDArray[np.float64]
    outcome: NDArray[np.bytes_]
    """Class of the image."""

    @classmethod
    def of(cls, plane: Plane) -> _Map:
        """A map that nothing is known of."""
        shape = (plane.steps[1], plane.steps[0])
        return cls(
            plane,
            np.full(shape, -1, np.int64),
            np.zeros(shape, np.int32),
            np.full(shape, np.nan),
            np.zeros(shape, "S24"),
        )

    def take(self, image: ImageOutcome, row: int, column: int) -> None:
        """An image of a cell; the first one counts."""
        if self.image_id[row, column] >= 0:
            return
        found = image.found
        self.image_id[row, column] = image.image_id
        self.spots[row, column] = found.spots
        if found.resolution is not None:
            self.resolution[row, column] = found.resolution
        self.outcome[row, column] = str(image.outcome).encode()

    def lines(self, number: int) -> Iterator[str]:
        """The table, row by row; empty values where no image is known."""
        across = self.plane.steps[0]
        ids, spots = self.image_id.ravel().tolist(), self.spots.ravel().tolist()
        limits, classes = self.resolution.ravel().tolist(), self.outcome.ravel()
        for first in range(0, len(ids), _LINES):
            texts = []
            for n in range(first, min(first + _LINES, len(ids))):
                place = f"{number},{n // across},{n % across}"
                limit = "" if limits[n] != limits[n] else f"{limits[n]:.3f}"
                told = f"{ids[n]},{classes[n].decode()},{spots[n]},{limit}"
                texts.append(f"{place},{told if ids[n] >= 0 else ',,,'}\n")
            yield "".join(texts)

    def picture(self) -> bytes:
        """Spots as shades, the darkest cell has most; cells keep their proportions."""
        most = max(1, int(self.spots.max()))
        shade = 1 + np.rint(254 * np.sqrt(self.spots / most))
        shades = np.where(self.image_id < 0, 0, shade).astype(np.uint8)
        (across, down), (step_x, step_y) = self.plane.steps, self.plane.step_um
        per_um = _SIDE / max(across * step_x, down * step_y)
        wide, high = (
            min(max(1, round(step * per_um)), _SIDE) for step in (step_x, step_y)
        )
        return png(shades.repeat(high, axis=0).repeat(wide, axis=1))


FILES = GridFiles()
