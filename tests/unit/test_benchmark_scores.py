"""The arithmetic of the benchmarks: a table that cannot be wrong says nothing."""

from __future__ import annotations

import math
import platform
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.cpu import PARTS, breakdown_lines, part_of, ticks_of, usage_of
from benchmarks.lesson_cost import costs_of, lesson_lines
from benchmarks.per_image import Costs, goal_lines
from benchmarks.quality.cases import SEEDS, cases
from benchmarks.quality.conditions import Sums, missed, row, sums_of
from benchmarks.quality.few_spots import CELLS, EDGE, SHAPES, of_cell, q_of
from benchmarks.quality.rates import PAIRS, in_process
from benchmarks.quality.runs import BLANKS, BLOCK, kinds_of
from benchmarks.quality.scoring import (
    Matched,
    clopper_pearson,
    lengths_in_true_basis,
    match,
    same_lattice,
    visible,
)
from benchmarks.quality.spread import (
    Lengths,
    lengths_of,
    ratio_of_spreads,
    told_apart,
)
from recorder.records import ImageClass
from recorder.simulate.stills.crystal import cell_vectors, random_rotation
from recorder.ssx.alarms.wilson import wilson
from tests.laws import examples

LYSO = cell_vectors((79.1, 79.1, 38.2, 90, 90, 90))
TURNED = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]])


def rotation(degrees: float) -> np.ndarray:
    turn = math.radians(degrees)
    cosine, sine = math.cos(turn), math.sin(turn)
    return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])


# -- lattices ------------------------------------------------------------------


@settings(max_examples=examples(50), deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(list(CELLS)))
def test_a_lattice_is_the_same_in_any_basis(seed, name):
    rng = np.random.default_rng(seed)
    true = cell_vectors(CELLS[name][0]) @ random_rotation(rng).T
    change = np.eye(3, dtype=np.int64)
    for _ in range(3):
        row, other = rng.choice(3, 2, replace=False)
        change[row] += rng.integers(-1, 2) * change[other]
    found = same_lattice(true, change @ true)
    assert found is not None
    assert np.array_equal(found, change)
    lengths = lengths_in_true_basis(true, change @ true)
    assert lengths == pytest.approx(np.linalg.norm(true, axis=1))


@pytest.mark.parametrize(
    ("found", "same"),
    [
        (LYSO, True),
        (TURNED @ LYSO, True),
        (LYSO @ rotation(1.2), True),
        (LYSO @ rotation(2), False),
        (LYSO * 1.04, True),
        (LYSO * 1.06, False),
        (np.diag((2, 1, 1)) @ LYSO, False),
        (np.diag((1, 1, 0.5)) @ LYSO, False),
        (LYSO @ rotation(45), False),
        (cell_vectors((79.1, 85.0, 38.2, 90, 90, 90)), False),
    ],
)
def test_what_is_the_same_lattice(found, same):
    assert (same_lattice(LYSO, found) is not None) is same


def test_two_lattices_have_no_lengths_in_common():
    with pytest.raises(ValueError, match="two lattices"):
        lengths_in_true_basis(LYSO, LYSO @ rotation(40))


def test_each_lattice_is_found_once():
    other = LYSO @ rotation(30)
    done = match([LYSO, other], [other, LYSO @ rotation(50), other])
    assert done == Matched((None, 0), 2)
    assert match([], [LYSO]) == Matched((), 1)
    assert match([LYSO], []) == Matched((None,), 0)


# -- spots ---------------------------------------------------------------------


def test_visible_spots_stand_out_from_what_is_around_them():
    rng = np.random.default_rng(1)
    dark = rng.poisson(0.6, (60, 60)).astype(float)
    bright = rng.poisson(20, (60, 60)).astype(float)
    spots = np.array([(30.5, 30.5, n) for n in (20, 60, 150, 400)])
    assert visible(spots, dark).tolist() == [False, True, True, True]
    assert visible(spots, bright).tolist() == [False, False, True, True]
    noisy = rng.normal(0, 12, (60, 60))
    assert visible(spots, noisy).tolist() == [False, False, False, True]
    assert visible(np.zeros((0, 3)), dark).shape == (0,)
    dark[28:34] = np.nan
    corner = np.array([(0.5, 0.5, 100.0), (59.5, 59.5, 100.0), (30.5, 30.5, 100)])
    assert visible(corner, dark).all()


