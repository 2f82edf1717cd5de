from __future__ import annotations

import math

import numpy as np
import pytest

from recorder.errors import UnitCellError
from recorder.ssx.lattices import space_groups as spacegroups
from recorder.ssx.lattices import symmetry, unit_cell
from recorder.ssx.lattices.contradictions import contradiction
from tests.crystallography import cell_volume

TRICLINIC = (35.0, 45.0, 60.0, 82.0, 95.0, 105.0)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ((float("nan"), 1, 1, 90, 90, 90), "not a number"),
        ((float("inf"), 10, 10, 90, 90, 90), "not a number"),
        ((0, 10, 10, 90, 90, 90), "lengths"),
        ((-5, 10, 10, 90, 90, 90), "lengths"),
        ((10, 10, 10, 0, 90, 90), "angles must be"),
        ((10, 10, 10, 90, 180, 90), "angles must be"),
        ((10, 10, 10, 30, 30, 120), "impossible"),
        ((10, 10, 10, 120, 120, 121), "impossible"),
        ((10, 10, 10), "six numbers"),
    ],
)
def test_impossible_cells_are_refused_in_words(
    cell: tuple[float, ...], words: str
) -> None:
    with pytest.raises(UnitCellError, match=words):
        unit_cell.check_cell(cell)


def test_volume_of_simple_cells() -> None:
    assert cell_volume((10, 20, 30, 90, 90, 90)) == pytest.approx(6000)
    assert cell_volume((10, 10, 30, 90, 90, 120)) == pytest.approx(
        3000 * math.sin(math.radians(60))
    )


@pytest.mark.parametrize(
    "cell", [TRICLINIC, (79, 79, 38, 90, 90, 90), (80, 80, 150, 90, 90, 120)]
)
def test_cell_and_vectors_are_inverse(cell: tuple[float, ...]) -> None:
    vectors = unit_cell.vectors_from_cell(cell)
    assert unit_cell.cell_from_vectors(vectors) == pytest.approx(cell)
    assert np.linalg.det(vectors) == pytest.approx(cell_volume(cell))


def test_a_right_angle_is_exact() -> None:
    vectors = unit_cell.vectors_from_cell((58.5, 58.5, 152.5, 90, 90, 90))
    assert np.count_nonzero(vectors) == 3


@pytest.mark.parametrize(
    ("symbol", "cell", "points"),
    [
        ("P212121", (50, 60, 70, 90, 90, 90), 1),
        ("C2", (110, 50, 65, 90, 105, 90), 2),
        ("A 2", (110, 50, 65, 90, 105, 90), 2),
        ("C2221", (60, 90, 70, 90, 90, 90), 2),
        ("I4", (95, 95, 40, 90, 90, 90), 2),
        ("I 2 3", (96, 96, 96, 90, 90, 90), 2),
        ("F432", (150, 150, 150, 90, 90, 90), 4),
        ("R32", (80, 80, 150, 90, 90, 120), 3),
        ("H 3 2", (80, 80, 150, 90, 90, 120), 3),
        ("R 3 :R", (60, 60, 60, 80, 80, 80), 1),
        (None, TRICLINIC, 1),
    ],
)
def test_primitive_vectors_have_the_right_volume_and_lead_back(
    symbol: str | None, cell: tuple[float, ...], points: int
) -> None:
    primitive, back = symmetry.primitive_vectors(cell, symbol)
    volume = cell_volume(cell)
    assert np.linalg.det(primitive) == pytest.approx(volume / points)
    assert unit_cell.cell_from_vectors(back @ primitive) == pytest.approx(cell)
    np.testing.assert_allclose(
        back @ primitive, unit_cell.vectors_from_cell(cell), atol=1e-9
    )


def test_reduction_finds_the_shortest_vectors() -> None:
    rng = np.random.default_rng(2)
    base = unit_cell.vectors_from_cell(TRICLINIC)
    shortest = sorted(np.linalg.norm(symmetry.reduce_basis(base)[0], axis=1))
    for _ in range(20):
        mix = np.triu(rng.integers(-3, 4, (3, 3)), 1) + np.eye(3)
        mix = mix @ (np.tril(rng.integers(-3, 4, (3, 3)), -1) + np.eye(3))
        reduced, matrix = symmetry.reduce_basis(mix @ base)
        np.testing.assert_allclose(matrix @ mix @ base, reduced, atol=1e-9)
        assert sorted(np.linalg.norm(reduced, axis=1)) == pytest.approx(shortest)
        assert np.linalg.det(reduced) > 0


@pytest.mark.parametrize(
    ("symbol", "cell", "order"),
    [
        (None, TRICLINIC, 1),
        (None, (58, 47, 71, 90, 103, 90), 2),
        ("C2", (110, 50, 65, 90, 105, 90), 2),
        (None, (50, 60, 70, 90, 90, 90), 4),
        (None, (79, 79, 38, 90, 90, 90), 8),
        ("I4", (95, 95, 40, 90, 90, 90), 8),
        ("R32", (80, 80, 150, 90, 90, 120), 6),
        (None, (93, 93, 130, 90, 90, 120), 12),
        (None, (96, 96, 96, 90, 90, 90), 24),
        ("F432", (150, 150, 150, 90, 90, 90), 24),
        ("I23", (96, 96, 96, 90, 90, 90), 24),
    ],
)
def test_lattice_symmetry(
    symbol: str | None, cell: tuple[float, ...], order: int
) -> None:
    primitive, _ = symmetry.primitive_vectors(cell, symbol)
    rotations = symmetry.rotations(primitive)
    assert len(rotations) == order
    np.testing.assert_allclose(np.linalg.det(rotations), 1)
    for rotation in rotations:
        h = primitive @ rotation.T @ np.linalg.inv(primitive)
        np.testing.assert_allclose(h, np.round(h), atol=1e-6)


