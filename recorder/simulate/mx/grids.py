"""A simulated grid: which cell each image is of, and where the crystal is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from recorder.records import Json
from recorder.records.limits import MAX_WELLS
from recorder.records.mx_plan import MAX_PLANES
from recorder.simulate.mx.exposures import (
    ENERGY_EV,
    Exposures,
    begun_after,
    demand_header,
    header_axes,
)
from recorder.simulate.spec import demanded
from recorder.simulate.stream.arming import Axes

FAINT = 0.05
"""Share of the crystal's brightness below which a cell is blank: no spot of it stands
out. Chosen, not tuned."""
TURN = 90.0
"""Degrees from a plane to the next."""
TOP_LEFT_PX, UM_PER_PX = (300.0, 220.0), (0.8, 0.8)
"""Where the grid lies on the crystal's picture, and its scale: announced only."""
TRIGGERS = ("line", "plane", "image")


@dataclass(frozen=True, slots=True)
class SimulatedGrid:
    """A grid or line scan, and the crystal in it.

    Raises:
        UsageError: A value out of its range.
    """

    columns: int = 12
    """Cells along x."""
    rows: int = 8
    """Cells along y."""
    planes: int = 1
    """The second one is seen at 90 degrees: its rows are along z."""
    step: tuple[float, float] = (20.0, 20.0)
    """Micrometres between neighbouring cells along x and y."""
    fast: str = "x"
    snaked: bool = False
    angle: float = 0.0
    """Degrees of the first plane."""
    gap: float = 0.1
    """Seconds between two lines; none within a plane that one trigger makes."""
    trigger: str = "line"
    """Or ``plane``: one for all cells of a plane, or ``image``: each has one."""
    crystal: tuple[float, float, float] = (7.8, 3.7, 5.1)
    """Its centre along x, y and z, in cells from the corner of the first one: the
    middle of that is at 0.5."""
    size: tuple[float, float, float] = (1.2, 0.9, 1.0)
    """Its sigma along x, y and z, in cells."""
    offsets: bool = False
    """The announcement says at which image each plane begins."""
    header: str = "zeros"
    """What it says of the goniometer, as :func:`header_axes` has it."""
    resolution: float = 1.8
    """At the nearest edge of the detector, Å."""
    energy: float = ENERGY_EV
    """Of the beam, eV."""
    captured: bool = False
    """The timing hardware has a row for each image, with the stage's position."""

    def __post_init__(self) -> None:
        cells = self.columns * self.rows
        for right, text in (
            (min(self.columns, self.rows) >= 1, "columns, rows: at least 1"),
            (cells <= MAX_WELLS, f"columns, rows: at most {MAX_WELLS} cells"),
            (1 <= self.planes <= MAX_PLANES, f"planes: 1 to {MAX_PLANES}"),
            (min(self.step) > 0, "step: above 0"),
            (self.fast in ("x", "y"), "fast: x, y"),
            (self.energy > 0, "energy: above 0"),
            (self.gap >= 0, "gap: 0 or more seconds"),
            (self.trigger in TRIGGERS, f"trigger: {', '.join(TRIGGERS)}"),
            (min(self.size) > 0, "size: above 0"),
        ):
            demanded(right, text)
        demand_header(self.header)

    @property
    def kind(self) -> str:
        """Type of its experiment."""
        if self.planes > 1:
            return "Mesh3D"
        return "LineScan" if 1 in (self.columns, self.rows) else "Mesh"

    @property
    def parts(self) -> int:
        """Collections that it is."""
        return self.planes

    def centre(self, plane: int) -> tuple[float, float]:
        """The crystal's centre in a plane, (x, y) in cells."""
        x, y, z = self.crystal
        return x, z if plane % 2 else y

    def brightness(self, plane: int, row: int, column: int) -> float:
        """Of the crystal in a cell, 0 to 1; 0 where it is too faint to be seen."""
        (x, y), (wide, high, deep) = self.centre(plane), self.size
        tall = deep if plane % 2 else high
        distance = ((column + 0.5 - x) / wide) ** 2 + ((row + 0.5 - y) / tall) ** 2
        found = math.exp(-distance / 2)
        return found if found >= FAINT else 0.0

    def _lines(self) -> Iterator[list[tuple[int, int]]]:
        """The lines of a plane, each as cells (row, column) in the order of images."""
        along_x = self.fast == "x"
        lines, cells = (
            (self.rows, self.columns) if along_x else (self.columns, self.rows)
        )
        for line in range(lines):
            walk = [(line, n) if along_x else (n, line) for n in range(cells)]
            yield walk[::-1] if self.snaked and line % 2 == 1 else walk

    def exposures(self, period_s: float) -> Exposures:
        """Its images, walked cell by cell.

        Args:
            period_s: From one cell of a line to the next.
        """
        found = [
            (plane, line, row, column, self.brightness(plane, row, column))
            for plane in range(self.planes)
            for line, cells in enumerate(self._lines())
            for row, column in cells
        ]
        planes, lines, row, column, brightness = map(np.array, zip(*found, strict=True))
        line = planes * (int(lines.max()) + 1) + lines
        trigger = {"line": line, "plane": planes, "image": np.arange(line.size)}
        angle = self.angle + TURN * planes
        apart = planes if self.trigger == "plane" else line
        return Exposures(
            after_ns=begun_after(apart, period_s, self.gap),
            trigger=trigger[self.trigger],
            part=planes,
            wedge=planes,
            start=angle,
            end=angle,
            row=row,
            column=column,
            brightness=brightness,
        )

    @property
    def announced(self) -> Json:
        """What the announcement has of it."""
        return {"grid": {"planes": [self._plane(n) for n in range(self.planes)]}}

    def _plane(self, number: int) -> Json:
        body: Json = {
            "steps": [self.columns, self.rows],
            "step_um": list(self.step),
            "fast": self.fast,
            "snaked": self.snaked,
            "angle": self.angle + TURN * number,
            "top_left_px": list(TOP_LEFT_PX),
            "um_per_px": list(UM_PER_PX),
        }
        if self.offsets:
            body["first_image"] = number * self.columns * self.rows
        return body

    def positions(self, plan: Exposures, n: int) -> Json:
        """Where the stage was at image ``n`` of the plan, mm, and the axis, degrees."""
        place = (float(plan.column[n]), float(plan.row[n]))
        x, y = (at * step / 1000 for at, step in zip(place, self.step, strict=True))
        return {"omega": float(plan.start[n]), "x": x, "y": y}

    @property
    def axes(self) -> Axes:
        """The goniometer of the header: it stands."""
        return header_axes(self.header, "omega", self.angle, 0.0)
