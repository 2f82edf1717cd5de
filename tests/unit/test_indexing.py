from __future__ import annotations

import numpy as np
import pytest

from recorder.errors import UnitCellError
from recorder.records import ClassifySettings, Lattice
from recorder.ssx.lattices import false_alarms as nfa
from recorder.ssx.lattices import refinement as refine
from recorder.ssx.lattices import symmetry, unit_cell
from recorder.ssx.lattices.indexer import Indexer

CELLS = {
    "lyso": (79.0, 79.0, 38.0, 90.0, 90.0, 90.0),
    "mono": (58.0, 47.0, 71.0, 90.0, 103.0, 90.0),
    "tric": (35.0, 45.0, 60.0, 82.0, 95.0, 105.0),
    "cubic": (96.0, 96.0, 96.0, 90.0, 90.0, 90.0),
    "C2": (110.0, 50.0, 65.0, 90.0, 105.0, 90.0),
    "I4": (95.0, 95.0, 40.0, 90.0, 90.0, 90.0),
    "F432": (150.0, 150.0, 150.0, 90.0, 90.0, 90.0),
    "R32": (80.0, 80.0, 150.0, 90.0, 90.0, 120.0),
}
BEAM = np.array([0.0, 0.0, 1.0])
"""Incident wave vector at 1 Å."""
EDGE = 0.5


def space_group(name: str) -> str | None:
    return name if name in ("C2", "I4", "F432", "R32") else None


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else -q


def still(
    rng: np.random.Generator, basis: np.ndarray, n: int
) -> tuple[np.ndarray, np.ndarray]:
    """A turned basis and the n strongest spots of its still, on the Ewald sphere."""
    turned = basis @ random_rotation(rng).T
    most = np.ceil(np.linalg.norm(basis, axis=1) * EDGE).astype(int)
    axes = [np.arange(-m, m + 1) for m in most]
    h = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    q = h @ np.linalg.inv(turned).T
    norm = np.linalg.norm(q, axis=1)
    q, norm = q[(norm > 0.02) & (norm < EDGE)], norm[(norm > 0.02) & (norm < EDGE)]
    excitation = np.linalg.norm(q + BEAM, axis=1) - 1
    width = np.hypot(1.5e-4, np.radians(0.08) * norm)
    partiality = np.exp(-0.5 * np.square(excitation / width))
    strength = partiality * np.exp(-12 * norm**2) * rng.exponential(size=len(q))
    s1 = q[np.argsort(-strength)[:n]] + BEAM
    s1 /= np.linalg.norm(s1, axis=1)[:, None]
    return turned, s1 - BEAM + rng.normal(0, 1e-4, s1.shape)


def spurious(rng: np.random.Generator, n: int) -> np.ndarray:
    """Uniform on the detector."""
    theta = 2 * np.arcsin(EDGE * np.sqrt(rng.random(n)) / 2)
    phi = 2 * np.pi * rng.random(n)
    s1 = [np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)]
    return np.stack(s1, axis=1) - BEAM


def off_by(found: Lattice, truth: np.ndarray, name: str) -> float:
    """Angle to the true primitive basis modulo lattice symmetry."""
    primitive, back = symmetry.primitive_vectors(CELLS[name], space_group(name))
    basis = np.linalg.inv(back) @ np.array(found.vectors).reshape(3, 3)
    same = symmetry.symmetry_matrices(primitive)
    return min(symmetry.misorientation(m @ truth, basis) for m in same)


def within_errors(found: Lattice, cell: tuple[float, ...]) -> bool:
    """Whether a cell is right by its own errors, and those are small."""
    assert found.cell_error is not None
    error = np.array(found.cell_error)
    assert error.max() < 0.01 * cell[0]
    return bool(np.all(np.abs(np.subtract(found.cell, cell)) < 6 * error + 1e-3))


