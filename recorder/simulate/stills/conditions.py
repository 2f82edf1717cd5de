"""Settings of what beamlines have and a clean still has not; all of it is off."""

from __future__ import annotations

from dataclasses import dataclass

from recorder.errors import UsageError

JET_PROFILES = ("gaussian", "exponential", "mixed")
SUBSTANCES = ("salt", "lipid", "ice", "unknown")
_NOT_NEGATIVE = (
    "jet_turn",
    "jet_move",
    "shadows",
    "shadow_move",
    "noisy_lines",
    "dead_lines",
    "multi_lattices",
    "baseline_spread",
)
_POSITIVE = ("jet_fall", "ring_width", "drift_images")
_RANGES = (
    "jet",
    "jet_width",
    "shadow_light",
    "shadow_edge",
    "noisy_line",
    "multi_scale",
    "ring_spots",
    "ring_height",
)


@dataclass(frozen=True, slots=True)
class Conditions:
    """Streaks, shadows, lines, edges, rings, pedestals, several lattices, drift.

    Raises:
        UsageError: A value out of its range.
    """

    jet: tuple[float, float] = (0, 0)
    """Range of the peak of a jet's streak (photons in a pixel), one for each image,
    before the pixels average it."""
    jet_width: tuple[float, float] = (1, 10)
    """Range of its full width at half maximum (px), one for each image."""
    jet_profile: str = "gaussian"
    """Its profile across: ``gaussian``, ``exponential`` (a peak with tails), or
    ``mixed``: either, from image to image."""
    jet_turn: float = 5
    """Sigma (degrees) of its direction from image to image, around one of the run."""
    jet_move: float = 0
    """Sigma (px) of how far it passes from the beam centre, from image to image."""
    jet_fall: float = 0.1
    """|q| (1/Å) over which it falls to 1/e."""
    shadows: int = 0
    """Shadows: half-planes, bands and discs in turn."""
    shadow_light: tuple[float, float] = (0.2, 0.8)
    """Range of the share of the photons that a shadow lets through."""
    shadow_edge: tuple[float, float] = (0, 2)
    """Range of the sigma (px) of the edge of a shadow."""
    shadow_move: float = 0
    """Sigma (px) of the place of each shadow from image to image."""
    noisy_lines: int = 0
    """Columns and rows, in turn, of which at least a quarter is noisy; not masked."""
    noisy_line: tuple[float, float] = (1, 20)
    """Range of the mean photons that a noisy line adds to a pixel. Of each pixel on
    each image they are scattered by a factor (log-normal, sigma 0.5)."""
    dead_lines: int = 0
    """Columns and rows, in turn, of which at least a quarter is stuck at 0."""
    module_edge: float = 1
    """So many times the background in pixels at the border of a module."""
    ring_share: float = 0
    """Share of the images with the powder rings of ``ring``."""
    ring: str = "salt"
    """``salt``, ``lipid`` (42 and 4.5 Å), ``ice``, or ``unknown``: four rings of a
    substance that the seed decides."""
    ring_spots: tuple[float, float] = (0, 0)
    """Range of the number of spots on them (median 80 photons), one for each image."""
    ring_height: tuple[float, float] = (0, 0)
    """Range of the photons in a pixel of the smooth ring, one for each image."""
    ring_width: float = 0.0012
    """Sigma of the smooth ring (1/Å)."""
    multi_lattices: int = 0
    """Lattices of an image with several; 0: two, or three in one of four."""
    multi_scale: tuple[float, float] = (0.3, 0.8)
    """Range of the brightness of a further lattice to that of the one before."""
    second_form: float = 0
    """Share of the lattices that have the second crystal form."""
    form_change: tuple[float, float, float] = (0.015, 0.015, 0.015)
    """Relative change of a, b and c from the first to the second form."""
    baseline: float = 0
    """Counts of a pixel without photons."""
    baseline_spread: float = 0
    """Sigma (counts) of the baseline from pixel to pixel, the same for all images."""
    drift: tuple[float, float, float, float] = (0, 0, 0, 0)
    """How far beam centre x and y (px), distance and wavelength (relative) have moved
    after ``drift_images``: evenly until then, not at all later. The announced
    geometry is that of the first image."""
    drift_images: float = 1000

    def demand_conditions(self) -> None:
        """Raise UsageError for a value out of its range."""
        for name in _NOT_NEGATIVE:
            demand(getattr(self, name) >= 0, name, "not negative")
        for name in _POSITIVE:
            demand(getattr(self, name) > 0, name, "above 0")
        for name in _RANGES:
            low, high = getattr(self, name)
            demand(0 <= low <= high, name, "a range, not negative")
        for name in ("ring_share", "second_form"):
            demand(0 <= getattr(self, name) <= 1, name, "between 0 and 1")
        profiles, substances = ", ".join(JET_PROFILES), ", ".join(SUBSTANCES)
        demand(self.jet_profile in JET_PROFILES, "jet_profile", f"one of {profiles}")
        demand(self.ring in SUBSTANCES, "ring", f"one of {substances}")
        demand(self.jet[0] > 0 or self.jet[1] == 0, "jet", "a range above 0, or 0:0")
        demand(self.jet_width[0] > 0, "jet_width", "a range above 0")
        demand(self.shadow_light[1] <= 1, "shadow_light", "a range in 0:1")
        demand(self.noisy_line[0] > 0, "noisy_line", "a range above 0")
        demand(self.module_edge >= 1, "module_edge", "at least 1")
        demand(max(map(abs, self.form_change)) <= 0.1, "form_change", "within 0.1")
        demand(max(map(abs, self.drift[2:])) <= 0.5, "drift", "within 0.5, relative")


def demand(fine: bool, name: str, what: str) -> None:
    """Raise UsageError that names a setting unless it is fine."""
    if not fine:
        raise UsageError(f"{name}: must be {what}")
