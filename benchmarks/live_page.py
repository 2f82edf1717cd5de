"""Image received to number on the page, and what the page costs the daemon.

Real processes: sender, daemon, ``recorder web`` and 50 readers of its stream, all on
the cores of this machine. The daemon's images/s are measured with and without the page
in turns, so that the ratio holds on a loaded machine, too.

    python -m benchmarks.live_page --write docs/benchmarks-page.md
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.cpu import PROC, cpu_seconds, usage_of
from benchmarks.end_to_end import CONFIG, ROOT, wait_for
from benchmarks.machine import machine
from recorder.journal import Journal
from recorder.simulate.stream.broker import free_port

VIEWERS = 50
LATENCY_S = 1.0
"""Goal for 99 of 100 images."""
RATIO = 0.98
"""Goal for images/s with the page by those without it."""
_PYTHON = (sys.executable, "-m")


Told = Callable[[], tuple[list[tuple[int, int]], float]]
"""What a reader saw (Unix ns, images), and the seconds of CPU of the page."""


@dataclass(frozen=True)
class Series:
    """What is sent."""

    name: str
    sender: tuple[str, ...]
    upstream: str = "ignore"
    workers: int = 1


@dataclass(frozen=True)
class Measured:
    """One series through the daemon."""

    seconds: float
    latencies_s: np.ndarray
    """Of each image, from its arrival at the daemon to a reader of the page."""
    daemon_cpu_s: float
    web_cpu_s: float


def series_of(
    name: str,
    protocol: str,
    images: int,
    rate_hz: float = 0.0,
    upstream: str = "ignore",
) -> Series:
    """Images of the benchmarks' sender; 0 Hz is as fast as they are taken."""
    options = ("--to", "{to}", "--protocol", protocol, "--images", str(images))
    rate = ("--rate", str(rate_hz))
    return Series(name, ("benchmarks.sender", *options, *rate), upstream)


def large(images: int, rate_hz: float = 0.0) -> Series:
    """4-megapixel images through one worker."""
    return series_of(f"{rate_hz:g} Hz, 4 Mpx, one worker", "stream1", images, rate_hz)


def bookkept(images: int, rate_hz: float) -> Series:
    """Images whose classes come with them."""
    name = f"{rate_hz:g} Hz, classes sent with the images"
    return series_of(name, "results", images, rate_hz, upstream="use")


