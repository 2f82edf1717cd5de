"""Reduced and conventional cells: one answer for all bases of a lattice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.records import Cell
from recorder.ssx.lattices import unit_cell
from recorder.ssx.lattices.bravais import bravais_lattice, bravais_lattices
from recorder.ssx.lattices.reduction import niggli_basis
from recorder.ssx.lattices.symmetry import primitive_vectors
from tests.laws import examples

NOISE = 3e-4
LENGTHS = st.lists(st.floats(25, 180), min_size=3, max_size=3)
APART = 0.06
"""Relative: lengths that differ by more are different whatever the noise."""
FREE = {
    # by code: which lengths are one, and the angles; None: any
    "mP": ("abc", (90, None, 90)),
    "mC": ("abc", (90, None, 90)),
    "oP": ("abc", (90, 90, 90)),
    "oC": ("abc", (90, 90, 90)),
    "oI": ("abc", (90, 90, 90)),
    "oF": ("abc", (90, 90, 90)),
    "tP": ("aac", (90, 90, 90)),
    "tI": ("aac", (90, 90, 90)),
    "hP": ("aac", (90, 90, 120)),
    "hR": ("aac", (90, 90, 120)),
    "cP": ("aaa", (90, 90, 90)),
    "cI": ("aaa", (90, 90, 90)),
    "cF": ("aaa", (90, 90, 90)),
    "aP": ("abc", (None, None, None)),
}
KNOWN: list[tuple[str, Cell]] = [
    ("aP", (35.0, 45.0, 60.0, 98.0, 95.0, 105.0)),
    ("mP", (58.0, 47.0, 71.0, 90.0, 103.0, 90.0)),
    ("mC", (98.0, 47.0, 71.0, 90.0, 103.0, 90.0)),
    ("mC", (64.5, 30.9, 34.8, 90.0, 105.8, 90.0)),
    ("oP", (40.0, 55.0, 91.0, 90.0, 90.0, 90.0)),
    ("oC", (40.0, 75.0, 61.0, 90.0, 90.0, 90.0)),
    ("oI", (60.0, 75.0, 91.0, 90.0, 90.0, 90.0)),
    ("oF", (60.0, 75.0, 121.0, 90.0, 90.0, 90.0)),
    ("tP", (57.8, 57.8, 150.2, 90.0, 90.0, 90.0)),
    ("tI", (70.0, 70.0, 110.0, 90.0, 90.0, 90.0)),
    ("tI", (110.0, 110.0, 70.0, 90.0, 90.0, 90.0)),
    ("hP", (92.8, 92.8, 128.0, 90.0, 90.0, 120.0)),
    ("hR", (80.0, 80.0, 150.0, 90.0, 90.0, 120.0)),
    ("hR", (150.0, 150.0, 60.0, 90.0, 90.0, 120.0)),
    ("cP", (96.0, 96.0, 96.0, 90.0, 90.0, 90.0)),
    ("cI", (78.0, 78.0, 78.0, 90.0, 90.0, 90.0)),
    ("cF", (120.0, 120.0, 120.0, 90.0, 90.0, 90.0)),
]


def primitive(code: str, cell: Cell) -> np.ndarray:
    return unit_cell.primitive_matrix(code[1]) @ unit_cell.vectors_from_cell(cell)


@st.composite
def changes(draw) -> np.ndarray:
    """Unimodular matrices: other bases of the same lattice, left-handed ones too."""
    matrix = np.eye(3)
    for _ in range(draw(st.integers(0, 6))):
        i, j = draw(st.permutations([0, 1, 2]))[:2]
        step = np.eye(3)
        step[i, j] = draw(st.integers(-2, 2))
        matrix = step @ matrix
    return matrix * draw(st.sampled_from([1.0, -1.0]))


@st.composite
def cells(draw) -> tuple[str, Cell]:
    code = draw(st.sampled_from(sorted(FREE)))
    same, angles = FREE[code]
    drawn = draw(LENGTHS)
    a, b, c = (drawn["abc".index(name)] for name in same)
    alpha, beta, gamma = (
        draw(st.floats(93, 115)) if angle is None else float(angle) for angle in angles
    )
    return code, (a, b, c, alpha, beta, gamma)


def turned(basis: np.ndarray, seed: int, noise: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return basis @ (np.eye(3) + rng.normal(0, noise, (3, 3))) @ turn


@pytest.mark.parametrize(("code", "cell"), KNOWN)
@given(change=changes(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=examples(6), deadline=None)
def test_every_basis_leads_back_to_the_conventional_cell(code, cell, change, seed):
    basis = turned(change @ primitive(code, cell), seed, NOISE)
    found = bravais_lattice(basis)
    assert found.code == code
    expected = cell if code != "aP" else bravais_lattice(primitive(code, cell)).cell
    assert found.cell == pytest.approx(expected, rel=0.005)
    # the matrix leads there, whatever the orientation
    there = unit_cell.cell_from_vectors(found.matrix @ basis)
    assert there == pytest.approx(found.cell, rel=0.01)
    assert found.misfit < 0.005


@given(drawn=cells(), change=changes(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=examples(50), deadline=None)
def test_any_lattice_is_at_least_as_symmetric_as_it_was_made(drawn, change, seed):
    """Pseudo-symmetry may add to it; noise takes nothing away, nor does the basis."""
    code, cell = drawn
    made = primitive(code, cell)
    basis = turned(change @ made, seed, 0.0)
    codes = {item.code for item in bravais_lattices(basis, 0.02)}
    assert code in codes
    best = bravais_lattice(basis)
    assert best.code == bravais_lattice(made).code
    assert best.cell == pytest.approx(bravais_lattice(made).cell, rel=1e-4)


@given(drawn=cells(), change=changes())
@settings(max_examples=examples(50), deadline=None)
def test_the_conventional_cell_spans_the_same_lattice(drawn, change):
    """Its primitive cell has the volume, and integral indices in the old basis."""
    basis = change @ primitive(*drawn)
    found = bravais_lattice(basis)
    assert found.matrix == pytest.approx(np.rint(found.matrix))
    back = unit_cell.primitive_matrix(found.centring) @ found.matrix
    assert back == pytest.approx(np.rint(back), abs=1e-6)
    assert np.linalg.det(found.matrix @ basis) > 0
    assert abs(np.linalg.det(back)) == pytest.approx(1)
    # and the indexer makes the same primitive lattice of cell and letter
    again, _ = primitive_vectors(found.cell, found.centring)
    assert np.linalg.det(again) == pytest.approx(abs(np.linalg.det(basis)), rel=0.03)


@given(drawn=cells(), change=changes())
@settings(max_examples=examples(50), deadline=None)
def test_all_bases_have_one_niggli_cell(drawn, change):
    made = primitive(*drawn)
    reduced, matrix = niggli_basis(change @ made)
    assert matrix @ change @ made == pytest.approx(reduced)
    assert np.linalg.det(reduced) == pytest.approx(abs(np.linalg.det(made)))
    metric = reduced @ reduced.T
    assert np.diag(metric) == pytest.approx(np.sort(np.diag(metric)), rel=1e-4)
    expected, _ = niggli_basis(made)
    assert metric == pytest.approx(expected @ expected.T, rel=1e-3, abs=0.05)
    off = metric[np.triu_indices(3, 1)]
    near = 1e-4 * metric[2, 2]
    assert (off > -near).all() or (off < near).all()
    assert 2 * abs(off[0]) < metric[0, 0] + near
    assert 2 * abs(off[1]) < metric[0, 0] + near
    assert 2 * abs(off[2]) < metric[1, 1] + near


def test_niggli_cell_of_the_authors():
    """The example of Křivý and Gruber: 9, 27, 4 with -5, -4, -22."""
    metric = np.array([[9.0, -11.0, -2.0], [-11.0, 27.0, -2.5], [-2.0, -2.5, 4.0]])
    reduced, _ = niggli_basis(np.linalg.cholesky(metric))
    found = reduced @ reduced.T
    assert np.diag(found) == pytest.approx([4, 9, 9])
    products = [2 * found[1, 2], 2 * found[0, 2], 2 * found[0, 1]]
    assert products == pytest.approx([9, 3, 4])


def test_a_nearly_symmetric_cell_is_named_by_its_misfit():
    """One degree off a right angle is no right angle; a tenth is."""
    off = unit_cell.vectors_from_cell((58.0, 47.0, 71.0, 90.0, 91.0, 90.0))
    assert bravais_lattice(off).code == "mP"
    assert bravais_lattice(off, 0.02).code == "oP"
    near = unit_cell.vectors_from_cell((58.0, 47.0, 71.0, 90.0, 90.1, 90.0))
    found = bravais_lattice(near)
    assert found.code == "oP"
    assert found.misfit == pytest.approx(np.sin(np.radians(0.1)), rel=0.05)
