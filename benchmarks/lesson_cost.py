"""What the lessons of a run cost beside the images between them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from benchmarks.quality.runs import classified
from recorder.pool import inline
from recorder.pool.worker import Classifiers
from recorder.records import ClassifierSetup, Payload

MOST = 0.05
"""Of the CPU of the images between two lessons: what a lesson may cost."""


@dataclass(frozen=True)
class LessonCost:
    """One lesson."""

    at: int
    """Images that were classified before it."""
    seconds: float
    images: float
    """Seconds of the images since the one before it, or since the start."""

    @property
    def share(self) -> float:
        return self.seconds / self.images if self.images else 0.0


class _Timed(Classifiers):
    """Keeps what images and lessons cost this thread."""

    made: list[tuple[bool, float]]
    """Whether it was a lesson, and its seconds, in order."""

    def classify(self, *arguments: Any) -> Any:
        begun = time.thread_time()
        try:
            return super().classify(*arguments)
        finally:
            self.made.append((False, time.thread_time() - begun))

    def learn(self, *arguments: Any) -> Any:
        begun = time.thread_time()
        try:
            return super().learn(*arguments)
        finally:
            self.made.append((True, time.thread_time() - begun))


def costs_of(made: Sequence[tuple[bool, float]]) -> list[LessonCost]:
    """The lessons among images, each with the images since the one before."""
    found, images, count = [], 0.0, 0
    for is_lesson, seconds in made:
        if is_lesson:
            found.append(LessonCost(count, seconds, images))
            images = 0.0
        else:
            images += seconds
            count += 1
    return found


def measure(setup: ClassifierSetup, payloads: Sequence[Payload]) -> list[LessonCost]:
    """The lessons of a run, in the order in which it learns."""
    made: list[tuple[bool, float]] = []
    timed = type("Timed", (_Timed,), {"made": made})
    with patch.object(inline, "Classifiers", timed):
        classified(setup, payloads)
    return costs_of(made)


def lesson_lines(costs: Sequence[LessonCost]) -> list[str]:
    """A table of the lessons beside the goal."""
    lines = [
        "| lesson after image | ms of CPU | of the images since the last one | goal |",
        "|---" * 4 + "|",
    ]
    for cost in costs:
        verdict = "met" if cost.share <= MOST else "missed"
        lines.append(
            f"| {cost.at} | {1000 * cost.seconds:.0f} | {cost.share:.1%} | "
            f"at most {MOST:.0%}: {verdict} |"
        )
    spent, images = (sum(getattr(c, n) for c in costs) for n in ("seconds", "images"))
    if images:
        share = spent / images
        lines += ["", f"All of them: {share:.1%} of the images before the last one."]
    return lines
