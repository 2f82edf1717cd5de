"""Geometry and cell from hits: right where it can be known, silent where not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.quality.indexing import is_right
from benchmarks.quality.spot_lists import CELLS, GEOMETRY, make_list, random_list
from recorder.records import ClassifySettings
from recorder.ssx.detector.geometry import scattering_vectors
from recorder.ssx.lattices import symmetry
from recorder.ssx.lattices.indexer import Indexer
from recorder.ssx.learning.cell_search import (
    common_cell,
    propose_known,
    propose_unknown,
)
from recorder.ssx.learning.joint_refinement import IndexedImage, refine_common
from recorder.ssx.learning.lattice import LatticeKnowledge, learn_lattice
from recorder.ssx.learning.vector_search import find_vectors
from tests.crystallography import cell_volume

SETTINGS = ClassifySettings()


def hits(name: str, count: int = 24, spots: int = 40, seed: int = 5) -> list:
    rng = np.random.default_rng(seed)
    return [make_list(name, (spots,), 0.2, rng) for _ in range(count)]


def ordered(q: np.ndarray) -> np.ndarray:
    return q[np.argsort(np.linalg.norm(q, axis=1), kind="stable")]


@pytest.mark.parametrize("name", ["lyso", "mono", "tric"])
def test_vectors_of_the_lattice_are_among_the_candidates(name):
    seen = []
    for item in hits(name, 6):
        reduced, _ = symmetry.reduce_basis(item.bases[0])
        found = find_vectors(ordered(item.q()), 250.0).vectors
        both = np.concatenate([found, -found])
        away = np.linalg.norm(both[None] - reduced[:, None], axis=2).min(axis=1)
        seen.append((away < 0.05 * np.linalg.norm(reduced, axis=1)).sum())
    assert min(seen) >= 1
    assert np.mean(seen) > 2.4


def test_a_proposal_tells_the_shift_of_the_beam_centre():
    moved = replace(GEOMETRY, beam_center=(1004.0, 998.0))
    basis, _ = symmetry.primitive_vectors(*CELLS["mono"])
    shifts = []
    for item in hits("mono", 8):
        found = propose_known(ordered(item.q(moved)), 1.015 * basis)
        if found is not None:
            shifts.append(found.shift[:2] * moved.distance / 75e-6)
    assert len(shifts) >= 5
    assert np.median(shifts, axis=0) == pytest.approx([-4.0, 2.0], abs=0.3)


def test_cells_that_most_images_propose_are_believed():
    proposals = [propose_unknown(ordered(i.q()), 200.0) for i in hits("tric", 12)]
    agreed = common_cell([p for p in proposals if p is not None])
    assert agreed is not None
    cell, members = agreed
    assert cell[:3] == pytest.approx((35, 45, 60), rel=0.01)
    assert len(members) >= 6


def test_noise_agrees_on_no_cell():
    rng = np.random.default_rng(1)
    lists = [ordered(random_list(60, rng).q()) for _ in range(12)]
    proposals = [propose_unknown(q, 200.0) for q in lists]
    agreed = common_cell([p for p in proposals if p is not None])
    known = LatticeKnowledge(GEOMETRY, None, None)
    spots = [random_list(60, rng).xy for _ in range(12)]
    assert agreed is None or learn_lattice(known, spots, SETTINGS) is known


def test_common_refinement_finds_centre_distance_and_cell():
    basis, _ = symmetry.primitive_vectors(*CELLS["tric"])
    wrong = replace(GEOMETRY, beam_center=(1001.0, 999.2), distance=0.1506)
    images = [IndexedImage(i.xy, lattice_of(i)) for i in hits("tric", 20)]
    found = refine_common(images, wrong, 1.004 * basis, symmetry.rotations(basis))
    assert found is not None
    assert found.images == 20
    assert found.geometry.beam_center == pytest.approx((1000, 1000), abs=0.1)
    assert found.geometry.distance == pytest.approx(0.15, rel=0.004)
    ratio = np.linalg.norm(found.basis, axis=1) / np.linalg.norm(basis, axis=1)
    assert ratio == pytest.approx(1, abs=0.004)


def lattice_of(item) -> np.ndarray:
    """The reduced basis of a list's lattice, as the indexer would give it."""
    _, back = symmetry.primitive_vectors(*CELLS["tric"])
    return np.linalg.inv(back) @ item.bases[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "geometry", "scale"),
    [
        ("lyso", GEOMETRY, 1.02),
        ("mono", GEOMETRY, 0.98),
        ("tric", replace(GEOMETRY, beam_center=(1004.0, 1000.0)), 1.0),
        ("cubic", replace(GEOMETRY, distance=0.1515), 1.0),
        ("big", replace(GEOMETRY, beam_center=(1000.0, 996.0)), 1.0),
    ],
)
def test_wrong_geometry_is_learned_away(name, geometry, scale):
    cell, group = CELLS[name]
    a, b, c, *angles = cell
    given = (a * scale, b * scale, c * scale, *angles)
    known = LatticeKnowledge(geometry, given, group)
    after = learn_lattice(known, [i.xy for i in hits(name, 30)], SETTINGS)
    assert after.geometry.beam_center == pytest.approx((1000, 1000), abs=0.3)
    assert after.images > 0
    indexer = Indexer(after.cell, group)
    right = 0
    for item in hits(name, 20, seed=9):
        q = scattering_vectors(after.geometry, item.xy[:, 0], item.xy[:, 1])
        right += any(is_right(name, found, item) for found in indexer.index(q))
    assert right >= 19


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lyso", "mono", "cubic"])
def test_an_unknown_cell_is_found(name):
    known = LatticeKnowledge(GEOMETRY, None, None)
    after = learn_lattice(known, [i.xy for i in hits(name, 25)], SETTINGS)
    assert after.found
    assert after.cell is not None
    assert cell_volume(after.cell) == pytest.approx(
        cell_volume(CELLS[name][0]), rel=0.02
    )


def test_right_knowledge_is_kept():
    cell, group = CELLS["lyso"]
    known = LatticeKnowledge(GEOMETRY, cell, group)
    after = learn_lattice(known, [i.xy for i in hits("lyso", 20)], SETTINGS)
    assert after.geometry.beam_center == pytest.approx((1000, 1000), abs=0.1)
    assert after.cell == pytest.approx(cell, rel=0.003)


@pytest.mark.slow
def test_nothing_is_learned_from_noise_or_from_few_hits():
    rng = np.random.default_rng(2)
    cell, group = CELLS["lyso"]
    known = LatticeKnowledge(GEOMETRY, cell, group)
    noise = [random_list(80, rng).xy for _ in range(20)]
    assert learn_lattice(known, noise, SETTINGS) is known
    assert learn_lattice(known, [i.xy for i in hits("lyso", 3)], SETTINGS) is known
    assert learn_lattice(known, [], SETTINGS) is known


@pytest.mark.slow
def test_a_wrong_cell_is_not_adopted():
    """Spots of another crystal than announced: no calibration makes them fit."""
    cell, group = CELLS["cubic"]
    known = LatticeKnowledge(GEOMETRY, cell, group)
    after = learn_lattice(known, [i.xy for i in hits("tric", 20)], SETTINGS)
    assert after is known
