"""Rings of any substance, and crystals that must not be taken for one."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.per_image import CELLS
from recorder.simulate.stills.render import StillGenerator
from recorder.simulate.stills.settings import StillSettings, default_geometry
from recorder.ssx.detector.geometry import scattering_vectors
from recorder.ssx.spots.powder_rings import Shells, on_rings, shells_of

DETECTOR = default_geometry(1024)
LEAST = 8


@pytest.fixture(scope="module")
def shells() -> Shells:
    return shells_of(DETECTOR, np.ones(DETECTOR.shape, np.bool_))


def left(spacings: list[float], n: int, spread: float, shells: Shells, seed: int):
    """Spots that remain of n on rings (Å) and two others."""
    rng = np.random.default_rng(seed)
    norm = 1 / rng.choice(spacings, n) * (1 + rng.normal(0, spread, n))
    norm = np.append(norm + rng.normal(0, 2e-4, n), rng.choice(shells.norm, 2))
    return np.count_nonzero(~on_rings(norm, 0.6, shells))


@pytest.mark.parametrize(
    ("spacings", "n", "spread"),
    [
        ([3.256, 2.820, 1.994], 20, 0.0),
        ([42.0], 12, 0.003),
        ([4.5], 40, 0.006),
        ([42.0, 4.5], 25, 0.004),
        ([3.90, 3.67, 3.44], 60, 0.001),
        ([7.3], 15, 0.0005),
        ([2.338, 2.024], 25, 0.001),
    ],
    ids=["salt", "lipid, 42", "lipid, 4.5", "lipid", "ice", "unknown", "aluminium"],
)
def test_a_powder_of_any_substance_is_no_hit(spacings, n, spread, shells) -> None:
    remain = [left(spacings, n, spread, shells, seed) for seed in range(40)]
    assert np.mean(np.array(remain) >= LEAST) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("brightness", [0.15, 2.0])
def test_a_crystal_is_no_powder(cell, brightness, shells) -> None:
    """Weak and strong ones, one to three of them; low orders are equivalent."""
    numbers, group = CELLS[cell]
    generator = StillGenerator(
        StillSettings(
            geometry=DETECTOR,
            cell=numbers,
            space_group=group,
            brightness=brightness,
            min_spots=0,
        ),
        17,
    )
    taken = []
    for n in range(12):
        still = generator.still(n, "hit" if n % 3 else "multi")
        spots = np.concatenate(still.spots)
        spots = spots[spots[:, 2] > 25]
        q = scattering_vectors(DETECTOR, spots[:, 0], spots[:, 1])
        ring = on_rings(np.linalg.norm(q, axis=1), 0.6, shells)
        taken.append(ring.mean() if len(ring) else 0.0)
    assert np.mean(np.array(taken) > 0.2) <= 0.1


def test_spots_spread_as_the_detector_are_no_ring(shells) -> None:
    rng = np.random.default_rng(3)
    called = [
        on_rings(rng.choice(shells.norm, n), 0.6, shells).any()
        for n in (8, 12, 30, 100, 300)
        for _ in range(60)
    ]
    assert np.mean(called) <= 0.01
