"""Hints of a pattern: named where there is one, and never by chance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from recorder.records.scan import Scan
from recorder.records.scan_report import PatternKind
from recorder.simulate.stream.chip import parse_chip
from recorder.ssx.scan.pattern import MAX_HINTS, pattern_hints
from recorder.ssx.scan.walk import walk_of
from recorder.ssx.scan.wells import WellState

Rates = Callable[[tuple[int, int], np.random.Generator], Any]
OXFORD = Scan(20, 20, (8, 8), snake=True)
SCANS = {
    "oxford": OXFORD,
    "one block": Scan(40, 50),
    "small": Scan(20, 20),
    "small blocks": Scan(12, 12, (4, 4), snake=True),
}
TRIES = 50
"""Chips of each kind: 1400 in all, for 7 kinds of chance on 4 chips."""


def states(rates: Any, rng: np.random.Generator) -> Any:
    hit = rng.random(rates.shape) < rates
    return np.where(hit, WellState.INDEXED, WellState.NON_HIT).astype(np.uint8)


def uniform(rate: float) -> Rates:
    return lambda grid, _: np.full(grid, rate)


def gradient(grid: tuple[int, int], _: Any) -> Any:
    return np.outer(np.linspace(0.05, 0.8, grid[0]), np.ones(grid[1]))


def bowl(grid: tuple[int, int], _: Any) -> Any:
    """Loaded in the middle."""
    down, across = (np.linspace(-1, 1, size) ** 2 for size in grid)
    return 0.6 * np.exp(-2 * (down[:, None] + across[None, :]))


def clumps(reach: float, strength: float) -> Rates:
    """Crystals lie in clumps of some wells."""

    def make(grid: tuple[int, int], rng: np.random.Generator) -> Any:
        turn = sum(
            f**2 for f in np.meshgrid(*(np.fft.fftfreq(n) for n in grid), indexing="ij")
        )
        blur = np.exp(-2 * (np.pi * reach) ** 2 * turn)
        field = np.fft.ifft2(np.fft.fft2(rng.normal(size=grid)) * blur).real
        return 1 / (1 + np.exp(0.85 - strength * field / field.std()))

    return make


CHANCE: dict[str, Rates] = {
    "few": uniform(0.03),
    "some": uniform(0.3),
    "most": uniform(0.9),
    "gradient": gradient,
    "bowl": bowl,
    "clumps": clumps(1.0, 1.0),
    "strong clumps": clumps(2.0, 2.0),
}


@pytest.mark.parametrize("chip", SCANS)
@pytest.mark.parametrize("loaded", CHANCE)
def test_chance_is_no_pattern(chip, loaded):
    """Named on 1 chip of 50 at most, on 2 where crystals lie in clumps."""
    scan, rng = SCANS[chip], np.random.default_rng(5)
    walk, make = walk_of(scan), CHANCE[loaded]
    named = [
        bool(pattern_hints(walk, states(make(scan.grid, rng), rng)))
        for _ in range(TRIES)
    ]
    assert sum(named) <= (2 if "clumps" in loaded else 1)


def parity(grid: tuple[int, int], down: int, across: int, period: int) -> Any:
    rows, columns = np.indices(grid)
    return (down * rows + across * columns) % period == 0


def spoilt(low: float, where: Callable[[tuple[int, int]], Any]) -> Rates:
    return lambda grid, _: np.where(where(grid), low, 0.4)


PATTERNS: dict[str, tuple[PatternKind, str, Rates]] = {
    "column": (
        PatternKind.EDGE,
        "first column",
        spoilt(0.0, lambda grid: np.indices(grid)[1] == 0),
    ),
    "rows": (
        PatternKind.EDGE,
        "last 2 rows",
        spoilt(0.02, lambda grid: np.indices(grid)[0] >= grid[0] - 2),
    ),
    "edge of blocks": (
        PatternKind.EDGE,
        "last column of each block",
        spoilt(0.1, lambda grid: np.indices(grid)[1] % 20 == 19),
    ),
    "checker": (
        PatternKind.CHECKER,
        "each second well, like a checker",
        spoilt(0.15, lambda grid: parity(grid, 1, 1, 2)),
    ),
    "rows in turn": (
        PatternKind.LINES,
        "each second row",
        spoilt(0.15, lambda grid: parity(grid, 1, 0, 2)),
    ),
    "diagonals down": (
        PatternKind.STRIPES,
        "diagonals",
        spoilt(0.1, lambda grid: parity(grid, 1, -1, 4)),
    ),
    "diagonals up": (
        PatternKind.STRIPES,
        "diagonals",
        spoilt(0.1, lambda grid: parity(grid, 1, 1, 3)),
    ),
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_clear_pattern_is_named_first(pattern):
    """On 19 of 20 chips at least."""
    kind, where, make = PATTERNS[pattern]
    rng, walk, right = np.random.default_rng(6), walk_of(OXFORD), 0
    for _ in range(20):
        found = pattern_hints(walk, states(make(OXFORD.grid, rng), rng))
        assert len(found) <= MAX_HINTS
        right += bool(found) and (found[0].kind, found[0].where) == (kind, where)
    assert right >= 19


@pytest.mark.parametrize("more", [-1, 1])
@pytest.mark.parametrize("snake", ["yes", "no"])
def test_lines_of_another_length_are_named(more, snake):
    """The stage makes one step more or fewer than announced, and leaves the chip."""
    spec = f"rows=20,columns=20,down=4,across=4,filled=0.6,snake={snake},more={more}"
    chip = parse_chip(spec)
    walk = walk_of(Scan(20, 20, (4, 4), snake=snake == "yes"))
    seen = np.full(walk.place.size, WellState.UNSEEN, np.uint8)
    hits = np.array(chip.hits(chip.triggers, 3))
    if more < 0:  # what lies between two lines is never hit
        step = np.arange(hits.size) % 19
        hits &= step > 0
    seen[walk.wells] = np.where(hits, WellState.INDEXED, WellState.NON_HIT)
    found = pattern_hints(walk, seen.reshape(walk.place.shape))
    assert found[0].kind is PatternKind.STRIPES
    assert f"{20 + more} steps, not 20" in found[0].text


def test_a_dead_column_inside_is_no_misalignment():
    rng, walk = np.random.default_rng(7), walk_of(OXFORD)
    rates = np.full(OXFORD.grid, 0.4)
    rates[:, 47] = 0.0
    assert pattern_hints(walk, states(rates, rng)) == ()


def test_the_part_of_a_chip_that_was_seen_is_judged_alone():
    """Half of it is still to come: its far edge is no edge of the chip."""
    rng, walk = np.random.default_rng(8), walk_of(OXFORD)
    seen = states(np.full(OXFORD.grid, 0.3), rng)
    flat = seen.reshape(-1)
    flat[walk.wells[walk.wells.size // 2 + 77 :]] = WellState.UNSEEN
    assert pattern_hints(walk, seen) == ()


@pytest.mark.parametrize(
    "state", [WellState.UNSEEN, WellState.NON_HIT, WellState.INDEXED]
)
def test_wells_that_are_all_alike_are_no_pattern(state):
    walk = walk_of(OXFORD)
    assert pattern_hints(walk, np.full(OXFORD.grid, state, np.uint8)) == ()
