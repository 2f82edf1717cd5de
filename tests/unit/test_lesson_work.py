"""What a lesson on geometry and cell leaves out, and that it then loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.quality.spot_lists import CELLS, GEOMETRY, make_list, random_list
from recorder.records import ClassifySettings
from recorder.ssx.learning import lattice, proposals
from recorder.ssx.learning.lattice import LatticeKnowledge, When, learn_lattice

SETTINGS = ClassifySettings()
CELL, GROUP = CELLS["mono"]
RIGHT = LatticeKnowledge(GEOMETRY, CELL, GROUP)
NOISE = 30
"""Hits of nothing in a lesson: more than are tried."""


def hits(count: int, seed: int = 5) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [make_list("mono", (40,), 0.2, rng).xy for _ in range(count)]


def noise(seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [random_list(20, rng).xy for _ in range(NOISE)]


def lesson(
    known: LatticeKnowledge, spots: list[np.ndarray], *, last: bool = False
) -> LatticeKnowledge:
    when = When(range(len(spots)), 2.0 * len(spots), last)
    return learn_lattice(known, spots, SETTINGS, RIGHT, when)


@pytest.fixture
def tried(monkeypatch) -> list[int]:
    """Hits of each trial."""
    counts: list[int] = []
    real = lattice.try_hits

    def counted(known, some, *rest):
        counts.append(len(some))
        return real(known, some, *rest)

    monkeypatch.setattr(lattice, "try_hits", counted)
    return counts


@pytest.fixture
def asked(monkeypatch) -> list[int]:
    """One for each hit that was asked for a cell."""
    calls: list[int] = []
    real: Callable[..., object] = proposals.propose_unknown

    def counted(*arguments):
        calls.append(1)
        return real(*arguments)

    monkeypatch.setattr(proposals, "propose_unknown", counted)
    return calls


def test_where_all_fits_half_of_the_hits_are_tried_once(tried, asked):
    after = lesson(RIGHT, hits(48))
    assert (after.geometry, after.cell, after.images) == (GEOMETRY, CELL, 0)
    assert (tried, asked) == ([12], [])
    assert len(after.places) >= 9


@pytest.mark.parametrize(
    ("centre", "distance"),
    [((1001.0, 1000.0), 1.0), ((1000.0, 999.2), 1.0), ((1000.0, 1000.0), 1.005)],
)
def test_a_little_off_is_seen_by_those(centre, distance, tried):
    off = replace(GEOMETRY, beam_center=centre, distance=0.15 * distance)
    known = replace(RIGHT, geometry=off)
    after = learn_lattice(known, hits(48), SETTINGS)
    assert len(tried) > 1
    assert after.images > 0
    assert after.geometry.beam_center == pytest.approx((1000, 1000), abs=0.2)
    apparent = after.cell[0] / after.geometry.distance
    assert apparent == pytest.approx(CELL[0] / 0.15, rel=0.002)


def test_few_hits_that_agree_are_asked_for_a_cell(asked):
    unknown = LatticeKnowledge(GEOMETRY, None, None)
    after = learn_lattice(unknown, hits(24), SETTINGS)
    assert after.cell == pytest.approx(CELL, rel=0.005)
    assert len(asked) == 8


def test_searches_in_vain_are_put_off_longer_and_longer(asked):
    state, searched = RIGHT, []
    for number in range(10):
        asked.clear()
        state = lesson(state, noise(number))
        searched.append(bool(asked))
        assert (state.geometry, state.cell) == (GEOMETRY, CELL)
        assert state.findings == ()
    assert [n for n, yes in enumerate(searched) if yes] == [0, 1, 3, 6]


def test_the_last_lesson_puts_nothing_off(asked):
    resting = replace(RIGHT, in_vain=4, resting=4)
    lesson(resting, noise(1))
    assert not asked
    lesson(resting, noise(1), last=True)
    assert asked


def test_a_run_whose_hits_index_again_forgets_what_was_in_vain():
    resting = replace(RIGHT, in_vain=4, resting=4)
    after = lesson(resting, hits(48))
    assert (after.in_vain, after.resting) == (0, 0)
    assert after.places


def test_few_hits_put_nothing_off():
    state = RIGHT
    for number in range(4):
        state = lesson(state, noise(number)[:12])
    assert (state.in_vain, state.resting) == (0, 0)
