"""A simulated rotation or characterisation: where each image begins and ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recorder.records import Json
from recorder.records.limits import MAX_COLLECTIONS, MAX_IMAGES
from recorder.records.mx_plan import MAX_SWEEPS
from recorder.simulate.mx.exposures import (
    ENERGY_EV,
    Exposures,
    begun_after,
    demand_header,
    header_axes,
)
from recorder.simulate.spec import demanded
from recorder.simulate.stream.arming import Axes

TOLD = ("each", "one", "pitch", "nothing")
AXES = ("omega", "kappa", "phi")
HELIX_MM = 0.1
"""Length of the path of a helical sweep, that of a long needle. Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class SimulatedSweeps:
    """Sweeps of one crystal, and what is said of them.

    Raises:
        UsageError: A value out of its range.
    """

    start: float = 0.0
    """Degrees, where the first image begins."""
    range: float = 0.1
    """Degrees of each image, with its sign."""
    images: int = 100
    """Of each sweep."""
    sweeps: int = 1
    turn: float = 180.0
    """Degrees from the start of a sweep to that of the next."""
    gap: float = 0.5
    """Seconds between the sweeps."""
    axis: str = "omega"
    told: str = "each"
    """How it is announced: each sweep a collection, all one, one sweep with a pitch, or
    nothing of the angles."""
    offsets: bool = False
    """The announcement says at which image each sweep begins."""
    trigger: str = "sweep"
    """Or ``image``: each has one."""
    header: str = "zeros"
    """What it says of the goniometer, as :func:`header_axes` has it."""
    resolution: float = 1.8
    """At the nearest edge of the detector, Å."""
    energy: float = ENERGY_EV
    """Of the beam, eV."""
    kappa: float | None = None
    """Degrees; announced."""
    helical: bool = False
    """Start and end of the sample are announced."""
    off: float = 0.0
    """Degrees by which the axis truly is further than announced."""
    captured: bool = False
    """The timing hardware has a row for each image, with the axis' position."""

    def __post_init__(self) -> None:
        size = self.images * self.sweeps
        demanded(
            self.images >= 1 and size <= MAX_IMAGES, f"images: 1 to {MAX_IMAGES} in all"
        )
        demanded(1 <= self.sweeps <= MAX_SWEEPS, f"sweeps: 1 to {MAX_SWEEPS}")
        demanded(
            self.told != "each" or self.sweeps <= MAX_COLLECTIONS,
            f"told: of more than {MAX_COLLECTIONS} sweeps each is no collection",
        )
        demanded(self.gap >= 0, "gap: 0 or more seconds")
        demanded(self.energy > 0, "energy: above 0")
        demanded(self.axis in AXES, f"axis: {', '.join(AXES)}")
        demanded(self.told in TOLD, f"told: {', '.join(TOLD)}")
        demanded(self.trigger in ("sweep", "image"), "trigger: sweep, image")
        demanded(
            self.told != "pitch" or self.images == 1 or self.sweeps == 1,
            "told: a pitch is for sweeps of one image",
        )
        demand_header(self.header)

    @property
    def kind(self) -> str:
        """Type of its experiment."""
        if self.helical:
            return "Helical"
        return "OSC" if self.sweeps == 1 else "Collect - Multiwedge"

    @property
    def parts(self) -> int:
        """Collections that it is."""
        return self.sweeps if self.told == "each" else 1

    def exposures(self, period_s: float) -> Exposures:
        """Its images, walked sweep by sweep.

        Args:
            period_s: From one image of a sweep to the next.
        """
        wedge, start = [], []
        for sweep in range(self.sweeps):
            first = self.start + self.off + sweep * self.turn
            for image in range(self.images):
                wedge.append(sweep)
                start.append(first + image * self.range)
        wedges, begun = np.array(wedge, np.int64), np.array(start, np.float64)
        nowhere = np.full(wedges.size, -1, np.int64)
        by_image = self.trigger == "image"
        return Exposures(
            after_ns=begun_after(wedges, period_s, self.gap),
            trigger=np.arange(wedges.size) if by_image else wedges,
            part=wedges if self.parts > 1 else np.zeros_like(wedges),
            wedge=wedges,
            start=begun,
            end=begun + self.range,
            row=nowhere,
            column=nowhere,
            brightness=np.ones(wedges.size),
        )

    @property
    def announced(self) -> Json:
        """What the announcement has of it."""
        if self.told == "nothing":
            return {}
        if self.told == "pitch":
            pitch = self.turn if self.sweeps > 1 else self.range
            only = {**self._sweep(0), "images": self.images * self.sweeps}
            return {"scan": {"axis": self.axis, "sweeps": [{**only, "pitch": pitch}]}}
        scan: Json = {
            "axis": self.axis,
            "sweeps": [self._sweep(n) for n in range(self.sweeps)],
        }
        if self.sweeps > 1:
            scan["one_collection"] = self.told == "one"
        return {"scan": scan}

    def positions(self, plan: Exposures, n: int) -> Json:
        """Where the axis was at the start of image ``n`` of the plan, degrees."""
        return {self.axis: float(plan.start[n])}

    def _sweep(self, number: int) -> Json:
        body: Json = {
            "start": self.start + number * self.turn,
            "range": self.range,
            "images": self.images,
        }
        if self.offsets:
            body["first_image"] = number * self.images
        if self.kappa is not None:
            body["kappa"] = self.kappa
        if self.helical:
            body["position"] = [0.0, 0.0, number * HELIX_MM]
            body["end_position"] = [HELIX_MM, 0.0, number * HELIX_MM]
        return body

    @property
    def axes(self) -> Axes:
        """The goniometer of the header."""
        pitched = self.told == "pitch" and self.sweeps > 1
        step = self.turn if pitched else self.range
        return header_axes(self.header, self.axis, self.start, step)


@dataclass(frozen=True, slots=True)
class SimulatedWedges(SimulatedSweeps):
    """A characterisation: a few images far apart."""

    range: float = 1.0
    images: int = 1
    sweeps: int = 4
    turn: float = 90.0
    told: str = "one"

    @property
    def kind(self) -> str:
        """Type of its experiment."""
        return "Characterization"
