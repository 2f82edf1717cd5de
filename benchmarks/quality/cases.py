"""The conditions that images are tried under, each alone and all of them together."""

from __future__ import annotations

from dataclasses import dataclass, replace

from recorder.simulate.stills.render import StillSettings, default_geometry

PIXELS = {"short": 768, "full": 1062}
"""Side of the detector: with both, each image has borders of modules and gaps."""
SEEDS = (41, 42, 43)
"""Detectors and jets of a condition: a run of 128 images each."""
RUN = 128
"""Images: the first 64 use no learned state, the others the first one."""


@dataclass(frozen=True)
class Case:
    """One condition."""

    name: str
    settings: StillSettings
    kind: str = "hit"
    """Of the hits: ``hit`` or ``multi``."""
    long: bool = False
    """One run as long as those of all seeds together."""
    most_hits: int = 1
    """Blanks of 90 that may be called hits."""
    least_right: float = 0.99
    """Share of the hits that must be found and right."""


def cases(pixels: int) -> list[Case]:
    """All conditions, on a detector of so many pixels."""
    bright = StillSettings(geometry=default_geometry(pixels))
    base = replace(bright, brightness=0.5, min_spots=15)
    three = replace(bright, multi_lattices=3, multi_scale=(0.7, 1.0))
    wet = replace(bright, background=8, brightness=2.0)
    jet = replace(base, jet=(1, 50), jet_turn=90, jet_move=20, jet_fall=0.3)
    shadows = replace(base, shadows=3, shadow_light=(0.1, 0.6))
    rings = replace(base, ring_share=1, ring_spots=(10, 120))
    exponential = replace(jet, jet_profile="exponential")

    def geometry(dx: float, distance: float) -> StillSettings:
        return replace(three, geometry_error=(dx, -dx / 2, distance))

    return [
        Case("none of them", base),
        Case("jet, Gaussian, any direction", jet),
        Case("jet, exponential, any direction", exponential),
        Case("jet that stays", replace(exponential, jet_turn=2, jet_move=1)),
        Case("shadows that stay", shadows),
        Case("shadows that move", replace(shadows, shadow_move=15)),
        Case("noisy columns and rows", replace(base, noisy_lines=10)),
        Case("dead columns and rows", replace(base, dead_lines=10)),
        Case("module edges, 3 times", replace(base, module_edge=3)),
        Case("8 photons/px", wet),
        Case(
            "8 photons/px, shadows that move",
            replace(wet, shadows=3, shadow_light=(0.1, 0.6), shadow_move=15),
        ),
        Case(
            "8 photons/px, dead lines, edges",
            replace(wet, dead_lines=10, module_edge=3),
        ),
        Case("salt, spotty rings", rings),
        Case("lipid rings", replace(rings, ring="lipid", ring_height=(1, 8))),
        Case("ice, sharp and spotty", replace(rings, ring="ice", ring_height=(1, 5))),
        Case("unknown, spotty rings", replace(rings, ring="unknown")),
        Case(
            "unknown, sharp rings",
            replace(rings, ring="unknown", ring_spots=(0, 0), ring_height=(1, 8)),
        ),
        Case(
            "pedestal, unsigned",
            replace(base, baseline=100, noise=3, gain=10, baseline_spread=1),
        ),
        Case(
            "pedestal, signed",
            replace(base, dtype="int32", baseline=-40, noise=4, gain=12),
        ),
        Case(
            "drift of 6 px, 0.5 %",
            replace(base, drift=(6, -3, 0.005, 0.0), drift_images=RUN * len(SEEDS)),
            long=True,
        ),
        Case("three lattices", three, "multi"),
        *(
            Case(f"three, distance {part:+.0%}", geometry(0, part), "multi")
            for part in (0.01, -0.01, 0.02, -0.02)
        ),
        *(
            Case(f"three, cell {part:+.0%}", replace(three, cell_error=part), "multi")
            for part in (0.02, -0.02)
        ),
        Case("three, centre 4 px off", geometry(4, 0), "multi"),
        Case(
            "all together",
            replace(
                bright,
                jet=(1, 50),
                jet_profile="mixed",
                jet_turn=90,
                jet_move=20,
                jet_fall=0.3,
                shadows=3,
                shadow_light=(0.1, 0.6),
                noisy_lines=6,
                dead_lines=6,
                module_edge=2,
                ring="unknown",
                ring_share=0.3,
                ring_spots=(10, 120),
                baseline=100,
                noise=3,
                gain=10,
                cell_jitter=0.003,
                geometry_error=(2, -1, 0.01),
                drift=(3, -1, 0.002, 0),
                drift_images=RUN,
                multi_lattices=2,
                multi_scale=(0.7, 1.0),
            ),
            "multi",
            most_hits=5,
            least_right=0.9,
        ),
    ]
