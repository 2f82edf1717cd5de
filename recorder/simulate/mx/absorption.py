"""A simulated energy scan over an absorption edge: planted edge, white line, noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from recorder.errors import UsageError
from recorder.records import Json
from recorder.records.limits import MAX_OBJECTS
from recorder.simulate.arrays import Floats, Ints, Mask
from recorder.simulate.spec import demanded
from recorder.simulate.timing.faults import Faults

EDGES_EV = {
    ("Mn", "K"): 6539.0,
    ("Fe", "K"): 7112.0,
    ("Co", "K"): 7709.0,
    ("Ni", "K"): 8333.0,
    ("Cu", "K"): 8979.0,
    ("Zn", "K"): 9659.0,
    ("As", "K"): 11867.0,
    ("Se", "K"): 12658.0,
    ("Br", "K"): 13474.0,
    ("Pt", "L3"): 11564.0,
    ("Au", "L3"): 11919.0,
    ("Hg", "L3"): 12284.0,
}
"""Absorption edges (eV) that beamlines for MX scan over, as tabulated."""
WIDTH_EV = 1.0
"""Half width of the step by the life of the hole, that of the K edge of selenium; the
energy resolution comes on top. Chosen, not tuned."""
WHITE_LINE_EV = 2.5
"""From the edge to the white line. Chosen, not tuned."""
LINE_SIGMA_EV = 2.0
"""Sigma of the white line. Chosen, not tuned."""
BEFORE = 0.05
"""Counts before the edge, as a share of those behind it. Chosen, not tuned."""
REMOTE_EV = 300.0
"""From the peak to the remote energy that the sender proposes. Chosen, not tuned."""
_FINE_EV = 0.01
"""Steps in which the true curve is looked through: a tenth of what is told."""
_NEAR_EV = 10.0
"""So far from the edge it is looked through: four times as far as the white line."""
_JUMP = 4.0
"""Electrons of f'' that the step of an edge adds: about that of a K edge. Chosen, not
tuned."""
BAD = ("none", "null", "nan", "unordered", "short")


@dataclass(frozen=True, slots=True)
class SimulatedEnergyScan:
    """An energy scan, and what is said of it.

    Raises:
        UsageError: A value out of its range.
    """

    element: str = "Se"
    edge: str = "K"
    edge_energy: float | None = None
    """eV, as announced; None: the tabulated one."""
    shift: float = 0.0
    """eV by which the true edge lies above that."""
    around: float = 50.0
    """eV on both sides of the edge."""
    step: float = 1.0
    """eV."""
    white_line: float = 1.0
    """Its height, in steps of the edge; 0: there is none."""
    resolution: float = 2.0
    """Of the beam, eV (full width at half maximum)."""
    counts: float = 1500.0
    """At the highest point."""
    monitor: float = 0.05
    """Share by which the beam gets weaker during the scan; its monitor sees that."""
    pieces: int = 5
    """Messages that carry the points."""
    point_s: float = 0.02
    """Seconds a point."""
    sender: bool = True
    """The end has the result as the sender found it: what is true, rounded to 0.1."""
    bad: str = "none"
    """What is wrong with its points: ``null`` or ``nan`` (one has no counts),
    ``unordered`` (energies), ``short`` (a message with fewer counts than energies)."""

    def __post_init__(self) -> None:
        for right, text in (
            (self.around > 0, "around: above 0"),
            (self.step > 0, "step: above 0"),
            (1 <= self.size <= MAX_OBJECTS, f"step: 1 to {MAX_OBJECTS} points"),
            (self.white_line >= 0, "white_line: not negative"),
            (self.resolution >= 0, "resolution: not negative"),
            (self.counts > 0, "counts: above 0"),
            (0 <= self.monitor < 1, "monitor: a share from 0 to below 1"),
            (1 <= self.pieces <= self.size, "pieces: 1 to the number of points"),
            (self.point_s >= 0, "point_s: 0 or more seconds"),
            (self.bad in BAD, f"bad: {', '.join(BAD)}"),
        ):
            demanded(right, text)
        if self.told_energy <= self.around:
            raise UsageError("around: reaches below 0 eV")

    @property
    def told_energy(self) -> float:
        """The edge's energy as announced, eV."""
        if self.edge_energy is not None:
            return self.edge_energy
        found = EDGES_EV.get((self.element, self.edge))
        if found is None:
            known = ", ".join(f"{element} {edge}" for element, edge in EDGES_EV)
            raise UsageError(
                f"{self.element} {self.edge}: give edge_energy; known without: {known}"
            )
        return found

    @property
    def edge_ev(self) -> float:
        """Where the step truly is."""
        return self.told_energy + self.shift

    @property
    def size(self) -> int:
        """Points."""
        return round(2 * self.around / self.step) + 1

    @property
    def energies(self) -> Floats:
        """Of the points, eV, shape (n,)."""
        steps = self.step * np.arange(self.size, dtype=np.float64)
        found: Floats = self.told_energy - self.around + steps
        return found

    def curve(self, energies: Floats) -> Floats:
        """The true absorption at energies (n,): 0 before the edge, 1 behind it."""
        sigma = self.resolution / math.sqrt(8 * math.log(2))
        offset = np.linspace(-4, 4, 81)
        weight = np.exp(-(offset**2) / 2)
        weight /= weight.sum()
        apart = energies[:, None] + sigma * offset - self.edge_ev
        step = 0.5 + np.arctan(apart / WIDTH_EV) / math.pi
        line = np.exp(-(((apart - WHITE_LINE_EV) / LINE_SIGMA_EV) ** 2) / 2)
        found: Floats = (step + self.white_line * line) @ weight
        return found

    @property
    def truth(self) -> Json:
        """Where edge, inflection and peak are, eV; without a white line no peak."""
        fine = np.arange(-_NEAR_EV, _NEAR_EV, _FINE_EV) + self.edge_ev
        curve = self.curve(fine)
        steepest = int(np.argmax(np.gradient(curve)))
        peak = float(fine[np.argmax(curve)]) if self.white_line else None
        return {
            "element": self.element,
            "edge": self.edge,
            "edge_energy": self.edge_ev,
            "inflection": round(float(fine[steepest]), 2),
            "peak": None if peak is None else round(peak, 2),
            "white_line": self.white_line,
            "points": self.size,
        }

    def measured(self, seed: int) -> tuple[Ints, Floats]:
        """Counts with their noise, and the monitor, by point: (n,) each."""
        rng = np.random.default_rng((seed, 41))
        curve = BEFORE + self.curve(self.energies)
        weaker = 1 - self.monitor * np.arange(self.size) / max(1, self.size - 1)
        counts = rng.poisson(self.counts * curve / curve.max() * weaker)
        return counts.astype(np.int64), np.round(weaker * 1e6)

    def lost(self, faults: Faults, seed: int) -> Mask:
        """Which pieces never arrive, shape (pieces,)."""
        rng = np.random.default_rng((seed, 43))
        found: Mask = rng.random(self.pieces) < faults.lost
        return found

    @property
    def announced(self) -> Json:
        """What the announcement has of it."""
        energies = self.energies
        return {
            "energy_scan": {
                "element": self.element,
                "edge": self.edge,
                "edge_energy": self.told_energy,
                "range": [float(energies[0]), float(energies[-1])],
                "step": self.step,
                "points": self.size,
            }
        }

    @property
    def result(self) -> Json | None:
        """The result as the sender found it."""
        if not self.sender:
            return None
        truth = self.truth
        at = truth["peak"] or truth["inflection"]
        highest = float(self.curve(np.array([at]))[0]) * _JUMP
        found: Json = {
            "inflection": {
                "energy": round(truth["inflection"], 1),
                "f_prime": -9.8,
                "f_double_prime": round(highest / 2, 2),
            },
            "remote": {
                "energy": round(at + REMOTE_EV, 1),
                "f_prime": -2.5,
                "f_double_prime": _JUMP,
            },
        }
        if truth["peak"] is not None:
            found["peak"] = {
                "energy": round(truth["peak"], 1),
                "f_prime": -7.2,
                "f_double_prime": round(highest, 2),
            }
        return found