def test_crystals_of_a_list_lie_on_their_lattice():
    rng = np.random.default_rng(3)
    for name in CELLS:
        spots, vectors = of_cell(name, 15, rng)
        assert spots.shape == (15, 2)
        h = q_of(spots) @ vectors.T
        off = np.linalg.norm((h - np.rint(h)) @ np.linalg.inv(vectors).T, axis=1)
        # A fifth is spurious; the others are off by their excitation error.
        assert (off < 0.004).sum() >= 7


@pytest.mark.parametrize("kind", SHAPES)
def test_lists_of_nothing_have_the_shape_they_are_named_after(kind):
    rng = np.random.default_rng(5)
    for _ in range(30):
        spots = SHAPES[kind](12, rng)
        assert spots.shape == (12, 2)
        if kind == "rings":
            radii = np.sort(np.hypot(*spots.T))
            steps = np.diff(radii)
            assert (steps > 0.02 * radii[1:]).sum() <= 2
        if kind == "random":
            assert np.abs(spots).max() <= EDGE


def test_all_ordered_pairs_of_eight_cells():
    assert len(CELLS) == 8 and len(PAIRS) == len(set(PAIRS)) == 56


# -- rates ---------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="kernels of another CPU")
def test_lists_are_counted_at_the_kernel_that_is_asked_for():
    kernel, counts = in_process("Nehalem", 48, 1)
    assert kernel == "Nehalem"
    kinds = (*SHAPES, "another cell")
    assert {kind: counts[kind] for kind in kinds} == {
        "random": 8,
        "lines": 6,
        "rings": 6,
        "edges": 4,
        "another cell": 16,
    }
    own = [n for name, n in counts.items() if name.endswith("own")]
    assert sum(own) == 8


@pytest.mark.parametrize(
    ("events", "trials", "expected"),
    [
        # Tables of the exact interval, 95 %.
        (0, 10, (0.0, 0.3085)),
        (1, 10, (0.0025, 0.4450)),
        (5, 10, (0.1871, 0.8129)),
        (10, 10, (0.6915, 1.0)),
        (0, 20_000, (0.0, 1.844e-4)),
        (10, 20_000, (2.398e-4, 9.193e-4)),
    ],
)
def test_the_exact_interval(events, trials, expected):
    assert clopper_pearson(events, trials) == pytest.approx(expected, abs=6e-5)


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(1, 3000), st.data())
def test_the_exact_interval_holds_the_rate_and_mirrors(trials, data):
    events = data.draw(st.integers(0, min(trials, 60)))
    low, high = clopper_pearson(events, trials)
    assert 0 <= low <= events / trials <= high <= 1
    score = wilson(events, trials)
    assert score is not None
    # It is never much narrower than the score interval.
    assert high - low > 0.8 * (score[1] - score[0])
    mirrored = clopper_pearson(trials - events, trials)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-9)


@pytest.mark.parametrize(("events", "trials"), [(1, 0), (-1, 5), (6, 5)])
def test_no_rate(events, trials):
    with pytest.raises(ValueError, match="no rate"):
        clopper_pearson(events, trials)


# -- conditions ----------------------------------------------------------------


def image(
    hit: bool,
    called: ImageClass,
    seen: tuple[int, ...] = (),
    found: tuple[int | None, ...] = (),
    wrong: int = 0,
) -> Any:
    count = wrong + sum(number is not None for number in found)
    return SimpleNamespace(
        hit=hit,
        learned=True,
        called_hit=called is not ImageClass.NON_HIT,
        result=SimpleNamespace(image_class=called, lattices=[None] * count),
        visible=seen,
        matched=Matched(found, wrong),
    )


