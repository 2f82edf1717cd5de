"""docs/explanations/scale.md says what the arithmetic says."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.scale.arithmetic import (
    BUSY,
    BYTES_PER_PIXEL,
    HOST_CORES,
    LINKS,
    LOOP_S,
    STREAMS,
    cores_lines,
    network_lines,
)
from benchmarks.scale.costs import FOUR, SIXTEEN
from benchmarks.scale.model import Plan, play
from benchmarks.scale.series import PERIODS, PUSH, planned
from recorder.classifying.timetable import LONGEST, OVERTAKEN, SHORTEST

PAGE = Path(__file__).parents[2] / "docs" / "explanations" / "scale.md"


def words() -> str:
    return " ".join(PAGE.read_text(encoding="utf-8").split())


@pytest.mark.parametrize("lines", [network_lines(), cores_lines()])
def test_the_tables_are_those_of_the_arithmetic(lines: list[str]):
    assert "\n".join(lines) in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "said",
    [
        f"at least {SHORTEST} and at most {LONGEST:,}".replace(",", " "),
        f"due {OVERTAKEN} images behind",
        f"(P / 2 - {OVERTAKEN}) / r",
        f"with `L` of {FOUR.lesson_images:g} images",
        f"in the time of {FOUR.take_images:g} images",
        "{:g} (usual) to {:g} bytes".format(*BYTES_PER_PIXEL),
        f"10 GbE carries {LINKS['10 GbE']:g} GB/s",
        f"carries `{BUSY:g} / c` images a second. At {1e6 * LOOP_S:.0f} µs",
        f"these are {BUSY / LOOP_S:,.0f}".replace(",", " "),
        f"A host has {HOST_CORES} such cores",
        f"a period of 2048, {FOUR.lesson_images / 2048:.1%}".replace("%", " %"),
    ],
)
def test_the_numbers_in_its_text_are_those_of_the_code(said: str):
    assert said in words()


@pytest.mark.parametrize(
    ("workers", "period", "said"),
    [(8, 4096, "0.98 with 8"), (16, 8192, "0.99 with 16"), (32, 16384, "0.99 with 32")],
)
def test_its_formula_is_what_the_model_does(workers: int, period: int, said: str):
    formula = 1 / (1 + (FOUR.lesson_images + FOUR.take_images * workers) / period)
    row = planned(FOUR, workers)
    assert row.times.period == period
    assert row.by_model(row.steady) == pytest.approx(formula, abs=0.003)
    assert said.startswith(f"{formula:.2f} ")
    assert said in words()


def test_the_start_of_a_run_and_a_quick_replay_cost_what_it_says():
    rows = {workers: planned(FOUR, workers) for workers in (2, 8, 32)}
    shares = sorted(row.by_model(0) for row in rows.values())
    low, high = shares[0], shares[-1]
    said = f"a run of {PERIODS:g} periods has an efficiency of {low:.2f} to {high:.2f}"
    assert said in words()
    images, capacity = 20 * rows[8].times.period, rows[8].capacity
    long = play(Plan(8, images, FOUR, rows[8].times, 1 / (PUSH * capacity)))
    assert f"of 20 periods {long.rate(0, images) / capacity:.2f} with 8" in words()
    eight, many = (rows[workers].by_replay() for workers in (8, 32))
    assert f"({eight:.2f} with 8 workers, {many:.2f} with 32)" in words()
    assert f"it is not ({planned(SIXTEEN, 8).by_replay():.2f})" in words()


def test_every_stream_can_be_had():
    for stream in STREAMS:
        assert stream.costs.lesson_s < stream.lead_s
        assert stream.loop < BUSY
