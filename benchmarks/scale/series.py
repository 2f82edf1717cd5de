"""One series for each number of workers, in the model and through the daemon."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from benchmarks.scale.costs import Costs
from benchmarks.scale.field import Series
from benchmarks.scale.model import Plan, Played, play
from benchmarks.scale.real import Measured, measure
from recorder.classifying.timetable import Timetable
from recorder.records import DetectorInfo

PERIODS, STEADY = 2.25, 1.25
"""Periods of a series, and those after which it is in steady state: one whole period,
with its lesson, and the first images that use what was learned."""
PUSH = 1.05
"""Images that are sent, by those that the workers can do: they always have some."""
GOALS = {8: 0.90, 16: 0.85, 32: 0.85}
"""Efficiency in steady state that is asked for, by workers."""
REPLAYED = 2.0
"""Times that a file may be replayed faster than its header says: a lesson then has half
of its time."""


@dataclass(frozen=True)
class Group:
    """Series that are run at the same time."""

    costs: Costs
    slower: float
    """Times that all takes longer, so that two cores suffice."""
    workers: tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """One number of workers."""

    costs: Costs
    workers: int
    times: Timetable
    model: Played
    replayed: Played
    """With a header that says half of the rate."""
    real: Measured | None = None
    slower: float = 1.0

    @property
    def images(self) -> int:
        """Of the series."""
        return round(PERIODS * self.times.period)

    @property
    def capacity(self) -> float:
        """Images per second that the workers could do if there were no lessons."""
        return self.workers / self.costs.image_s

    @property
    def header_hz(self) -> float:
        """What the header says: what the workers can just do."""
        return self.capacity

    def by_model(self, first: int) -> float:
        """Efficiency from an image on."""
        return self.model.rate(first, self.images) / self.capacity

    def by_replay(self) -> float:
        """Efficiency in the second half, by the model, of a header of half the rate."""
        images = len(self.replayed.finished_s)
        return self.replayed.rate(images // 2, images) / self.capacity

    def by_daemon(self, first: int) -> float | None:
        """The same, measured; None where it was not."""
        if self.real is None:
            return None
        return self.slower * self.real.rate(first, self.images) / self.capacity

    @property
    def steady(self) -> int:
        """Images after which a series is in steady state."""
        return round(STEADY * self.times.period)


def planned(costs: Costs, workers: int) -> Row:
    """The series of so many workers, by the model."""
    capacity = workers / costs.image_s
    times, half = (
        Timetable.of(DetectorInfo(frame_time_s=slower / capacity))
        for slower in (1.0, REPLAYED)
    )
    images = round(PERIODS * times.period)
    plan = Plan(workers, images, costs, times, interval_s=1 / (PUSH * capacity))
    return Row(costs, workers, times, play(plan), play(replace(plan, times=half)))


def measured(group: Group) -> list[Row]:
    """The series of a group, by the model and through real daemons at the same time."""
    rows = [planned(group.costs, workers) for workers in group.workers]

    def run(row: Row) -> Measured:
        rate = PUSH * row.capacity / group.slower
        series = Series(row.images, rate, row.header_hz)
        slow = group.costs.slower(group.slower)
        return measure(slow, series, row.workers, row.steady)

    with ThreadPoolExecutor(len(rows)) as pool:
        reals = list(pool.map(run, rows))
    return [
        replace(row, real=real, slower=group.slower)
        for row, real in zip(rows, reals, strict=True)
    ]


def rows_lines(rows: Sequence[Row]) -> list[str]:
    """A table of efficiencies beside the goals."""
    lines = [
        "| detector | workers | header, Hz | period | images/s, steady | efficiency, "
        "steady: daemon | model | with the start: daemon | model | goal, steady | "
        "header of half the rate: model |",
        "|---" * 11 + "|",
    ]
    for row in rows:
        steady = row.by_daemon(row.steady)
        best = row.by_model(row.steady) if steady is None else steady
        cells = (
            row.costs.name,
            row.workers,
            f"{row.header_hz:.0f}",
            row.times.period,
            f"{best * row.capacity:.0f}",
            _share(steady),
            f"{row.by_model(row.steady):.2f}",
            _share(row.by_daemon(0)),
            f"{row.by_model(0):.2f}",
            _verdict(row.workers, best),
            f"{row.by_replay():.2f}",
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _verdict(workers: int, best: float) -> str:
    if workers not in GOALS:
        return ""
    goal = GOALS[workers]
    return f">= {goal:.2f}: {'met' if best >= goal else 'missed'}"