def test_sums_count_what_is_there():
    indexed, hit, blank = (
        ImageClass.INDEXED,
        ImageClass.NON_INDEXED_HIT,
        ImageClass.NON_HIT,
    )
    sums = sums_of(
        [
            image(False, blank),
            image(False, hit),
            image(False, indexed, wrong=1),
            image(True, indexed, (40,), (0,)),
            image(True, indexed, (40, 20, 5), (1, None, 0), wrong=1),
            image(True, hit, (30,), (None,)),
            image(True, blank, (14,), (None,)),
        ]
    )
    assert sums == Sums(
        blanks=3,
        blanks_called_hits=2,
        blanks_indexed=1,
        hits=3,
        right=2,
        called_hits=3,
        lattices=4,
        lattices_found=2,
        wrong=1,
        chance=1,
    )


def test_goals_are_met_or_named():
    by_name = {case.name: case for case in cases(128)}
    alone, three = by_name["none of them"], by_name["three lattices"]
    together = by_name["all together"]
    good = Sums(blanks=90, hits=100, right=99, lattices=300, lattices_found=281)
    assert missed(alone, good) == missed(three, good) == []
    assert missed(alone, good + Sums(blanks_called_hits=1)) == []
    assert missed(alone, good + Sums(blanks_called_hits=2)) == ["blanks"]
    assert missed(together, good + Sums(blanks_called_hits=5)) == []
    assert missed(together, good + Sums(blanks_called_hits=6)) == ["blanks"]
    assert missed(alone, good + Sums(hits=1)) == ["hits"]
    assert missed(together, good + Sums(hits=9)) == []
    assert missed(three, good + Sums(lattices=2)) == ["lattices"]
    assert missed(alone, good + Sums(wrong=1)) == ["wrong"]
    assert missed(alone, good + Sums(chance=1)) == ["wrong"]
    line = row(three, "learned", good)
    assert "0 of 90" in line and "99 of 100 (99.0%)" in line
    assert "281 of 300 (2.81 of 3)" in line and line.endswith("| met |")


def test_every_condition_has_a_name_of_its_own_and_makes_images():
    names = [case.name for case in cases(128)]
    assert len(names) == len(set(names)) > 20
    assert len(SEEDS) * BLANKS == 90


def test_each_state_sees_as_many_blanks():
    kinds = kinds_of(2 * BLOCK, "multi", 4)
    for first in (0, BLOCK):
        assert kinds[first : first + BLOCK].count("miss") == BLANKS
    assert kinds != kinds_of(2 * BLOCK, "multi", 5)
    assert set(kinds) == {"miss", "multi"}


# -- cells ---------------------------------------------------------------------


def test_lengths_are_those_of_lattices_with_enough_spots():
    lattice = SimpleNamespace(vectors=tuple((TURNED @ LYSO * 1.01).ravel()))

    def seen(learned: bool, spots: int, found: int | None) -> Any:
        return SimpleNamespace(
            learned=learned,
            matched=Matched((found,), 0),
            visible=(spots,),
            bases=(LYSO,),
            forms=(1,),
            result=SimpleNamespace(lattices=[lattice]),
        )

    kept = [seen(True, 30, 0)]
    others = [seen(False, 30, 0), seen(True, 29, 0), seen(True, 30, None)]
    lengths = lengths_of(kept + others)
    assert lengths.true == pytest.approx(np.array([[79.1, 79.1, 38.2]]))
    assert lengths.found == pytest.approx(1.01 * lengths.true)
    assert lengths.forms.tolist() == [1]