def record(series: Series, viewers: int | None) -> Measured:
    """One series through a real daemon, until it is sealed.

    Args:
        series: What is sent.
        viewers: Readers of its page; None: there is no page.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        endpoint = f"tcp://127.0.0.1:{free_port()}"
        config = folder / "recorder.toml"
        text = CONFIG.format(
            folder=folder,
            endpoint=endpoint,
            workers=series.workers,
            upstream=series.upstream,
        )
        config.write_text(text)
        command = [*_PYTHON, "benchmarks.named_threads", "run", "-c", str(config)]
        daemon = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        wait_for(daemon, "worker_ready")
        with page(config, viewers) as watched:
            sender = subprocess.Popen(
                [*_PYTHON, *(part.format(to=endpoint) for part in series.sender)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
            )
            if sender.stdout is None or not sender.stdout.readline():
                raise SystemExit("the sender did not begin")
            before = sum(usage_of(daemon.pid).by_part.values())
            wait_for(daemon, "series_started")
            begun = time.perf_counter()
            wait_for(daemon, "run_sealed")
            seconds = time.perf_counter() - begun
            spent = sum(usage_of(daemon.pid).by_part.values()) - before
            seen, web_cpu = watched()
        sender.wait()
        daemon.terminate()
        daemon.wait()
        journal = Journal(folder / "journal.sqlite", read_only=True)
        uids = [known.uid for known in journal.headlines()]
        came = sorted(i.received_ns for uid in uids for i in journal.image_rows(uid))
        journal.close()
    return Measured(seconds, _latencies(came, seen), spent, web_cpu)


@contextmanager
def page(config: Path, viewers: int | None) -> Iterator[Told]:
    """The page and its readers; what is given tells what they saw, and the CPU."""
    if viewers is None:
        yield lambda: ([], 0.0)
        return
    port = free_port()
    command = [*_PYTHON, "recorder", "web", "-c", str(config), "--port", str(port)]
    web = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    if web.stdout is None or not web.stdout.readline():
        raise SystemExit("the page did not begin")
    readers = subprocess.Popen(
        [
            *_PYTHON,
            "benchmarks.viewers",
            f"127.0.0.1:{port}",
            "--viewers",
            str(viewers),
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    if readers.stdout is None or readers.stdout.readline() != "ready\n":
        raise SystemExit("the readers did not begin")
    begun = cpu_seconds(PROC / str(web.pid))

    def told() -> tuple[list[tuple[int, int]], float]:
        spent = cpu_seconds(PROC / str(web.pid)) - begun
        text, _ = readers.communicate()
        return json.loads(text), spent

    try:
        yield told
    finally:
        for process in (readers, web):
            process.terminate()
            process.wait()


def _latencies(came: list[int], seen: list[tuple[int, int]]) -> np.ndarray:
    """Seconds from the n-th arrival to the first state with n images or more."""
    times = np.array([when for when, _ in seen], np.int64)
    counts = np.maximum.accumulate(np.array([count for _, count in seen], np.int64))
    at = np.searchsorted(counts, np.arange(1, len(came) + 1))
    shown = at < len(times)
    return (times[at[shown]] - np.array(came, np.int64)[shown]) / 1e9


def latency_lines(seconds: float) -> list[str]:
    """Image received to number at a reader of the page."""
    lines = [
        f"| with {VIEWERS} viewers | images shown | p50 | p99 | goal p99 | |",
        "|---|---|---|---|---|---|",
    ]
    for series in (
        large(round(100 * seconds), 100.0),
        bookkept(round(100 * seconds), 100.0),
        bookkept(round(925 * seconds), 925.0),
    ):
        found = record(series, VIEWERS).latencies_s
        middle, most = np.quantile(found, (0.5, 0.99)) if found.size else (np.nan,) * 2
        met = "met" if most < LATENCY_S else "missed"
        lines.append(
            f"| {series.name} | {found.size} | {middle:.2f} s | {most:.2f} s | "
            f"{LATENCY_S:g} s | {met} |"
        )
    return lines


def cost_lines(images: int, rounds: int) -> list[str]:
    """Images/s with and without the page, in turns."""
    series = large(images)
    record(large(60), None)  # what is loaded once is loaded now
    pairs = [(record(series, None), record(series, VIEWERS)) for _ in range(rounds)]
    ratios = [without.seconds / with_page.seconds for without, with_page in pairs]
    cpu = [
        without.daemon_cpu_s / with_page.daemon_cpu_s for without, with_page in pairs
    ]
    web = [with_page.web_cpu_s / with_page.seconds for _, with_page in pairs]
    lines = [
        f"| {rounds} pairs of {images} images of 4 Mpx | asked | median | range | |",
        "|---|---|---|---|---|",
    ]
    for what, values in (
        ("images/s with the page by those without", ratios),
        ("the same by CPU of daemon and worker for an image", cpu),
    ):
        middle = float(np.median(values))
        lines.append(
            f"| {what} | >= {RATIO} | {middle:.3f} | {min(values):.3f} to "
            f"{max(values):.3f} | {'met' if middle >= RATIO else 'missed'} |"
        )
    lines += ["", f"The page itself used {np.median(web):.1%} of a core."]
    return lines


def main() -> None:
    """Print and keep the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each stream")
    parser.add_argument("--images", type=int, default=800, help="of each 4 Mpx series")
    parser.add_argument("--rounds", type=int, default=5, help="pairs")
    parser.add_argument("--write", type=Path, help="keep the page there")
    arguments = parser.parse_args()
    measured = machine("at the start")
    lines = [
        "# The live page",
        "",
        "`make bench` prints this page, too.",
        "",
        f"{measured} Sender, daemon, worker, page and its {VIEWERS} readers "
        "share the cores.",
        "",
        "## Image received to number on the page",
        "",
        *latency_lines(arguments.seconds),
        "",
        "The n-th arrival at the daemon, as its journal has it, to the first state "
        "with n classified images at a reader of the stream; a browser takes some "
        "milliseconds more to draw it.",
        "",
        "## What it costs the daemon",
        "",
        *cost_lines(arguments.images, arguments.rounds),
    ]
    text = "\n".join(lines)
    print(text)
    if arguments.write:
        arguments.write.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
