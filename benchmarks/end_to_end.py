"""Milliseconds of an image, and images per second from ZeroMQ into the journal.

A 4-megapixel uint16 stream at 20 % hits, sent by a process of its own on the same
cores, received and classified by a real daemon. Everything is measured in one run, so
that the ratios hold on a loaded machine, too.

    make bench                     # prints the tables
    python -m benchmarks.end_to_end --images 400 --long 1000 --write docs/benchmarks.md
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cpu import (
    PROC,
    breakdown_lines,
    cpu_seconds,
    ended_seconds,
    usage_of,
)
from benchmarks.lesson_cost import lesson_lines, measure
from benchmarks.machine import machine
from benchmarks.per_image import per_image_lines, two_processes
from benchmarks.sender import SHAPE, geometry, make_series
from recorder.journal import Journal
from recorder.records import ClassifierSetup, ClassifySettings
from recorder.simulate.stills.render import StillSettings
from recorder.simulate.stream.broker import free_port

ROOT = Path(__file__).parents[1]
RATIO = 0.70
"""Images per second through the daemon, by those of two processes without it."""
_PYTHON = (sys.executable, "-m")


@dataclass(frozen=True)
class Row:
    what: str
    per_second: float
    note: str = ""


CONFIG = """
state_directory = "{folder}"
[[detector]]
endpoint = "{endpoint}"
[mqtt]
enabled = false
[runs]
drain_s = 0.1
[pool]
workers = {workers}
max_backlog_mb = 8192
[unannounced]
unit_cell = [79.1, 79.1, 38.2, 90, 90, 90]
space_group = "P43212"
[classify]
upstream = "{upstream}"
"""


def end_to_end(
    protocol: str, images: int, workers: int
) -> tuple[Row, dict[str, float]]:
    """One series through a real daemon, until all images are journalled.

    Returns:
        Images per second, and milliseconds of CPU for each image by part.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        endpoint = f"tcp://127.0.0.1:{free_port()}"
        config = folder / "recorder.toml"
        config.write_text(
            CONFIG.format(
                folder=folder,
                endpoint=endpoint,
                workers=workers,
                upstream="use" if protocol == "results" else "ignore",
            )
        )
        daemon = subprocess.Popen(
            [*_PYTHON, "benchmarks.named_threads", "run", "-c", str(config)],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for(daemon, "worker_ready")
        sender = subprocess.Popen(
            [
                *_PYTHON,
                "benchmarks.sender",
                *("--to", endpoint, "--protocol", protocol, "--images", str(images)),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        if sender.stdout is None or not sender.stdout.readline():
            raise SystemExit("the sender did not begin")
        rendered = cpu_seconds(PROC / str(sender.pid))
        before = usage_of(daemon.pid)
        wait_for(daemon, "series_started")
        begun = time.perf_counter()
        sealed = wait_for(daemon, "run_sealed")
        seconds = time.perf_counter() - begun - 0.1
        spent = usage_of(daemon.pid).since(before)
        spent["sender"] = ended_seconds(sender) - rendered
        daemon.terminate()
        daemon.wait()
        journal = Journal(folder / "journal.sqlite", read_only=True)
        count = journal.image_count()
        journal.close()
    if count != images or '"unprocessed": {}' not in sealed:
        raise SystemExit(f"not all images were classified: {sealed}")
    each = {part: 1000 * value / images for part, value in spent.items()}
    if protocol == "results":
        what = "bookkeeping: ZMQ to journal, classes sent with the images"
        return Row(what, images / seconds, "goal 3000"), each
    what = f"{protocol}, {workers} worker{'s' * (workers > 1)}, {images} images"
    return Row(what, images / seconds, "20 % hits, sender on the same cores"), each


def wait_for(daemon: subprocess.Popen[str], event: str) -> str:
    """The daemon's next line with this event."""
    if daemon.stderr is None:
        raise SystemExit("the daemon has no log")
    for line in daemon.stderr:
        if f'"{event}"' in line:
            return line
    raise SystemExit(f"the daemon ended before {event}")


def table(rows: list[Row]) -> list[str]:
    """Markdown."""
    lines = ["| what | images/s | |", "|---|---|---|"]
    return lines + [
        f"| {row.what} | {row.per_second:.0f} | {row.note} |" for row in rows
    ]


def through_the_daemon(images: int, long_run: int) -> list[str]:
    """Both protocols and bookkeeping alone, beside two processes without a daemon."""
    before = two_processes()[1]
    rows, parts = [], {}
    runs = (
        ("stream1", images, 1),
        ("stream2", images, 2),
        ("stream1", long_run, 2),
        ("results", 40 * images, 1),
    )
    for protocol, count, workers in runs:
        row, spent = end_to_end(protocol, count, workers)
        rows.append(row)
        parts[row.what] = spent
    after = two_processes()[1]
    alone, cpu = ((a + b) / 2 for a, b in zip(before, after, strict=True))
    ratio = rows[2].per_second / alone
    cpu_ratio = cpu / sum(parts[rows[2].what].values())
    return [
        *table(rows),
        "",
        f"Two processes without the daemon, in the same run: {alone:.0f} images/s, "
        f"{cpu:.2f} ms of CPU for an image. Where other programs have a part of the "
        "cores, the ratio by CPU is the one to look at.",
        "",
        "| goal | asked | measured | |",
        "|---|---|---|---|",
        f"| {rows[2].what}, beside two processes | >= {RATIO:.2f} | {ratio:.2f} | "
        f"{'met' if ratio >= RATIO else 'missed'} |",
        f"| the same by CPU of an image | >= {RATIO:.2f} | {cpu_ratio:.2f} | "
        f"{'met' if cpu_ratio >= RATIO else 'missed'} |",
        "",
        *breakdown_lines(parts),
        "",
        "I/O threads are those of ZeroMQ in the daemon; other threads are its helpers "
        "and all that ended. Workers include lessons.",
    ]


def lessons(images: int) -> list[str]:
    """What the lessons of such a series cost, in one process."""
    series = make_series(images)
    settings = StillSettings(geometry=geometry())
    setup = ClassifierSetup(
        shape=SHAPE,
        dtype="uint16",
        geometry=settings.geometry,
        cell=settings.cell,
        space_group=settings.space_group,
        mask=series.mask,
        flatfield=None,
        saturation=65534.0,
        settings=ClassifySettings(),
    )
    return lesson_lines(
        measure(setup, [series.frame(n).payload for n in range(images)])
    )


def main() -> None:
    """Print and keep all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=800, help="in most series")
    parser.add_argument("--long", type=int, default=10_000, help="in the long series")
    parser.add_argument("--lessons", type=int, default=1100, help="images for lessons")
    parser.add_argument("--write", type=Path, help="keep the tables there")
    arguments = parser.parse_args()
    measured = machine("at the start")
    lines = [
        "# Benchmarks",
        "",
        "`make bench` prints this page.",
        "",
        f"{measured} uint16, bitshuffle + LZ4, 0.6 photons/px, at least 30 "
        "strong spots in a hit; indexed, further lattices looked for.",
        "",
        "## One image on one core",
        "",
        *per_image_lines(),
        "",
        "## Through the daemon",
        "",
        *through_the_daemon(arguments.images, arguments.long),
        "",
        "## Lessons",
        "",
        *lessons(arguments.lessons),
    ]
    text = "\n".join(lines)
    print(text)
    if arguments.write:
        arguments.write.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
