"""What the simulated stills show, and what is said of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from recorder.records import Cell, Geometry
from recorder.simulate.spec import read_spec
from recorder.simulate.stills.conditions import Conditions, demand

_DTYPES = ("uint8", "uint16", "uint32", "int16", "int32")
_SHARES = ("hit_share", "multi_share", "ice_share", "salt_share", "bad_pixel_share")
_AMOUNTS = (
    "background",
    "brightness",
    "streak",
    "zingers",
    "noise",
    "min_spots",
    "cell_jitter",
    "hot_pixels_per_mpx",
    "dead_pixels_per_mpx",
)


def default_geometry(pixels: int = 1024) -> Geometry:
    """Square detector, 75 µm pixels, 1.0 Å, edge at about 1.8 Å."""
    size, wavelength = 75e-6, 1.0
    distance = pixels / 2 * size / math.tan(2 * math.asin(wavelength / (2 * 1.8)))
    centre = (pixels / 2 + 3.7, pixels / 2 - 5.2)
    return Geometry((pixels, pixels), (size, size), distance, centre, wavelength)


@dataclass(frozen=True, slots=True)
class StillSettings(Conditions):
    """What to simulate.

    Effects that are off by default draw from random streams of their own: switching
    one on leaves the crystals of every image as they were, unless it changes the
    background (``background_drift``, ``azimuthal``) or moves the detector
    (``drift``). A shadow weakens spots.

    Raises:
        UsageError: A value out of its range.
    """

    geometry: Geometry = field(default_factory=default_geometry)
    cell: Cell = (79.1, 79.1, 38.2, 90, 90, 90)
    space_group: str = "P43212"
    background: float = 0.6
    """Mean photons of a good pixel, without ice and streak."""
    hit_share: float = 0.3
    """Share of images with at least one lattice."""
    multi_share: float = 0.15
    """Share of the hits with more than one."""
    gain: int = 1
    """Counts per photon."""
    dtype: str = "uint16"
    """Pixel type. An unsigned one counts photons, its maximum marks bad pixels; a
    signed one integrates charge, its minimum does, and pixels can be negative."""
    brightness: float = 1.0
    """Of all crystals; 1 gives lysozyme about 100 strong spots at the median."""
    min_spots: int = 30
    """The first lattice of a hit has at least so many spots of 40 photons."""
    module_gaps: bool = True
    hot_pixels_per_mpx: float = 10
    """Not in the mask."""
    bad_pixel_share: float = 3e-5
    """In the mask."""
    dead_pixels_per_mpx: float = 0
    """Stuck at 0 counts, not in the mask."""
    psf: tuple[float, float] = (0.75, 0.85)
    """Range of the Gaussian sigma of the spots of an image (px)."""
    ice_share: float = 0
    """Share of images with ice: rings of hexagonal ice, 50 to 200 spots on them."""
    salt_share: float = 0
    """Share of images with 3 to 8 saturated spots of a rock-salt lattice."""
    zingers: float = 0
    """Mean number for each image of events of 1 to 3 px, or short streaks."""
    background_drift: tuple[float, float] = (0, 1000)
    """Relative amplitude of the slow drift of the level and of the height of the
    solvent rings over it, and the period of both (images)."""
    azimuthal: tuple[float, float] = (0, 0)
    """Relative amplitudes of cos(phi) and cos(2 phi) in the background; phi counts
    from +x (fast) to +y (slow)."""
    streak: float = 0
    """Mean over the images of the peak (photons) of a line through the beam centre,
    roughly along x, as a vertical jet scatters."""
    cell_jitter: float = 0
    """Relative sigma of the cell lengths of a crystal: once for all, once for each."""
    noise: float = 0
    """Sigma (counts) of the electronic noise; needs a signed dtype or a baseline."""
    geometry_error: tuple[float, float, float] = (0, 0, 0)
    """How wrong the header is: beam centre x and y (px), distance (relative)."""
    cell_error: float = 0
    """How wrong the announced cell lengths are (relative)."""

    def __post_init__(self) -> None:
        for name in _SHARES:
            demand(0 <= getattr(self, name) <= 1, name, "between 0 and 1")
        demand(self.bad_pixel_share < 1, "bad_pixel_share", "below 1")
        for name in _AMOUNTS:
            demand(getattr(self, name) >= 0, name, "not negative")
        demand(self.dtype in _DTYPES, "dtype", f"one of {', '.join(_DTYPES)}")
        demand(self.gain >= 1, "gain", "at least 1")
        demand(0.2 <= self.psf[0] <= self.psf[1] <= 5, "psf", "a range in 0.2:5")
        amplitude, period = self.background_drift
        drifts = 0 <= amplitude < 1 and period > 0
        demand(drifts, "background_drift", "an amplitude below 1 and a period")
        demand(sum(map(abs, self.azimuthal)) < 1, "azimuthal", "below 1 in all")
        demand(self.cell_jitter <= 0.1, "cell_jitter", "at most 0.1")
        demand(abs(self.geometry_error[2]) < 1, "geometry_error", "below 1")
        demand(abs(self.cell_error) < 1, "cell_error", "below 1")
        pedestal = self.signed or self.baseline > 0
        quiet = "0 unless dtype is int16 or int32, or there is a baseline"
        demand(pedestal or self.noise == 0, "noise", quiet)
        demand(self.signed or self.baseline >= 0, "baseline", "not negative")
        demand(pedestal or not self.baseline_spread, "baseline_spread", quiet)
        self.demand_conditions()

    @property
    def signed(self) -> bool:
        """Whether the detector integrates: pixels can be negative."""
        return bool(np.iinfo(self.dtype).min < 0)

    @property
    def drifts(self) -> bool:
        """Whether centre, distance or wavelength move."""
        return any(self.drift)

    def geometry_at(self, when: float) -> Geometry:
        """Where the detector is, and the wavelength, at image ``when`` of the run."""
        true = self.geometry
        if not self.drifts:
            return true
        part = min(max(when / self.drift_images, 0.0), 1.0)
        dx, dy, stretch, colour = (part * end for end in self.drift)
        return replace(
            true,
            beam_center=(true.beam_center[0] + dx, true.beam_center[1] + dy),
            distance=true.distance * (1 + stretch),
            wavelength=true.wavelength * (1 + colour),
        )

    @property
    def told_geometry(self) -> Geometry:
        """What the header says: the true geometry plus ``geometry_error``."""
        true, (dx, dy, stretch) = self.geometry, self.geometry_error
        centre = (true.beam_center[0] + dx, true.beam_center[1] + dy)
        return replace(true, beam_center=centre, distance=true.distance * (1 + stretch))

    @property
    def told_cell(self) -> Cell:
        """What the announcement says: lengths times 1 + ``cell_error``."""
        a, b, c = (length * (1 + self.cell_error) for length in self.cell[:3])
        return (a, b, c, *self.cell[3:])


def parse_stills(spec: str, geometry: Geometry) -> StillSettings:
    """Settings from a list such as ``ice_share=0.2,psf=0.8:1.2,dtype=int16``.

    Raises:
        UsageError: An unknown setting, or a value that it cannot have.
    """
    values = read_spec(spec, StillSettings, "setting of the stills", _HIDDEN)
    return StillSettings(geometry=geometry, **values)


_HIDDEN = frozenset({"geometry"})
