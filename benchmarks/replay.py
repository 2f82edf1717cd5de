"""Replay beside what its workers do alone, and what a start costs; in one run.

A file of 6-megapixel images with 75 % hits is replayed into journal and sinks; the same
images, from memory, go through the same lessons and workers with nothing around them.
Both are measured at two lengths: their difference has no start in it.

    python -m benchmarks.replay --write docs/benchmarks-replay.md
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import h5py

from benchmarks.machine import machine
from recorder.classifying.lessons import Lessons
from recorder.classifying.second_look import SecondLook
from recorder.classifying.setup import make_setup
from recorder.config import Settings
from recorder.pool.pool import Pool
from recorder.records import Geometry, Image, SeriesStart
from recorder.runs.run import Run
from recorder.runtime.log import configure
from recorder.service.replay import ReplayOptions, replay
from recorder.simulate.stills.settings import StillSettings, default_geometry
from recorder.simulate.stream.series import synthetic_series
from recorder.sources.hdf5.file import Hdf5File
from tests.stills import write_series

ROOT = Path(__file__).parents[1]
SHAPE = (2527, 2463)
HIT_SHARE = 0.75
RATIO = 0.8
START_S = 1.5
FURTHER_RATIO = 1.4
FURTHER = 4
SHORT, LONG, ROUNDS, DISTINCT = 40, 120, 3, 16
CELL = {"unit_cell": [79.1, 79.1, 38.2, 90, 90, 90], "space_group": "P43212"}


def write_file(path: Path, images: int) -> None:
    """A data file with geometry, of stills that repeat."""
    square = default_geometry(SHAPE[1])
    geometry = Geometry(
        SHAPE, square.pixel_size, square.distance, square.beam_center, square.wavelength
    )
    settings = StillSettings(geometry=geometry, hit_share=HIT_SHARE)
    series = synthetic_series(images, 4, pool=DISTINCT, settings=settings)
    write_series(path, series, images, settings)


def settings_in(folder: Path) -> Settings:
    """One worker, nothing outside the folder."""
    return Settings(
        state_directory=folder,
        mqtt={"enabled": False},
        pool={"workers": 1},
        unannounced=CELL,
    )


def replayed_s(file: Path, images: int) -> float:
    """Seconds of a whole replay."""
    with tempfile.TemporaryDirectory() as name:
        options = ReplayOptions(file, limit=images)
        begun = time.perf_counter()
        result = asyncio.run(
            replay(settings_in(Path(name)), options, lambda done, total: None)
        )
        seconds = time.perf_counter() - begun
    (run,) = result.report.runs
    if run.images.classified != images:
        raise SystemExit(f"not all images were classified: {run.images}")
    return seconds


def alone_s(file: Path, images: int) -> float:
    """Seconds of the same work without file, journal and sinks."""
    source = Hdf5File(file)
    start = source.start()
    taken: list[Image] = []
    for image in source.images(start):
        if len(taken) == images:
            break
        taken.append(image)
    with tempfile.TemporaryDirectory() as name:
        settings = settings_in(Path(name))
    return asyncio.run(_alone(settings, start, taken))


def _nothing(_: object) -> None:
    """What became of an image does not matter here."""


async def _alone(
    settings: Settings, start: SeriesStart, images: Sequence[Image]
) -> float:
    run = Run("u", 1, 0, settings.unannounced.announcement())
    run.start = start
    first = images[0].payload
    assert first is not None
    setup, _ = make_setup(run, first, settings.replay, settings.classify.settings())
    begun = time.perf_counter()
    pool = Pool(1)
    task = asyncio.create_task(pool.run())
    number, look = pool.add_setup(setup), SecondLook(setup, 512 << 20)
    lessons = Lessons(pool, number, lambda old, new, first: None, look)
    for image in images:
        await pool.room()
        assert image.payload is not None
        lessons.offer(image.image_id, image.payload, _nothing, _nothing, force=True)
        await asyncio.sleep(0)
    await pool.empty()
    ended = asyncio.Event()
    lessons.finish(ended.set)  # the last lesson and the second look are its work, too
    await ended.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return time.perf_counter() - begun


def start_cpu_s(folder: Path) -> float:
    """CPU seconds of `recorder replay` with one tiny image, worker included."""
    path = folder / "tiny.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("data", (1, 8, 8), "u2", chunks=(1, 8, 8), fillvalue=1)
        file["data"][...] = 1
    return cpu_s("replay", str(path), folder=folder)


def cpu_s(*arguments: str, folder: Path) -> float:
    """CPU seconds of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {
        **os.environ,
        "RECORDER_STATE_DIRECTORY": str(folder / "state"),
        "RECORDER_MQTT__ENABLED": "false",
        "RECORDER_POOL__WORKERS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "recorder", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"recorder {' '.join(arguments)}: {done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def further_cpu_s(folder: Path) -> float:
    """CPU seconds of a further tiny file in a batch, worker included."""
    seconds = []
    for files in (1, 1 + FURTHER):
        night = folder / f"night-{files}"
        night.mkdir(exist_ok=True)
        for n in range(files):
            with h5py.File(night / f"{n}.h5", "w") as file:
                data = file.create_dataset("data", (1, 8, 8), "u2", chunks=(1, 8, 8))
                data[...] = n + 1
        seconds.append(cpu_s("replay", str(night), "--jobs", "1", folder=folder))
    return (seconds[1] - seconds[0]) / FURTHER


def measure() -> tuple[list[str], int, int]:
    """The table, goals met, and goals."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "images.h5"
        write_file(file, LONG)
        slopes: dict[str, list[float]] = {"alone": [], "replay": []}
        for _ in range(ROUNDS):
            for what, function in (("alone", alone_s), ("replay", replayed_s)):
                short, long = function(file, SHORT), function(file, LONG)
                slopes[what].append((long - short) / (LONG - SHORT))
        start = statistics.median(start_cpu_s(folder) for _ in range(ROUNDS))
        further = statistics.median(further_cpu_s(folder) for _ in range(ROUNDS))
        helped = statistics.median(
            cpu_s("replay", "--help", folder=folder) for _ in range(ROUNDS)
        )
    alone, whole = (statistics.median(slopes[what]) for what in ("alone", "replay"))
    ratio = alone / whole
    goals = (
        (
            "replay, images/s beside its worker alone",
            f">= {RATIO}",
            f"{ratio:.2f} ({1 / whole:.0f} and {1 / alone:.0f} images/s)",
            ratio >= RATIO,
        ),
        (
            "start of `recorder replay`, CPU s with its worker",
            f"<= {START_S}",
            f"{start:.2f}",
            start <= START_S,
        ),
        (
            "a further file of a batch, CPU beside a replay of it alone",
            f"<= {FURTHER_RATIO}",
            f"{further / start:.2f} ({further:.2f} s)",
            further / start <= FURTHER_RATIO,
        ),
        ("`recorder replay --help`, CPU s", "<= 0.3", f"{helped:.2f}", helped <= 0.3),
    )
    lines = ["| goal | asked | measured | |", "|---|---|---|---|"]
    lines += [
        f"| {what} | {asked} | {found} | {'met' if met else 'missed'} |"
        for what, asked, found, met in goals
    ]
    return lines, sum(met for *_, met in goals), len(goals)


def main() -> None:
    """Print and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="keep the table there")
    arguments = parser.parse_args()
    configure("error")
    measured = machine("at the start")
    lines, met, goals = measure()
    text = "\n".join(
        [
            "# Replay",
            "",
            "`make bench` prints this page, too.",
            "",
            f"{measured} 6 Mpx, uint16, bitshuffle + LZ4, 75 % hits, one "
            f"worker; {LONG} images less {SHORT}, median of {ROUNDS} rounds.",
            "",
            *lines,
            "",
        ]
    )
    print(text)
    if arguments.write:
        arguments.write.write_text(text, encoding="utf-8")
    print(f"goals: {met} of {goals} met")


if __name__ == "__main__":
    main()
