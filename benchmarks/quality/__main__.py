"""Print how well images are classified.

make bench-quality
python -m benchmarks.quality --scale 1 --write docs/benchmarks-quality.md
"""

from __future__ import annotations

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from pathlib import Path

from benchmarks.quality.finder import finder_table, roc_table
from benchmarks.quality.indexing import chance_lines, success_table
from benchmarks.quality.learning import learning_table
from benchmarks.quality.real import real_table

INTRO = """# Quality of classification

`make bench-quality` prints this page.

Measured {when}, {cores} cores, load average {load}. Images and spot lists are
simulated; their truth is made by code that shares nothing with the finder and the
indexer. They are kinder than reality: the last table has real data.
"""


def main() -> None:
    """Run every part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="images per figure")
    parser.add_argument("--write", type=Path, help="write the page there, too")
    arguments = parser.parse_args()

    def count(n: int) -> int:
        return max(4, round(n * arguments.scale))

    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    when = f"{datetime.now().astimezone():%Y-%m-%d}"
    page = [INTRO.format(when=when, cores=os.cpu_count(), load=load)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        sections = (
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
            begun = time.perf_counter()
            lines = [f"## {title}", "", *make(), ""]
            print("\n".join(lines), flush=True)
            print(f"({time.perf_counter() - begun:.0f} s)\n", flush=True)
            page += lines
    if arguments.write:
        arguments.write.write_text("\n".join(page).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