def test_spreads_and_forms():
    rng = np.random.default_rng(2)
    true = np.array((50.0, 60, 80)) * (1 + rng.normal(0, 0.003, (400, 3)))
    forms = (np.arange(400) % 2).astype(np.int64)
    none = Lengths(true, np.tile((50.0, 60, 80), (400, 1)), forms)
    assert ratio_of_spreads(none) == pytest.approx([0, 0, 0])
    assert ratio_of_spreads(Lengths(true, true, forms)) == pytest.approx([1, 1, 1])
    shifted = true * (1 + 0.015 * forms)[:, None]
    apart, share = told_apart(Lengths(shifted, shifted, forms))
    assert apart == pytest.approx([0.015] * 3, abs=0.001)
    assert share > 0.99
    smaller = true * (1 - 0.015 * forms)[:, None]
    assert told_apart(Lengths(smaller, smaller, forms))[1] > 0.99
    apart, share = told_apart(Lengths(shifted, true, forms))
    assert np.abs(apart).max() < 0.001 and share < 0.65


# -- CPU time ------------------------------------------------------------------


def test_names_of_threads_tell_what_they_do():
    assert part_of("python", True) == "event loop"
    expected = {
        "receiver": "receiver",
        "ZMQbg/IO/0": "I/O threads",
        "journal_0": "journal and sinks",
        "reports_0": "journal and sinks",
        "asyncio_0": "other threads",
    }
    assert {name: part_of(name, False) for name in expected} == expected
    assert set(expected.values()) <= set(PARTS)


def test_a_line_of_stat_may_hold_any_name():
    line = "7 (a) b (c)) R 1 7 7 0 -1 4194304 9 0 0 0 12 30 0 0 20 0 1 0 5 1 1"
    assert ticks_of(line) == 42


def test_the_cpu_of_a_process_goes_to_its_parts():
    script = (
        "import subprocess, sys, threading, time\n"
        "def spend(s):\n"
        "    end = time.thread_time() + s\n"
        "    while time.thread_time() < end: pass\n"
        "def named():\n"
        "    open('/proc/thread-self/comm', 'w').write('receiver')\n"
        "    spend(0.3)\n"
        "    done.set(); hold.wait()\n"
        "done, hold = threading.Event(), threading.Event()\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import sys, time\\n"
        "while time.process_time() < 0.5: pass\\nprint(1, flush=True)\\n"
        "sys.stdin.read()'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "threading.Thread(target=named, daemon=True).start()\n"
        "done.wait(); child.stdout.readline(); print(1, flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        process.stdout.readline()
        found = usage_of(process.pid).by_part
        process.stdin.close()
    assert found["receiver"] == pytest.approx(0.3, abs=0.06)
    assert found["workers"] == pytest.approx(0.5, abs=0.1)
    assert found["I/O threads"] == 0


def test_ratios_to_decoding_are_met_or_missed():
    good = Costs(0.5, 1.0, 1.5, 1.8, 2.5, 2.1, 6.0)
    assert good.mean(0.2) == pytest.approx((0.8 * 2.1 + 0.2 * 6) / 1.1)
    large = replace(good, blank=1.4, hit=3.0)
    lines = goal_lines(replace(good, hit=3.9), large, [4, 4.9, 8], 100, 170)
    assert [line.endswith("| met |") for line in lines[2:6]] == [True] * 4
    assert lines[-1].endswith("| met |")
    lines = goal_lines(replace(good, blank=2.3), good, [4, 5.1, 8], 100, 160)
    assert [line.endswith("| missed |") for line in lines[2:6]] == [True] * 4
    assert lines[-1].endswith("| missed |")


def test_a_table_of_cpu_adds_up():
    parts = dict.fromkeys((*PARTS, "sender"), 0.5)
    assert breakdown_lines({"x": parts})[-1].endswith(f"| {0.5 * len(parts):.2f} |")


def test_lessons_are_shares_of_the_images_since_the_last():
    made = [(False, 1.0)] * 4 + [(True, 0.2)] + [(False, 2.0)] * 5 + [(True, 1.0)]
    first, second = costs_of(made)
    assert (first.at, first.seconds, first.images) == (4, 0.2, 4.0)
    assert (second.at, second.share) == (9, 0.1)
    lines = lesson_lines([first, second])
    assert lines[2].endswith("at most 5%: met |")
    assert lines[3].endswith("at most 5%: missed |")
    assert "8.6%" in lines[-1]
