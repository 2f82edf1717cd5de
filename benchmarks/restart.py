"""How long a journal with a run of a million images takes to open, after ``kill -9``.

The writing process is killed; then the journal is opened and the run rebuilt, with its
packed copies and without, beside a bare count of the same rows by SQLite.

``python -m benchmarks.restart [--images N] [--write FILE]``
"""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from recorder.journal import Journal, RecordKind
from recorder.journal.event_json import event_to_json
from recorder.journal.records import NewRecord
from recorder.journal.restore import load_unsealed, pack_run
from recorder.journal.run_record import run_record
from recorder.records import (
    Classification,
    EventType,
    Evidence,
    ImageClass,
    ImageOutcome,
    Lattice,
    TimedEvent,
)
from tests.builders import new_run

BATCH = 10_000
LATTICE = Lattice(
    (79.1, 79.1, 38.2, 90.0, 90.0, 90.0), (26.36667,) * 9, 25, -31.25, 0.0012345
)
INDEXED = Classification(ImageClass.INDEXED, 30, (LATTICE,), 1.9)
NON_HIT = Classification(ImageClass.NON_HIT, 2)


def fill(path: Path, images: int) -> None:
    """Write a run with a captured trigger for each image, then wait to be killed."""
    journal = Journal(path)
    run = new_run("run", 1, 10**18)
    journal.write([NewRecord(RecordKind.RUN, run.uid, run_record(run, "opened"), 0)])
    for first in range(0, images, BATCH):
        ids = range(first, min(images, first + BATCH))
        journal.write(
            [
                NewRecord(RecordKind.EVENT, run.uid, event_to_json(_trigger(n)), 0)
                for n in ids
            ],
            [
                (
                    run.uid,
                    ImageOutcome(
                        n, NON_HIT if n % 3 else INDEXED, n * 10**6, n * 10**6 + 1000
                    ),
                )
                for n in ids
            ],
        )
        pack_run(journal, run.uid)
    print("ready", flush=True)
    signal.pause()


def _trigger(n: int) -> TimedEvent:
    return TimedEvent(
        uid=f"panda/{n}",
        type=EventType.XRAY_DETECTION,
        time_ns=10**18 + n * 10**6,
        trigger=n,
        clock="panda",
        evidence=Evidence.CAPTURED,
    )


def measure(path: Path) -> list[tuple[str, float]]:
    """Seconds of each step."""
    found = [("count the rows with SQLite alone", _timed(lambda: _count(path)))]
    began = time.perf_counter()
    journal = Journal(path)
    found.append(("open the journal", time.perf_counter() - began))
    found.append(("rebuild the run", _timed(lambda: load_unsealed(journal))))
    journal.drop_snapshots("run")
    found.append(("rebuild it from rows alone", _timed(lambda: load_unsealed(journal))))
    journal.close()
    return found


def _timed(step: Callable[[], object]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def _count(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("SELECT COUNT(*), SUM(start_time_ns) FROM images").fetchone()
    db.execute("SELECT COUNT(*), SUM(LENGTH(body)) FROM records").fetchone()
    db.close()


def table(images: int, found: list[tuple[str, float]]) -> str:
    """The page."""
    base = found[0][1]
    lines = [
        f"| {name} | {seconds:.2f} | {seconds / base:.1f} |" for name, seconds in found
    ]
    return "\n".join(
        [
            "# Opening a journal after `kill -9`",
            "",
            f"One run of {images} images with a captured trigger each, a third of them "
            "indexed; the process that wrote it was killed. `make bench` renews it.",
            "",
            "| step | s | x a bare count |",
            "|---|---|---|",
            *lines,
            "",
        ]
    )


def main() -> None:
    """Write, kill, open, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--write", type=Path, help="Markdown file to write")
    parser.add_argument("--fill", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.fill:
        fill(arguments.fill, arguments.images)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.sqlite"
        writer = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "benchmarks.restart",
                "--fill",
                str(path),
                "--images",
                str(arguments.images),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        with writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            os.kill(writer.pid, signal.SIGKILL)
        page = table(arguments.images, measure(path))
    print(page)
    if arguments.write:
        arguments.write.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
