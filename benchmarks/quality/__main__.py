"""Print how well images are classified.

make bench-quality                 # all of it, some 25 minutes on two cores
make bench-quality QUALITY=short   # smaller images, fewer lists: some 8 minutes
python -m benchmarks.quality --size short --only Conditions --case jet
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from pathlib import Path

from benchmarks.quality.cases import PIXELS, RUN, SEEDS
from benchmarks.quality.conditions import conditions_table
from benchmarks.quality.finder import finder_table, roc_table
from benchmarks.quality.indexing import chance_lines, success_table
from benchmarks.quality.learning import learning_table
from benchmarks.quality.long_lists import long_table
from benchmarks.quality.rates import LISTS, rates_table
from benchmarks.quality.real import real_table
from benchmarks.quality.spread import spread_table

INTRO = """# Quality of classification

`make bench-quality` prints this page; `QUALITY=short` takes a third of the time.

Measured {when}, {cores} cores, load average {load}. Images and spot lists are
simulated; their truth is made by code that shares nothing with the finder and the
indexer. They are kinder than reality: the last table has real data. Size: {size};
conditions on {pixels} x {pixels} pixels, runs of {run} images, {runs} of each
condition; {lists} lists at each kernel.
"""
_SCALES = {"short": 0.4, "full": 1.0}
"""Images and lists of the older tables."""


def main() -> None:
    """Run every part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=sorted(PIXELS), default="full")
    parser.add_argument("--scale", type=float, help="images per figure")
    parser.add_argument("--only", help="sections with this in their title")
    parser.add_argument(
        "--case", action="append", default=[], help="conditions with this in their name"
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="processes"
    )
    parser.add_argument("--write", type=Path, help="write the page there, too")
    arguments = parser.parse_args()
    size, jobs = arguments.size, arguments.jobs
    scale = arguments.scale or _SCALES[size]

    def count(n: int) -> int:
        return max(4, round(n * scale))

    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    when = f"{datetime.now().astimezone():%Y-%m-%d}"
    page = [
        INTRO.format(
            when=when,
            cores=os.cpu_count(),
            load=load,
            size=size,
            pixels=PIXELS[size],
            run=RUN,
            runs=len(SEEDS),
            lists=LISTS[size],
        )
    ]
    with ProcessPoolExecutor(jobs) as pool:
        sections: tuple[tuple[str, Callable[[], list[str]]], ...] = (
            (
                "Conditions: what beamlines have, each alone and all together",
                lambda: conditions_table(pool, size, arguments.case),
            ),
            (
                "A cell for every lattice",
                lambda: spread_table(pool, size),
            ),
            (
                "Long lists of several crystals, half of the spots spurious",
                lambda: long_table(pool, count(40)),
            ),
            (
                "Few spots: lattices accepted that are none",
                lambda: rates_table(size, jobs),
            ),
            (
                "Spots: recall by photons, and false spots",
                lambda: finder_table(pool, count(20), count(12)),
            ),
            ("Hits by strength of the crystal", lambda: roc_table(pool, count(24))),
            (
                "Indexing: share of images right, by true spots and spurious share",
                lambda: success_table(pool, count(100)),
            ),
            ("Chance", lambda: chance_lines(pool, count(800))),
            (
                "After 30 hits with wrong geometry or cell, relative to the right ones",
                lambda: learning_table(pool, count(100)),
            ),
            ("Real data", real_table),
        )
        for title, make in sections:
            if arguments.only and arguments.only.lower() not in title.lower():
                continue
            begun = time.perf_counter()
            lines = [f"## {title}", "", *make(), ""]
            print("\n".join(lines), flush=True)
            print(f"({time.perf_counter() - begun:.0f} s)\n", flush=True)
            page += lines
    if arguments.write:
        arguments.write.write_text("\n".join(page).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
