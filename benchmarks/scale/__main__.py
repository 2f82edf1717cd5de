"""How images per second grow with the workers; the model beside the real daemon.

make bench-scale
python -m benchmarks.scale --only faults
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.machine import machine
from benchmarks.scale.costs import FOUR, SIXTEEN, Costs
from benchmarks.scale.faults import FAULTS, HANGS_S, run
from benchmarks.scale.field import Series
from benchmarks.scale.real import measure
from benchmarks.scale.series import (
    PERIODS,
    Group,
    measured,
    planned,
    rows_lines,
)

GROUPS = (
    Group(FOUR, 22.0, (1, 2, 4, 8, 16)),
    Group(FOUR, 22.0, (32,)),
    Group(SIXTEEN, 5.0, (4, 8, 16)),
    Group(SIXTEEN, 5.0, (32,)),
)
"""Each sends at most some 400 images/s in all: a third of two cores."""
LOADS = (("1 kHz", 1000.0), ("2 kHz", 2000.0))
"""What the coordinator gets from one detector."""
LOAD_S = 12.0
"""Seconds of it."""
IDLE = Costs("idle", image_s=1e-3)
LOAD_WORKERS = 8
"""They are never the limit: a core for each could do 8000 images/s."""
MODELLED = ((FOUR, 64), (SIXTEEN, 64))
MESSAGE = 1_200_000
"""Bytes of a compressed image of 4 megapixels: what a memcpy is measured with."""
LOOP_GOAL = 2.0
"""Memcpys of an image that the event loop may cost for each."""


@dataclass(frozen=True)
class Section:
    """A part of the page."""

    word: str
    title: str
    about: str
    make: Callable[[], list[str]]


def memcpy_s() -> float:
    """Seconds of CPU for a copy of MESSAGE bytes, the median of many."""
    source, target = np.ones(MESSAGE, np.uint8), np.zeros(MESSAGE, np.uint8)
    seconds = []
    for _ in range(200):
        begun = time.thread_time()
        for _ in range(5):
            target[:] = source
        seconds.append((time.thread_time() - begun) / 5)
    return float(np.median(seconds))


def scale_lines() -> list[str]:
    """The table of workers."""
    rows = [row for group in GROUPS for row in measured(group)]
    rows += [planned(costs, workers) for costs, workers in MODELLED]
    rows.sort(key=lambda row: (row.costs.image_s, row.workers))
    return rows_lines(rows)


def loop_lines() -> list[str]:
    """What the coordinator costs."""
    copy = memcpy_s()
    lines = [
        "| images sent | images/s | event loop, µs an image | in memcpys of 1.2 MB | "
        "other threads, µs | goal |",
        "|---" * 6 + "|",
    ]
    for name, rate in LOADS:
        series = Series(int(rate * LOAD_S), rate, rate)
        found = measure(IDLE, series, LOAD_WORKERS, series.images // 4)
        reached = found.rate(series.images // 4, series.images)
        copies = found.loop_s / copy
        verdict = "met" if copies <= LOOP_GOAL else "missed"
        lines.append(
            f"| {name} | {reached:.0f} | {1e6 * found.loop_s:.0f} | {copies:.1f} | "
            f"{1e6 * found.other_s:.0f} | <= {LOOP_GOAL:.0f} memcpys: {verdict} |"
        )
    return [*lines, "", f"A memcpy of 1.2 MB took {1e6 * copy:.0f} µs in this run."]


def fault_lines() -> list[str]:
    """Seconds until the images are elsewhere."""
    lines = [
        "| what happens | images it had | seconds until they are elsewhere | lost | "
        "goal |",
        "|---|---|---|---|---|",
    ]
    for fault in FAULTS:
        taken = run(fault)
        met = taken.seconds <= fault.goal_s and not taken.lost
        lines.append(
            f"| {fault.name} | {taken.held} | {taken.seconds:.2f} | {taken.lost} | "
            f"<= {fault.goal_s:g}: {'met' if met else 'missed'} |"
        )
    return lines


def sections() -> list[Section]:
    """The parts of the page, in their order."""
    four, sixteen = GROUPS[0], GROUPS[-1]
    return [
        Section(
            "workers",
            "Images per second by workers",
            "The real daemon, with its receiver, run book, lessons, wire and journal. "
            "Its workers sleep instead of working, so long that two cores carry all of "
            f"them ({four.slower:g} times as long for 4 Mpx, {sixteen.slower:g} times "
            "for 16 Mpx: some 90 ms, so that a busy machine delays little); "
            "images/s are given for workers at full speed. An image takes "
            f"{1000 * FOUR.image_s:.1f} and {1000 * SIXTEEN.image_s:.1f} ms, a lesson "
            f"as long as {FOUR.lesson_images:g} images, and each worker takes over a "
            f"state in the time of {FOUR.take_images:g}. Efficiency is images by "
            "those that the workers could do without lessons; the header says that "
            f"rate. A series has {PERIODS:g} periods; steady is the last one, with "
            "its lesson and the first use of what was learned. Images have 2 kB. "
            "Where no daemon was run, images/s are those of the model. The last "
            "column is for a file that is replayed twice as fast as its header says.",
            scale_lines,
        ),
        Section(
            "coordinator",
            "What the coordinator costs",
            "A detector, and workers that are never the limit. The costs contain all "
            "that the daemon does besides, such as its status and its live state.",
            loop_lines,
        ),
        Section(
            "faults",
            "Until the images of a lost worker are elsewhere",
            "Workers at 70 % of what they can do: four of this host, or two here and "
            "two in each of two nodes on loopback. A worker that hangs is replaced "
            f"after `pool.worker_timeout_s`, {HANGS_S:g} s here and 60 by default. A "
            "link is cut by a relay that passes nothing on any more.",
            fault_lines,
        ),
    ]


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="keep the page there")
    parser.add_argument("--only", default="", help="workers, coordinator or faults")
    arguments = parser.parse_args()
    page = [
        "# More workers",
        "",
        "`make bench-scale` prints this page.",
        "",
        machine("at the start"),
    ]
    print("\n".join(page), flush=True)
    for section in sections():
        if arguments.only in section.word:
            part = ["", f"## {section.title}", "", section.about, "", *section.make()]
            print("\n".join(part), flush=True)
            page += part
    if arguments.write:
        arguments.write.write_text("\n".join(page) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
