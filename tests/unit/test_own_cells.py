"""The cell of each lattice: its spread is the crystals' spread."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality.spot_lists import CELLS, GEOMETRY
from recorder.records import Lattice
from recorder.simulate.stills.crystal import Crystal, Quality, random_rotation
from recorder.simulate.stills.symmetry import space_group
from recorder.ssx.detector.geometry import scattering_vectors
from recorder.ssx.lattices import symmetry
from recorder.ssx.lattices.indexer import Indexer

FREE = {"lyso": (0, 0, 1), "mono": (0, 1, 2), "tric": (0, 1, 2), "cubic": (0, 0, 0)}
"""Which of the drawn strains each length has."""


def spots_of(name: str, strain: np.ndarray, count: int, rng: np.random.Generator):
    """The cell of a crystal, and the spots of its still with spurious ones."""
    cell, group = CELLS[name]
    lengths = [cell[n] * (1 + strain[FREE[name][n]]) for n in range(3)]
    crystal = Crystal((*lengths, *cell[3:]), space_group(group), 1 / 1.6)
    vectors = crystal.vectors @ random_rotation(rng).T
    quality = Quality(mosaicity=float(rng.uniform(0.03, 0.15)))
    s1, intensity = crystal.diffract(vectors, quality, GEOMETRY.wavelength)
    s1, intensity = s1[s1[:, 2] > 0], intensity[s1[:, 2] > 0]
    xy = s1[:, :2] / s1[:, 2:] * GEOMETRY.distance / GEOMETRY.pixel_size
    xy += GEOMETRY.beam_center
    inside = ((xy >= 0) & (xy < 2000)).all(axis=1)
    best = np.argsort(-intensity[inside], kind="stable")[:count]
    xy = xy[inside][best] + rng.normal(0, 0.25, (len(best), 2))
    xy = np.concatenate([xy, rng.uniform(0, 2000, (count // 5, 2))])
    return (*lengths, *cell[3:]), scattering_vectors(GEOMETRY, xy[:, 0], xy[:, 1])


def found_cells(
    name: str, strains: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray, list[Lattice]]:
    rng = np.random.default_rng(seed)
    indexer = Indexer(*CELLS[name])
    true, lattices = [], []
    for strain in strains:
        cell, q = spots_of(name, strain, 30, rng)
        found = indexer.index(q)
        assert len(found) == 1
        true.append(cell)
        lattices.append(found[0])
    return np.array(true), np.array([item.cell for item in lattices]), lattices


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "spread"),
    [*((name, 0.002) for name in FREE), ("lyso", 0.005), ("mono", 0.005)],
)
def test_the_spread_of_the_cells_is_that_of_the_crystals(
    name: str, spread: float
) -> None:
    rng = np.random.default_rng(71)
    true, found, lattices = found_cells(name, rng.normal(0, spread, (30, 3)), 72)
    ratio = found[:, :3].std(axis=0) / true[:, :3].std(axis=0)
    assert ratio == pytest.approx(1, abs=0.2)
    errors = np.array([item.cell_error for item in lattices])[:, :3]
    pull = np.median(np.abs(found[:, :3] - true[:, :3]) / errors, axis=0) / 0.6745
    assert np.all((pull > 0.4) & (pull < 2))


def test_two_forms_are_seen_as_two() -> None:
    strains = np.zeros((16, 3))
    strains[::2], strains[1::2] = 0.0075, -0.0075
    rng = np.random.default_rng(73)
    strains += rng.normal(0, 0.002, strains.shape)
    true, found, _ = found_cells("lyso", strains, 74)
    a = found[:, 0]
    assert a[::2].min() > a[1::2].max() + 0.3
    assert a == pytest.approx(true[:, 0], rel=2e-3)


@pytest.mark.parametrize("name", FREE)
def test_cells_keep_the_symmetry(name: str) -> None:
    rng = np.random.default_rng(75)
    _, found, lattices = found_cells(name, rng.normal(0, 0.003, (3, 3)), 76)
    given = CELLS[name][0]
    for cell, lattice in zip(found, lattices, strict=True):
        for n in range(3, 6):
            if given[n] == 90:
                assert cell[n] == pytest.approx(90, abs=1e-6)
        if name == "lyso":
            assert cell[0] == pytest.approx(cell[1], rel=1e-9)
        again = np.reshape(lattice.vectors, (3, 3))
        np.testing.assert_allclose(np.linalg.norm(again, axis=1), cell[:3], rtol=1e-9)


def test_strains_are_those_that_the_symmetry_allows() -> None:
    for name, number in (("tric", 6), ("mono", 4), ("big", 3), ("lyso", 2)):
        basis, _ = symmetry.primitive_vectors(*CELLS[name])
        assert len(symmetry.strains(symmetry.rotations(basis))) == number
    basis, _ = symmetry.primitive_vectors(*CELLS["cubic"])
    assert len(symmetry.strains(symmetry.rotations(basis))) == 1
