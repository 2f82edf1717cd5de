"""A simulated fluorescence spectrum: planted lines, scatter, background, noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from recorder.records import Json
from recorder.simulate.arrays import Floats, Ints
from recorder.simulate.spec import demanded

LINES_EV = {
    "Ca": (("Ka", 3691.7, 1.0), ("Kb", 4012.7, 0.13)),
    "Mn": (("Ka", 5898.8, 1.0), ("Kb", 6490.5, 0.13)),
    "Fe": (("Ka", 6403.8, 1.0), ("Kb", 7058.0, 0.13)),
    "Co": (("Ka", 6930.3, 1.0), ("Kb", 7649.4, 0.13)),
    "Ni": (("Ka", 7478.2, 1.0), ("Kb", 8264.7, 0.13)),
    "Cu": (("Ka", 8047.8, 1.0), ("Kb", 8905.3, 0.13)),
    "Zn": (("Ka", 8638.9, 1.0), ("Kb", 9572.0, 0.13)),
    "As": (("Ka", 10543.7, 1.0), ("Kb", 11726.2, 0.15)),
    "Se": (("Ka", 11222.4, 1.0), ("Kb", 12495.9, 0.15)),
    "Br": (("Ka", 11924.2, 1.0), ("Kb", 13291.4, 0.16)),
    "Pt": (("La", 9442.3, 1.0), ("Lb", 11070.7, 0.6)),
    "Au": (("La", 9713.3, 1.0), ("Lb", 11442.3, 0.6)),
    "Hg": (("La", 9988.8, 1.0), ("Lb", 11822.6, 0.6)),
}
"""Strongest emission lines of an element: name, energy (eV) as tabulated, and its share
of the first one."""
ABSORBED_EV = {
    **{"Ca": 4038.5, "Mn": 6539.0, "Fe": 7112.0, "Co": 7709.0, "Ni": 8333.0},
    **{"Cu": 8979.0, "Zn": 9659.0, "As": 11867.0, "Se": 12658.0, "Br": 13474.0},
    **{"Pt": 11564.0, "Au": 11919.0, "Hg": 12284.0},
}
"""Edge (eV) below which the beam makes no such line, as tabulated."""
FANO_EV = 0.115 * 3.66
"""Variance of the charge of a photon in silicon by its energy, eV: the Fano factor
times the energy of a pair."""
ELECTRONIC_EV = 45.0
"""Sigma of the detector's electronics, eV. Chosen, not tuned."""
COMPTON_EV = 511e3
"""Rest energy of an electron, eV."""
MAX_CHANNELS = 65536
"""Of a spectrum: sixteen times those of a usual analyser. Chosen, not tuned."""
BAD = ("none", "null", "nan", "short", "uncalibrated")


@dataclass(frozen=True, slots=True)
class SimulatedSpectrum:
    """A fluorescence spectrum, and what is said of it.

    Raises:
        UsageError: A value out of its range.
    """

    energy: float = 12700.0
    """Of the beam, eV."""
    exposure: float = 1.0
    """Seconds."""
    elements: str = "Fe+Zn+Se"
    """What the sample has, with ``+`` between."""
    counts: float = 50_000.0
    """Of the strongest line of each element."""
    channels: int = 4096
    gain: float = 5.0
    """eV a channel; the zero is at 0."""
    quadratic: float = 0.0
    """eV a square of a channel."""
    dead: float = 0.1
    """Share of the time in which the detector is blind."""
    bad: str = "none"
    """What is wrong with the message: ``null`` or ``nan`` (a channel has no counts),
    ``short`` (half the channels), ``uncalibrated`` (no calibration)."""

    def __post_init__(self) -> None:
        unknown = [name for name in self.names if name not in LINES_EV]
        for right, text in (
            (self.energy > 0, "energy: above 0"),
            (self.exposure >= 0, "exposure: 0 or more seconds"),
            (not unknown, f"elements: {', '.join(LINES_EV)}, with + between"),
            (self.counts > 0, "counts: above 0"),
            (2 <= self.channels <= MAX_CHANNELS, f"channels: 2 to {MAX_CHANNELS}"),
            (self.gain > 0, "gain: above 0"),
            (0 <= self.dead < 1, "dead: a share from 0 to below 1"),
            (self.bad in BAD, f"bad: {', '.join(BAD)}"),
        ):
            demanded(right, text)

    @property
    def names(self) -> tuple[str, ...]:
        """The planted elements."""
        return tuple(filter(None, self.elements.split("+")))

    @property
    def lines(self) -> list[Json]:
        """The planted lines that the beam makes and the spectrum reaches."""
        return [
            {"element": name, "line": line, "energy": energy, "share": share}
            for name in self.names
            for line, energy, share in LINES_EV[name]
            if ABSORBED_EV[name] < self.energy and energy < self.reach_ev
        ]

    @property
    def calibration(self) -> list[float]:
        """Energy (eV) of channel n: the first and n and n² times the others."""
        return [0.0, self.gain, self.quadratic]

    @property
    def reach_ev(self) -> float:
        """Energy of the last channel, eV."""
        last = self.channels - 1
        return self.gain * last + self.quadratic * last**2

    def measured(self, seed: int) -> Ints:
        """Counts with their noise, by channel: (channels,)."""
        rng = np.random.default_rng((seed, 47))
        n = np.arange(self.channels)
        at = self.gain * n + self.quadratic * n**2
        compton = self.energy / (
            1 + self.energy / COMPTON_EV
        )  # scattered by 90 degrees
        peaks = [(line["energy"], line["share"], 1.0) for line in self.lines]
        peaks += [(self.energy, 0.4, 1.0), (compton, 0.6, 2.0)]
        rates = 1e-4 * self.counts * np.exp(-at / 4000)
        for energy, share, wider in peaks:
            rates += share * self.counts * _peak(at, energy, wider)
        found: Ints = rng.poisson(rates * (1 - self.dead)).astype(np.int64)
        return found

    @property
    def truth(self) -> Json:
        """What is true of it."""
        return {
            "energy": self.energy,
            "channels": self.channels,
            "calibration": self.calibration,
            "elements": list(self.names),
            "lines": self.lines,
        }

    @property
    def announced(self) -> Json:
        """What the announcement has of it."""
        return {
            "spectrum": {"energy": self.energy, "exposure_time": self.exposure or None}
        }


def _peak(at: Floats, energy: float, wider: float) -> Floats:
    """A line of area 1 as the detector sees it, at channels of energies (n,)."""
    sigma = wider * math.sqrt(ELECTRONIC_EV**2 + FANO_EV * energy)
    shape: Floats = np.exp(-(((at - energy) / sigma) ** 2) / 2)
    return shape / max(float(shape.sum()), 1e-300)