@pytest.mark.parametrize("name", CELLS)
def test_known_orientations_are_found(name: str) -> None:
    rng = np.random.default_rng(31)
    indexer = Indexer(CELLS[name], space_group(name))
    basis, _ = symmetry.primitive_vectors(CELLS[name], space_group(name))
    for n in (15, 25, 60):
        for _ in range(3):
            truth, q = still(rng, basis, n)
            q = rng.permutation(np.concatenate([q, spurious(rng, n // 4)]))
            found = indexer.index(q)
            assert len(found) == 1
            assert off_by(found[0], truth, name) < 1
            assert within_errors(found[0], CELLS[name])
            assert found[0].spots >= 0.8 * n
            assert found[0].residual < 0.0015
            assert found[0].log10_nfa < -10


@pytest.mark.parametrize("name", ["lyso", "mono", "C2"])
def test_two_lattices_are_both_found(name: str) -> None:
    rng = np.random.default_rng(32)
    indexer = Indexer(CELLS[name], space_group(name))
    basis, _ = symmetry.primitive_vectors(CELLS[name], space_group(name))
    for _ in range(3):
        stills = [still(rng, basis, n) for n in (40, 30)]
        q = np.concatenate([s[1] for s in stills] + [spurious(rng, 10)])
        found = indexer.index(q)
        assert len(found) == 2
        for truth, _ in stills:
            assert min(off_by(f, truth, name) for f in found) < 1


def test_no_more_lattices_than_asked_for() -> None:
    rng = np.random.default_rng(33)
    basis = unit_cell.vectors_from_cell(CELLS["lyso"])
    q = np.concatenate([still(rng, basis, 30)[1] for _ in range(2)])
    indexer = Indexer(CELLS["lyso"], settings=ClassifySettings(max_lattices=1))
    assert len(indexer.index(q)) == 1


@pytest.mark.slow
def test_random_spots_are_not_indexed() -> None:
    rng = np.random.default_rng(34)
    for name in ("lyso", "mono", "tric", "cubic", "I4"):
        indexer = Indexer(CELLS[name], space_group(name))
        for n in [6, 8, 10, 12, 15, 20, 30, 50, 100, 300] * 5:
            assert indexer.index(spurious(rng, n)) == ()


ANOTHER = [
    ("lyso", "mono"),
    ("mono", "cubic"),
    ("cubic", "tric"),
    ("tric", "lyso"),
    ("tric", "I4"),
    ("I4", "tric"),
    ("C2", "tric"),
    ("lyso", "R32"),
]
"""The last four pairs have many points of their lattices in common."""


LOOSE = ClassifySettings(nfa_max=-1.5)
"""Takes a lattice that by its number of false alarms is 100 times as likely chance."""


@pytest.mark.slow
def test_lattices_of_another_cell_are_rarely_indexed() -> None:
    """At most one list of 240 is, even by a limit that is two decades looser.

    The rate is to be below 1 in 1000 for few spots: 4 of 11040 lists like these were at
    the limit itself (46 other seeds, AVX-512 and Haswell's kernels). So many cannot be
    tried here; at two decades looser the rate was 1 in 1200, and two or more of 240
    are then found once in 57 times. With the rule before, 4 of these 240 are.

    Rounding (BLAS kernels, vector units) decides which lists come near the limit, not
    how many do: with other seeds 0 or 1 of 240, with these none by the kernels of
    Haswell, Zen and Sandybridge.
    """
    wrong = []
    for asked, real in ANOTHER:
        rng = np.random.default_rng(35)
        indexer = Indexer(CELLS[asked], space_group(asked), LOOSE)
        basis, _ = symmetry.primitive_vectors(CELLS[real], space_group(real))
        for n in (8, 10, 12, 15, 20, 30) * 5:
            q = np.concatenate([still(rng, basis, n)[1], spurious(rng, n // 5)])
            wrong += [(asked, real, n, found) for found in indexer.index(q)[:1]]
    assert len(wrong) <= 1, wrong


@pytest.mark.parametrize(("asked", "real"), ANOTHER[:4])
def test_many_spots_of_another_cell_are_not_indexed(asked: str, real: str) -> None:
    rng = np.random.default_rng(35)
    indexer = Indexer(CELLS[asked])
    basis = unit_cell.vectors_from_cell(CELLS[real])
    for n in (60, 150) * 2:
        assert indexer.index(still(rng, basis, n)[1]) == ()


@pytest.mark.parametrize("name", ["lyso", "mono"])
def test_a_scale_off_by_one_per_cent_is_recovered(name: str) -> None:
    rng = np.random.default_rng(36)
    indexer = Indexer(CELLS[name])
    basis, _ = symmetry.primitive_vectors(CELLS[name], None)
    for scale in (0.99, 1.01):
        for _ in range(3):
            truth, q = still(rng, basis, 60)
            q = np.concatenate([q, spurious(rng, 12)]) / scale
            found = indexer.index(q)
            assert len(found) == 1
            assert off_by(found[0], truth, name) < 1
            assert found[0].cell[0] == pytest.approx(scale * CELLS[name][0], rel=0.01)
            assert found[0].cell[3] == pytest.approx(90, abs=1e-6)


def test_order_of_the_spots_and_repetition_do_not_matter() -> None:
    rng = np.random.default_rng(37)
    _, q = still(rng, unit_cell.vectors_from_cell(CELLS["mono"]), 40)
    indexer = Indexer(CELLS["mono"])
    first = indexer.index(q)
    indexer.index(spurious(rng, 60))
    assert indexer.index(q) == first
    assert Indexer(CELLS["mono"]).index(q[::-1]) == first


def test_odd_lists_give_nothing() -> None:
    indexer = Indexer(CELLS["lyso"])
    assert indexer.index(np.zeros((0, 3))) == ()
    assert indexer.index(np.zeros((50, 3))) == ()
    assert indexer.index(np.full((50, 3), np.nan)) == ()
    assert indexer.index(np.full((50, 3), 1e9)) == ()
    for row in ([0.1, 0.0, 0.0], [1e-9, 0.0, 0.0]):
        assert len(indexer.index(np.tile(row, (40, 1)))) <= 3
    line = np.outer(np.arange(1, 40), [0.01, 0.0, 0.0])
    assert len(indexer.index(line)) <= 3


def test_an_impossible_cell_is_refused() -> None:
    with pytest.raises(UnitCellError):
        Indexer((10, 10, 10, 120, 120, 121))


def test_binomial_tail_is_exact() -> None:
    k = np.array([0, 1, 3, 10])
    p = 0.05
    pmf = np.array([_choose(10, i) * p**i * (1 - p) ** (10 - i) for i in range(11)])
    expected = [np.log10(pmf[i:].sum()) for i in k]
    np.testing.assert_allclose(nfa.log10_tail(10, k, p), expected, atol=1e-9)
    assert nfa.log10_tail(2000, np.array([2000]), 1e-3)[0] == pytest.approx(-6000)


def _choose(n: int, k: int) -> float:
    return float(np.prod(np.arange(n - k + 1, n + 1)) / np.prod(np.arange(1, k + 1)))


def test_symmetrised_bases_have_the_symmetry() -> None:
    basis = unit_cell.vectors_from_cell(CELLS["lyso"])
    basis, _ = symmetry.reduce_basis(basis)
    rng = np.random.default_rng(38)
    turned = basis @ random_rotation(rng).T
    bent = turned + rng.normal(0, 0.2, (3, 3))
    fixed = refine.symmetrise(bent, symmetry.symmetry_matrices(basis))
    a, b, c, *angles = unit_cell.cell_from_vectors(fixed)
    assert b == pytest.approx(c)
    assert a < 40
    assert angles == pytest.approx([90, 90, 90])
    assert symmetry.misorientation(fixed, turned) < 1
