"""``make timeline-bench``: the matrix, as a table."""

from __future__ import annotations

import argparse
import platform
import sys
from pathlib import Path

import numpy as np

from benchmarks.timeline.cells import matrix
from benchmarks.timeline.online import online_lines
from benchmarks.timeline.score import Score, score

HEAD = (
    "| pattern | rate (Hz) | images | faults | evidence | wrong | unknown | missed | "
    "lost | period (ppm) | delay (ns) | us/image | start | wrong: order, id, host |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def line(item: Score) -> str:
    """A row of the table."""
    cell = item.cell
    period = "-" if item.period_ppm is None else f"{item.period_ppm:+.4f}"
    delay = "-" if item.delay_ns is None else f"{item.delay_ns:+.1f}"
    naive = ", ".join(
        _share(n, item.images)
        for n in (item.wrong_order, item.wrong_id, item.wrong_host)
    )
    broken = f", {item.breaks} breaks" if item.breaks else ""
    return (
        f"| {cell.name} | {cell.rate_hz:g} | {item.images} | {cell.fault} | "
        f"{cell.evidence} | {item.wrong} | {_share(item.unknown, item.images)} | "
        f"{_counts(item.missed)} | {_counts(item.lost)} | {period} | {delay} | "
        f"{item.us_per_image:.2f} | {item.start}{broken} | {naive} |"
    )


def _share(part: int, whole: int) -> str:
    return "0" if not part else f"{part / max(1, whole):.2%}"


def _counts(pair: tuple[int, int]) -> str:
    found, true = pair
    return str(true) if found == true else f"{found} of {true}"


def main() -> int:
    """Print the table; 1 if a label is wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", type=Path)
    args = parser.parse_args()
    print(HEAD, flush=True)
    scores = []
    for cell in matrix():
        scores.append(score(cell))
        print(line(scores[-1]), flush=True)
    wrong = sum(item.wrong for item in scores)
    online = online_lines()
    print("\n" + online)
    print(
        f"\n{len(scores)} cells, {sum(s.images for s in scores)} images, "
        f"{wrong} wrong labels"
    )
    if args.write:
        text = PAGE.format(
            python=platform.python_version(),
            numpy=np.__version__,
            cells=len(scores),
            images=sum(s.images for s in scores),
            wrong=wrong,
            table="\n".join([HEAD, *map(line, scores)]),
            online=online,
        )
        args.write.write_text(text, encoding="utf-8")
    return 1 if wrong else 0


PAGE = """# Benchmarks of the timeline

The latest table of `make timeline-bench`, Python {python}, numpy {numpy}, one core:
{cells} cells, {images} images, **{wrong} wrong labels**. The simulator's truth is
worked out apart from the code that is tested with it.

* **evidence** is what the recorder is given. `captured`: a row for each trigger, whose
  jitter (3 us) the detector sees, too. `captured, own jitter`: rows and images scatter
  on their own, so that nothing tells even triggers apart. `sensor`: a photodiode
  besides. `clock`: start times and declared chains. `image_id`: the chains alone.
* **missed**, **lost**: the true count, or what was found and the true one where they
  differ.
* **period**, **delay**: error of the fitted period of the detections, and mean error of
  the delays of the light images. Without rows the period is the detector's clock's,
  whose error is not known.
* **start**: how sure the first trigger is, see
  [the timeline](explanations/timeline.md#the-first-image). Where it is uncertain all is
  unknown, because no evidence is left.
* **wrong: order, id, host**: wrong labels of those who count arrivals, who count
  images, and who look at the host's clock (20 ppm, exponential latency of 3 ms), from
  the same images.

{table}

## Online

A run of 1 % lost and missed, 925 Hz, that is fed image by image and event by event,
with a look at it every 2000 images: cost of settling an image early and late in the
run, and of reading all labels of it once at the end.

{online}
"""


if __name__ == "__main__":
    sys.exit(main())