def turn(degrees: float) -> np.ndarray:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def test_misorientation_is_modulo_symmetry() -> None:
    vectors = unit_cell.vectors_from_cell((79, 79, 38, 90, 90, 90))
    turns = symmetry.rotations(vectors)
    moved = vectors @ turn(93).T
    assert symmetry.misorientation(vectors, moved) == pytest.approx(93)
    assert symmetry.misorientation(vectors, moved, turns) == pytest.approx(3)
    assert symmetry.misorientation(vectors, -vectors) == 180


@pytest.mark.parametrize(
    ("symbol", "cell", "code"),
    [
        ("P41212", (57.8, 57.8, 150.2, 90, 90, 90), "tP"),
        ("P 43 21 2", (79, 79, 38, 90, 90, 90), "tP"),
        ("C2", (110, 50, 65, 90, 105, 90), "mC"),
        ("C 1 2 1", (110, 50, 65, 90, 105, 90), "mC"),
        ("I2", (110, 50, 65, 90, 105, 90), "mC"),
        ("P 1 21 1", (58, 47, 71, 90, 103, 90), "mP"),
        ("P21/c", (58, 47, 71, 90, 103, 90), "mP"),
        ("P1", TRICLINIC, "aP"),
        ("P-1", TRICLINIC, "aP"),
        ("P212121", (50, 60, 70, 90, 90, 90), "oP"),
        ("C2221", (60, 90, 70, 90, 90, 90), "oC"),
        ("I222", (60, 90, 70, 90, 90, 90), "oI"),
        ("F222", (60, 90, 70, 90, 90, 90), "oF"),
        ("Pnma", (60, 90, 70, 90, 90, 90), "oP"),
        ("I4122", (95, 95, 40, 90, 90, 90), "tI"),
        ("I41/amd", (95, 95, 40, 90, 90, 90), "tI"),
        ("P6122", (93, 93, 130, 90, 90, 120), "hP"),
        ("P3121", (93, 93, 130, 90, 90, 120), "hP"),
        ("R32", (80, 80, 150, 90, 90, 120), "hR"),
        ("H3", (80, 80, 150, 90, 90, 120), "hR"),
        ("P213", (96, 96, 96, 90, 90, 90), "cP"),
        ("I23", (96, 96, 96, 90, 90, 90), "cI"),
        ("F432", (150, 150, 150, 90, 90, 90), "cF"),
        ("Fm-3m", (150, 150, 150, 90, 90, 90), "cF"),
        (None, TRICLINIC, "aP"),
        (None, (58, 47, 71, 90, 103, 90), "mP"),
        (None, (50, 60, 70, 90, 90, 90), "oP"),
        (None, (79, 79, 38, 90, 90, 90), "tP"),
        (None, (38, 79, 79, 90, 90, 90), "tP"),
        (None, (93, 93, 130, 90, 90, 120), "hP"),
        (None, (60, 60, 60, 80, 80, 80), "hR"),
        (None, (96, 96, 96, 90, 90, 90), "cP"),
        ("nonsense", (96, 96, 96, 90, 90, 90), "cP"),
    ],
)
def test_lattice_type(symbol: str | None, cell: tuple[float, ...], code: str) -> None:
    assert symmetry.lattice_type(cell, symbol) == code


@pytest.mark.parametrize(
    ("symbol", "system"),
    [("P4332", "cubic"), ("p 61", "hexagonal"), ("P4/mmm", "tetragonal"), ("", None)],
)
def test_crystal_system(symbol: str, system: str | None) -> None:
    assert spacegroups.crystal_system(symbol) == system


SOUND = [
    ((35.0, 45.0, 60.0, 82.0, 95.0, 105.0), "P1"),
    ((58.0, 47.0, 71.0, 90.0, 103.0, 90.0), "P 1 21 1"),
    ((98.0, 47.0, 71.0, 90.0, 103.0, 90.0), "C2"),
    ((40.0, 55.0, 91.0, 90.0, 90.0, 90.0), "P212121"),
    ((79.0, 79.0, 38.0, 90.0, 90.0, 90.0), "P43212"),
    ((92.8, 92.8, 128.0, 90.0, 90.0, 120.0), "P6122"),
    ((80.0, 80.0, 150.0, 90.0, 90.0, 120.0), "H32"),
    ((67.0, 67.0, 67.0, 85.0, 85.0, 85.0), "R32"),
    ((78.0, 78.0, 78.0, 90.0, 90.0, 90.0), "I213"),
]


@pytest.mark.parametrize(("cell", "group"), SOUND)
def test_a_cell_that_fits_its_space_group_is_not_complained_of(cell, group) -> None:
    assert contradiction(cell, group) is None
    assert contradiction(cell, None) is None
    slightly = (*(edge * 1.0004**n for n, edge in enumerate(cell[:3])), *cell[3:])
    assert contradiction(slightly, group) is None


@pytest.mark.parametrize(
    ("cell", "group", "words"),
    [
        (SOUND[0][0], "P21", "is monoclinic and needs two angles of 90°"),
        (SOUND[1][0], "P212121", "is orthorhombic and needs angles of 90°"),
        (SOUND[3][0], "P43212", "is tetragonal and needs two equal edges"),
        (SOUND[4][0], "P6122", "is hexagonal and needs a = b"),
        (SOUND[4][0], "R32", "or three equal edges"),
        (SOUND[4][0], "I23", "is cubic and needs three equal edges"),
        (SOUND[4][0], "P77", "'P77' is not known"),
    ],
)
def test_a_space_group_that_contradicts_the_cell_is_named(cell, group, words) -> None:
    said = contradiction(cell, group)
    assert said is not None
    assert words in said
    assert "mend unit_cell or space_group" in said
