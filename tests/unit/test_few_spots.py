"""A lattice is never chance: few spots, and spots that lie flat by themselves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from recorder.records import Cell
from recorder.ssx.arrays import FloatArray
from recorder.ssx.lattices import symmetry, unit_cell
from recorder.ssx.lattices.dimensions import log10_flat
from recorder.ssx.lattices.indexer import Indexer
from tests.lists_of_nothing import anywhere, comb, edge, line, ring
from tests.unit.test_indexing import still

CELLS: dict[str, tuple[Cell, str | None]] = {
    "triclinic": ((35.0, 45.0, 60.0, 82.0, 95.0, 105.0), None),
    "nearly cubic": ((62.0, 63.0, 64.0, 89.0, 90.8, 90.6), None),
    "monoclinic": ((58.0, 47.0, 71.0, 90.0, 103.0, 90.0), "P21"),
    "nearly tetragonal": ((59.0, 60.5, 118.0, 90.0, 90.0, 90.0), "P212121"),
    "tetragonal": ((79.0, 79.0, 38.0, 90.0, 90.0, 90.0), "P43212"),
    "hexagonal": ((92.0, 92.0, 130.0, 90.0, 90.0, 120.0), "P61"),
    "cubic": ((96.0, 96.0, 96.0, 90.0, 90.0, 90.0), "P23"),
    "centred": ((95.0, 95.0, 40.0, 90.0, 90.0, 90.0), "I4"),
}
Maker = Callable[[np.random.Generator, int], FloatArray]
FLAT: list[Maker] = [anywhere, line, comb, ring, edge]


def with_others(rng: np.random.Generator, make: Maker, n: int) -> FloatArray:
    """A list of n spots, none or a fifth of them anywhere."""
    others = round(n * float(rng.choice([0.0, 0.2])))
    parts = [make(rng, n - others), anywhere(rng, others)]
    return np.asarray(rng.permutation(np.concatenate(parts)))


def indexed(make: Maker, sizes: tuple[int, int], each: int, seed: int) -> list[str]:
    """Cells that index lists of nothing."""
    wrong = []
    for number, (name, cell) in enumerate(CELLS.items()):
        indexer = Indexer(*cell)
        for n in range(each):
            rng = np.random.default_rng([seed, number, n])
            spots = with_others(rng, make, int(rng.integers(*sizes)))
            wrong += [name] * len(indexer.index(spots))
    return wrong


@pytest.mark.parametrize("make", FLAT)
def test_few_spots_without_a_lattice_are_not_indexed(make: Maker) -> None:
    assert indexed(make, (6, 16), 8, 51) == []


@pytest.mark.slow
@pytest.mark.parametrize("make", FLAT)
def test_few_spots_are_rarely_indexed(make: Maker) -> None:
    """One of 160 would be found in one of six runs if 1 in 1000 were indexed.

    Of 21,000 lists like these (all kinds, partly by the kernels of Haswell, Zen and
    Sandybridge) none was while the rules were made: at 95 % less than 1 in 7000.
    """
    assert indexed(make, (6, 16), 20, 52) == []


@pytest.mark.slow
@pytest.mark.parametrize("make", [line, comb, ring, edge])
def test_many_spots_that_lie_flat_are_not_indexed(make: Maker) -> None:
    """Without the look at plane and row 14 of 650 combs are, and one of 250 lines."""
    assert indexed(make, (16, 90), 6, 53) == []


@pytest.mark.slow
def test_few_spots_of_another_cell_are_not_indexed() -> None:
    wrong = []
    for asked, cell in CELLS.items():
        indexer = Indexer(*cell)
        for real, other in CELLS.items():
            if real == asked:
                continue
            basis, _ = symmetry.primitive_vectors(*other)
            rng = np.random.default_rng([54, len(asked), len(real)])
            for _ in range(2):
                n = int(rng.integers(6, 16))
                spots = with_others(rng, lambda r, k, b=basis: still(r, b, k)[1], n)
                wrong += [(asked, real, n)] * len(indexer.index(spots))
    assert wrong == []


def test_evidence_in_a_plane_counts_only_what_chance_leaves_of_it() -> None:
    basis = unit_cell.vectors_from_cell(CELLS["tetragonal"][0])
    reciprocal = np.linalg.inv(basis).T
    rng = np.random.default_rng(55)
    # along a row that is as dense as spots are well known
    basis[2] *= 6
    h = np.array([[1, 2, n] for n in range(-8, 9)], np.float64)
    row = h @ np.linalg.inv(basis).T
    solid = rng.integers(-9, 10, (17, 3)) @ reciprocal
    reach = np.full(17, 0.002)
    every = np.ones(17, bool)
    # the row's points are 0.0127 1/Å apart: a third of it is in reach of one
    assert log10_flat(basis, row, reach, every) > -10
    assert log10_flat(basis, solid, reach, every) < -25
