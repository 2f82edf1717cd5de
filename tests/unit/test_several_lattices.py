"""Images with several lattices, and with wrong geometry or cell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.quality.indexing import is_right
from benchmarks.quality.spot_lists import CELLS, GEOMETRY, make_list
from recorder.records import Cell, Geometry
from recorder.ssx.lattices import ewald
from recorder.ssx.lattices.indexer import Indexer


def moved(distance: float = 1.0, centre: tuple[float, float] = (0.0, 0.0)) -> Geometry:
    x, y = GEOMETRY.beam_center
    return replace(
        GEOMETRY,
        distance=GEOMETRY.distance * distance,
        beam_center=(x + centre[0], y + centre[1]),
    )


def scaled(cell: Cell, scale: float) -> Cell:
    a, b, c, alpha, beta, gamma = cell
    return (scale * a, scale * b, scale * c, alpha, beta, gamma)


def right(
    name: str,
    counts: tuple[int, ...],
    geometry: Geometry,
    scale: float = 1.0,
    spurious: float = 0.2,
    lists: int = 4,
) -> tuple[float, int]:
    """Lattices found for each list, and wrong ones of all."""
    cell, group = CELLS[name]
    indexer = Indexer(scaled(cell, scale), group)
    good = bad = 0
    for n in range(lists):
        truth = make_list(name, counts, spurious, np.random.default_rng([61, n]))
        found = indexer.index(truth.q(geometry))
        nfa = [lattice.log10_nfa for lattice in found]
        assert nfa == sorted(nfa)
        correct = sum(is_right(name, lattice, truth) for lattice in found)
        good, bad = good + correct, bad + len(found) - correct
    return good / lists, bad


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lyso", "mono", "tric", "cubic"])
@pytest.mark.parametrize(
    ("geometry", "scale"),
    [
        (moved(1.01), 1.0),
        (moved(0.99), 1.0),
        (moved(1.02), 1.0),
        (moved(0.98), 1.0),
        (moved(), 1.02),
        (moved(), 0.98),
        (moved(1.01, (2.0, 1.0)), 1.0),
    ],
    ids=["+1 %", "-1 %", "+2 %", "-2 %", "cell +2 %", "cell -2 %", "+1 %, 2 px"],
)
def test_three_lattices_are_found_with_errors_of_geometry_or_cell(
    name: str, geometry: Geometry, scale: float
) -> None:
    """Before, one of three was found with a distance 1 % off, none with 2 %."""
    found, wrong = right(name, (40, 40, 40), geometry, scale)
    assert found >= 2.75
    assert wrong == 0


@pytest.mark.parametrize("name", ["lyso", "mono"])
@pytest.mark.parametrize("distance", [1.0, 1.01])
def test_long_lists_index_as_well_as_short_ones(name: str, distance: float) -> None:
    found, wrong = right(name, (100, 80, 60), moved(distance), spurious=0.5, lists=3)
    assert found == 3
    assert wrong == 0


@pytest.mark.parametrize("name", ["lyso", "mono", "tric", "cubic"])
def test_one_lattice_with_a_shifted_beam_centre_is_found(name: str) -> None:
    found, wrong = right(name, (25,), moved(1.0, (3.0, -1.0)))
    assert found == 1
    assert wrong == 0


def test_a_view_undoes_a_wrong_distance_and_centre() -> None:
    truth = make_list("lyso", (60,), 0.0, np.random.default_rng(62))
    off = ewald.spots_of(truth.q(moved(1.02, (3.0, -2.0))))
    # pixel / (wavelength · distance)
    shift = 75e-6 / (1.0 * GEOMETRY.distance * 1.02)
    seen = off.seen(np.array([-3.0 * shift, 2.0 * shift, 1 / 1.02 - 1]))
    wanted = truth.q()
    nearest = np.linalg.norm(seen[:, None] - wanted[None], axis=2).min(axis=1)
    assert nearest.max() < 2e-4
    before = np.linalg.norm(off.q[:, None] - wanted[None], axis=2).min(axis=1)
    assert before.max() > 3e-3


def test_spots_on_no_sphere_are_shifted_and_scaled() -> None:
    q = np.random.default_rng(63).normal(0, 0.2, (20, 3))
    spots = ewald.spots_of(q)
    seen = spots.seen(np.array([0.001, 0.0, 0.01]))
    np.testing.assert_allclose(seen, 0.99 * spots.q - [0.001, 0, 0], atol=1e-12)
