"""Geometry and cell from hits: right where it can be known, silent where not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.quality.indexing import is_right
from benchmarks.quality.spot_lists import CELLS, GEOMETRY, make_list, random_list
from recorder.records import ClassifySettings, FindingKind, Place
from recorder.simulate.stills.crystal import Crystal, Quality, random_rotation
from recorder.simulate.stills.symmetry import space_group
from recorder.ssx.detector.geometry import scattering_vectors
from recorder.ssx.lattices import symmetry
from recorder.ssx.lattices.indexer import Indexer
from recorder.ssx.learning import drift
from recorder.ssx.learning.cell_search import (
    common_cell,
    propose_known,
    propose_unknown,
)
from recorder.ssx.learning.joint_refinement import IndexedImage, refine_common
from recorder.ssx.learning.lattice import LatticeKnowledge, When, learn_lattice
from recorder.ssx.learning.vector_search import find_vectors
from tests.crystallography import cell_volume

SETTINGS = ClassifySettings()
HITS = 12
"""A lesson is taken from four; the time that it takes goes with their number."""


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


@pytest.mark.slow
def test_cells_that_most_images_propose_are_believed():
    proposals = [propose_unknown(ordered(i.q()), 200.0) for i in hits("tric", 12)]
    agreed = common_cell([p for p in proposals if p is not None])
    assert agreed is not None
    lengths = np.sort(np.linalg.norm(agreed.basis, axis=1))
    assert lengths == pytest.approx((35, 45, 60), rel=0.01)
    assert len(agreed.members) >= 6
    assert len(agreed.bases) == len(agreed.members)


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
    after = learn_lattice(known, [i.xy for i in hits(name, 16)], SETTINGS)
    assert after.geometry.beam_center == pytest.approx((1000, 1000), abs=0.3)
    assert after.images > 0
    assert after.cell == pytest.approx(cell, rel=0.005)
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
    after = learn_lattice(known, [i.xy for i in hits(name, 16)], SETTINGS)
    assert after.found
    assert after.cell is not None
    assert cell_volume(after.cell) == pytest.approx(
        cell_volume(CELLS[name][0]), rel=0.02
    )


def test_right_knowledge_is_kept():
    cell, group = CELLS["lyso"]
    known = LatticeKnowledge(GEOMETRY, cell, group)
    after = learn_lattice(known, [i.xy for i in hits("lyso", HITS)], SETTINGS)
    assert after.geometry.beam_center == pytest.approx((1000, 1000), abs=0.1)
    assert after.cell == pytest.approx(cell, rel=0.003)


@pytest.mark.slow
def test_nothing_is_learned_from_noise_or_from_few_hits():
    rng = np.random.default_rng(2)
    cell, group = CELLS["lyso"]
    known = LatticeKnowledge(GEOMETRY, cell, group)
    noise = [random_list(80, rng).xy for _ in range(HITS)]
    assert learn_lattice(known, noise, SETTINGS) is known
    assert learn_lattice(known, [i.xy for i in hits("lyso", 3)], SETTINGS) is known
    assert learn_lattice(known, [], SETTINGS) is known


@pytest.mark.slow
@pytest.mark.parametrize(("given", "true"), [("cubic", "tric"), ("big", "lyso")])
def test_a_wrong_cell_is_not_adopted(given, true):
    """Spots of another crystal than announced: said, with the cell that they have."""
    known = LatticeKnowledge(GEOMETRY, *CELLS[given])
    after = learn_lattice(known, [i.xy for i in hits(true, HITS)], SETTINGS)
    assert (after.geometry, after.cell, after.images) == (GEOMETRY, known.cell, 0)
    (finding,) = after.findings
    assert finding.kind is FindingKind.OTHER_CELL
    edges = sorted(CELLS[true][0][:3])
    assert " ".join(f"{edge:.0f}" for edge in edges)[:2] in finding.text
    assert "announce unit_cell" in finding.text


def scaled(name: str, factor: float) -> tuple[float, ...]:
    cell, _ = CELLS[name]
    return (*(edge * factor for edge in cell[:3]), *cell[3:])


def right_or_said(after: LatticeKnowledge, name: str) -> None:
    """The right cell, or a message; never a wrong one."""
    kinds = {finding.kind for finding in after.findings}
    assert kinds & {FindingKind.DISAGREE, FindingKind.LIMIT}
    if after.images:
        assert after.cell == pytest.approx(CELLS[name][0], rel=0.005)
        assert after.geometry.distance == pytest.approx(0.15, rel=0.005)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "error", "wrong"),
    [
        ("lyso", 0.95, "cell"),
        ("lyso", 1.05, "distance"),
        ("mono", 0.95, "distance"),
        ("mono", 1.05, "cell"),
        ("big", 0.95, "cell"),
        ("big", 1.05, "distance"),
    ],
)
def test_five_percent_off_gives_the_right_cell(name, error, wrong):
    cell, group = CELLS[name]
    known = LatticeKnowledge(GEOMETRY, scaled(name, error), group)
    if wrong == "distance":
        moved = replace(GEOMETRY, distance=GEOMETRY.distance * error)
        known = LatticeKnowledge(moved, cell, group)
    after = learn_lattice(known, [i.xy for i in hits(name, HITS)], SETTINGS)
    assert after.images >= 4
    right_or_said(after, name)


@pytest.mark.slow
@pytest.mark.parametrize(("distance", "cell"), [(1.04, 0.96), (1.05, 0.95), (1.0, 1.1)])
def test_more_is_right_or_said(distance, cell):
    moved = replace(GEOMETRY, distance=GEOMETRY.distance * distance)
    known = LatticeKnowledge(moved, scaled("lyso", cell), "P43212")
    after = learn_lattice(known, [i.xy for i in hits("lyso", HITS)], SETTINGS)
    right_or_said(after, "lyso")


@pytest.mark.slow
def test_low_angles_do_not_tell_distance_from_cell():
    """Then nothing more than 3 % off is taken, and people are told."""
    far = replace(GEOMETRY, distance=0.9, wavelength=2.0, pixel_size=(150e-6, 150e-6))
    rng = np.random.default_rng(3)
    xy = [low_angle_hit(far, rng) for _ in range(20)]
    known = LatticeKnowledge(far, scaled("lyso", 1.045), "P43212")
    after = learn_lattice(known, xy, SETTINGS)
    (finding,) = after.findings
    assert finding.kind is FindingKind.DISAGREE
    assert "too low to tell" in finding.text
    assert "nothing is changed" in finding.text
    assert after.cell == known.cell
    close = LatticeKnowledge(far, scaled("lyso", 1.025), "P43212")
    after = learn_lattice(close, xy, SETTINGS)
    assert after.images >= 4


def low_angle_hit(geometry, rng) -> np.ndarray:
    """Spots of a crystal of lysozyme on a far detector."""
    crystal = Crystal(CELLS["lyso"][0], space_group("P43212"), 1 / 6.0)
    while True:
        vectors = crystal.vectors @ random_rotation(rng).T
        s1, _ = crystal.diffract(vectors, Quality(mosaicity=0.6), geometry.wavelength)
        s1 = s1[s1[:, 2] > 0]
        xy = s1[:, :2] / s1[:, 2:] * geometry.distance / geometry.pixel_size
        xy = xy + geometry.beam_center + rng.normal(0, 0.25, xy.shape)
        xy = xy[((xy >= 0) & (xy < 2000)).all(axis=1)]
        if len(xy) >= 25:
            return xy[:60]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("lyso", (79, 79, 76, 90, 90, 90), "axis c of the given cell is doubled"),
        ("lyso", (79, 79, 19, 90, 90, 90), "axis c of the given cell is halved"),
        ("mono", (116, 47, 71, 90, 103, 90), "axis a of the given cell is doubled"),
        ("tric", (35, 22.5, 60, 82, 95, 105), "axis b of the given cell is halved"),
        ("big", (300, 150, 200, 90, 90, 90), "axis a of the given cell is tripled"),
    ],
)
def test_a_multiple_of_an_axis_is_named(name, given, words):
    known = LatticeKnowledge(GEOMETRY, given, CELLS[name][1])
    after = learn_lattice(known, [i.xy for i in hits(name, HITS)], SETTINGS)
    (finding,) = after.findings
    assert finding.kind is FindingKind.AXIS
    assert finding.text.startswith(words)
    assert after.cell == pytest.approx(given, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(CELLS))
def test_of_a_right_cell_there_is_nothing_to_say(name):
    known = LatticeKnowledge(GEOMETRY, *CELLS[name])
    after = learn_lattice(known, [i.xy for i in hits(name, HITS)], SETTINGS)
    assert after.findings == ()


@pytest.mark.slow
def test_what_was_learned_is_given_up_when_hits_contradict_it():
    """A wrong state goes back to what was given, or on to better."""
    cell, group = CELLS["lyso"]
    given = LatticeKnowledge(GEOMETRY, cell, group)
    off = replace(GEOMETRY, beam_center=(1009.0, 1000.0), distance=0.153)
    wrong = LatticeKnowledge(off, scaled("lyso", 0.97), group, images=12)
    xy = [i.xy for i in hits("lyso", HITS)]
    after = learn_lattice(wrong, xy, SETTINGS, given)
    assert after.cell == pytest.approx(cell, rel=0.005)
    assert after.geometry.beam_center == pytest.approx((1000, 1000), abs=0.3)
    assert FindingKind.UNLEARNED in {finding.kind for finding in after.findings}
    found = LatticeKnowledge(GEOMETRY, CELLS["tric"][0], "P", found=True, images=9)
    nothing = LatticeKnowledge(GEOMETRY, None, None)
    after = learn_lattice(found, xy, SETTINGS, nothing)
    assert after.cell == pytest.approx((79, 79, 38, 90, 90, 90), rel=0.005)
    assert after.lattice == "tP"


CENTRED = {
    "cI": ((78.0, 78.0, 78.0, 90.0, 90.0, 90.0), "I23"),
    "mC": ((64.5, 30.9, 34.8, 90.0, 105.8, 90.0), "C2"),
    "hR": ((80.0, 80.0, 150.0, 90.0, 90.0, 120.0), "R32"),
    "oF": ((60.0, 75.0, 121.0, 90.0, 90.0, 90.0), "F222"),
}


@pytest.mark.slow
@pytest.mark.parametrize("code", list(CENTRED))
def test_eight_hits_give_a_conventional_cell(code, monkeypatch):
    monkeypatch.setitem(CELLS, code, CENTRED[code])
    rng = np.random.default_rng(6)
    xy = [make_list(code, (40,), 0.2, rng).xy for _ in range(8)]
    after = learn_lattice(LatticeKnowledge(GEOMETRY, None, None), xy, SETTINGS)
    assert after.lattice == code
    assert after.cell == pytest.approx(CENTRED[code][0], rel=0.005)
    assert after.misfit is not None
    assert after.misfit < 0.005
    (finding,) = after.findings
    assert f"({code})" in finding.text


@given(st.integers(0, 2**32 - 1), st.integers(6, 300))
def test_crystals_that_differ_are_no_drift(seed, count):
    """Cells vary by 0.5 % from crystal to crystal, centres by what their fit allows."""
    rng = np.random.default_rng(seed)
    points = [
        Place(n, (1000 + x, 1000 + y), 0.15, 1 + scale)
        for n, (x, y, scale) in enumerate(rng.normal(0, (0.1, 0.1, 0.003), (count, 3)))
    ]
    assert drift.alarm(points) is None


def test_a_drifting_wavelength_is_said():
    sizes = np.linspace(1.0, 1.012, 40) + np.random.default_rng(1).normal(0, 1e-3, 40)
    points = [Place(n, (1000.0, 1000.0), 0.15, s) for n, s in enumerate(sizes)]
    said = drift.alarm(points)
    assert said is not None
    assert "wavelength" in said.text


def drifting(name: str, px: float, when: list[int], images: int) -> list[np.ndarray]:
    """Hits of a run in which the centre moves by so many pixels."""
    rng = np.random.default_rng(8)
    lists = [make_list(name, (40,), 0.2, rng).xy for _ in when]
    return [
        xy + np.array([px * number / images, 0.0])
        for xy, number in zip(lists, when, strict=True)
    ]


def test_the_beam_is_followed():
    when = list(range(10, 480, 8))
    xy = drifting("lyso", 6.0, when, 1000)
    known = LatticeKnowledge(GEOMETRY, *CELLS["lyso"])
    after = learn_lattice(known, xy, SETTINGS, known, When(when, 768))
    x, y = after.geometry.beam_center
    assert (x, y) == pytest.approx((1000 + 6 * 0.768, 1000), abs=0.5)
    for place in after.places:
        expected = 1000 + 6 * place.image_id / 1000
        assert place.beam_center == pytest.approx((expected, 1000), abs=0.4)
        assert place.scale == pytest.approx(1.0, abs=0.01)
    points = drift.curve(after.places)
    assert 2 <= len(points) <= drift.GROUPS
    later = [replace(p, image_id=p.image_id + 500, scale=1.0) for p in points]
    away = [replace(p, beam_center=(p.beam_center[0] + 3, 1000.0)) for p in later]
    said = drift.alarm([*points, *away])
    assert said is not None
    assert said.kind is FindingKind.DRIFT
    still = drifting("lyso", 0.0, when, 1000)
    after = learn_lattice(known, still, SETTINGS, known, When(when, 768))
    assert after.geometry.beam_center == pytest.approx((1000, 1000), abs=0.1)
    assert drift.alarm(drift.curve(after.places)) is None
