"""What the daemon spends on an image while a run goes on; its workers are free."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.cpu import PARTS, PROC, part_of
from benchmarks.end_to_end import CONFIG, ROOT, wait_for
from recorder.runtime.live_file import LIVE, live_folder
from recorder.simulate.stream.broker import free_port

COPIED = 1_200_000
"""Bytes of the copy that costs are told in: an image of 4.5 megapixels."""
WORKERS = 2
FROM, TO = 0.2, 0.9
"""Shares of the images between which is measured: setting up and sealing, which a long
run does not notice, lie outside."""
_PYTHON = (sys.executable, "-m")


class Scene(NamedTuple):
    """What is sent."""

    what: str
    protocol: str
    images: int
    rate_hz: float = 0.0
    """0: as fast as they are taken."""
    small: bool = False


@dataclass(frozen=True)
class Cost:
    """Of one image, while the run went on."""

    by_part: dict[str, float]
    """Microseconds of CPU by what the threads do."""
    copy_us: float
    """CPU of a copy, during the run."""
    per_second: float
    """Images a second, wall; sender and workers on the same cores."""

    @property
    def loop_copies(self) -> float:
        """Event loop, in copies."""
        return self.by_part["event loop"] / self.copy_us

    @property
    def all_us(self) -> float:
        """Of all threads of the daemon."""
        return sum(self.by_part.values())


class Copies:
    """Measures what a copy costs now."""

    def __init__(self) -> None:
        self._from = np.ones(COPIED, np.uint8)
        self._to = np.zeros(COPIED, np.uint8)
        self._took: list[float] = []

    def measure(self) -> None:
        """One copy more, of bytes that no cache holds: as those of an image."""
        begun = time.thread_time_ns()
        np.copyto(self._to, self._from)
        self._took.append((time.thread_time_ns() - begun) / 1000)

    @property
    def median_us(self) -> float:
        """Of all so far."""
        return float(np.median(self._took))


def thread_us(daemon: int) -> dict[str, float]:
    """Microseconds of CPU of the daemon's threads so far, by what they do."""
    used = dict.fromkeys((part for part in PARTS if part != "workers"), 0.0)
    for task in (PROC / str(daemon) / "task").iterdir():
        try:
            nanoseconds = int((task / "schedstat").read_text().split()[0])
            name = (task / "comm").read_text().strip()
        except OSError:  # it ended
            continue
        used[part_of(name, task.name == str(daemon))] += nanoseconds / 1000
    return used


def cost(scene: Scene) -> Cost:
    """One series through a real daemon."""
    with tempfile.TemporaryDirectory() as name, running(scene, Path(name)) as daemon:
        folder, copies = live_folder(Path(name)), Copies()
        first, last = (int(share * scene.images) for share in (FROM, TO))
        at, used, since = _when(folder, first, daemon, copies)
        end, used_then, until = _when(folder, last, daemon, copies)
        sealed = wait_for(daemon, "run_sealed")
    if '"unprocessed": {}' not in sealed:
        raise SystemExit(f"not all images were classified: {sealed}")
    count = end - at
    by_part = {part: (used_then[part] - used[part]) / count for part in used}
    return Cost(by_part, copies.median_us, count / (until - since))


@contextmanager
def running(scene: Scene, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A daemon with free workers, and a sender."""
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    config = folder / "recorder.toml"
    upstream = "use" if scene.protocol == "results" else "ignore"
    config.write_text(
        CONFIG.format(
            folder=folder, endpoint=endpoint, workers=WORKERS, upstream=upstream
        )
    )
    daemon = subprocess.Popen(
        [*_PYTHON, "benchmarks.wire.daemon", "run", "-c", str(config)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(daemon, "worker_ready")
    sender = subprocess.Popen(
        [
            *_PYTHON,
            "benchmarks.wire.sender",
            *("--to", endpoint, "--protocol", scene.protocol),
            *("--images", str(scene.images), "--rate", str(scene.rate_hz)),
            *["--small"] * scene.small,
        ],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for(daemon, "series_started")
        yield daemon
    finally:
        daemon.terminate()
        daemon.wait()
        sender.wait()


def _when(
    folder: Path, wanted: int, daemon: subprocess.Popen[str], copies: Copies
) -> tuple[int, dict[str, float], float]:
    """Images that are done once there are so many, CPU, and the time."""
    while (done := _done(folder / LIVE)) < wanted:
        if daemon.poll() is not None:
            raise SystemExit("the daemon ended")
        copies.measure()
        time.sleep(0.05)
    return done, thread_us(daemon.pid), time.monotonic()


def _done(live: Path) -> int:
    try:
        run = json.loads(live.read_bytes()).get("run")
    except (OSError, ValueError):
        return 0
    return run["received"] - run["pending"] if run else 0
