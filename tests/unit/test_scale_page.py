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
from benchmarks.scale.costs import FOUR
from benchmarks.scale.model import Plan, play
from benchmarks.scale.series import PERIODS, PUSH, planned
from recorder.classifying.timetable import LONGEST, OVERTAKEN, SHORTEST, Timetable

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
    [(8, 2048, "0.97 with 8"), (16, 4096, "0.98 with 16"), (32, 8192, "0.98 with 32")],
)
def test_its_formula_is_what_the_model_does(workers: int, period: int, said: str):
    formula = 1 / (1 + (FOUR.lesson_images + FOUR.take_images * workers) / period)
    row = planned(FOUR, workers)
    assert (row.times.period, row.steady) == (period, period)
    assert row.by_model(row.steady) == pytest.approx(formula, abs=0.003)
    assert said.startswith(f"{formula:.2f} ")
    assert said in words()


def test_the_start_of_a_run_costs_what_it_says():
    three = [planned(FOUR, workers).by_model(0) for workers in (2, 8, 32)]
    assert f"A run of {PERIODS} periods has an efficiency of 0.7 to 0.8" in words()
    assert "one of 20 periods 0.93" in words()
    assert all(0.65 < share < 0.85 for share in three)
    period = planned(FOUR, 8).times.period
    capacity = 8 / FOUR.image_s
    plan = Plan(8, 20 * period, FOUR, Timetable(period), 1 / (PUSH * capacity))
    assert play(plan).rate(0, 20 * period) / capacity == pytest.approx(0.93, abs=0.01)


def test_every_stream_can_be_had():
    for stream in STREAMS:
        assert stream.costs.lesson_s < stream.lead_s
        assert stream.loop < BUSY
