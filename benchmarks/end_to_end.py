"""Images per second from ZeroMQ into the journal, beside decode and memory copy.

A 4-megapixel uint16 stream at 20 % hits, sent by a process of its own on the same
cores, received and classified by a real daemon. Everything is measured in one run, so
that the ratios hold on a loaded machine, too.

    make bench                     # prints the table
    python -m benchmarks.end_to_end --images 400 --write docs/benchmarks.md
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import zmq

from recorder.journal import Journal
from recorder.records import ClassifierSetup, ClassifySettings, Geometry
from recorder.simulate.broker import free_port
from recorder.simulate.messages import PROTOCOLS
from recorder.simulate.series import Series, synthetic_series
from recorder.simulate.stills import StillSettings, default_geometry
from recorder.sources.encodings import decode
from recorder.ssx.classify import Classifier

ROOT = Path(__file__).parents[1]
SHAPE = (2162, 2068)
HIT_SHARE = 0.2
SEED = 4


@dataclass(frozen=True)
class Row:
    what: str
    per_second: float
    note: str = ""


def make_series(images: int) -> Series:
    """A 4-megapixel detector; the same stills in every process."""
    square = default_geometry(2068)
    geometry = Geometry(
        SHAPE, square.pixel_size, square.distance, square.beam_center, square.wavelength
    )
    settings = StillSettings(geometry=geometry, hit_share=HIT_SHARE)
    return synthetic_series(images, SEED, pool=20, settings=settings)


def rate(call: Callable[[int], object], seconds: float = 2.0) -> float:
    """Calls per second of one thread."""
    call(0)
    done, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        call(done)
        done += 1
    return done / (time.perf_counter() - begun)


def reference_rows(series: Series) -> list[Row]:
    """Memory copy, decode and classification, in this process."""
    out = np.empty(SHAPE, np.uint16)
    source = np.ones(SHAPE, np.uint16)
    geometry = default_geometry(2068)
    setup = ClassifierSetup(
        shape=SHAPE, dtype="uint16",
        geometry=Geometry(SHAPE, geometry.pixel_size, geometry.distance,
                          geometry.beam_center, geometry.wavelength),
        cell=series.unit_cell, space_group=series.space_group, mask=series.mask,
        flatfield=None, saturation=65534.0, settings=ClassifySettings(),
    )  # fmt: skip
    classifier = Classifier(setup)

    def whole(n: int) -> object:
        return classifier.classify(decode(series.frame(n).payload, out))

    return [
        Row("memory copy (9 MB)", rate(lambda _: np.copyto(out, source))),
        Row(
            "decode only, 1 core", rate(lambda n: decode(series.frame(n).payload, out))
        ),
        Row("decode + classify, 1 core", rate(whole, 4.0), "20 % hits"),
    ]


def send(endpoint: str, protocol: str, images: int) -> None:
    """The sender: as fast as the daemon takes the images."""
    series = make_series(images)
    stream = PROTOCOLS[protocol](1, series.info, images, mask=series.mask)
    context = zmq.Context()
    socket = context.socket(zmq.PUSH)
    socket.immediate = True
    socket.bind(endpoint)
    print("ready", flush=True)
    socket.send_multipart(stream.start())
    for n in range(images):
        frame = series.frame(n)
        socket.send_multipart(stream.image(n, frame.payload, n * 10**7), copy=False)
    socket.send_multipart(stream.end())
    socket.close()
    context.term()


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
"""


def end_to_end(protocol: str, images: int, workers: int) -> Row:
    """One series through a real daemon; images per second until all are journalled."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        endpoint = f"tcp://127.0.0.1:{free_port()}"
        config = folder / "recorder.toml"
        config.write_text(
            CONFIG.format(folder=folder, endpoint=endpoint, workers=workers)
        )
        daemon = subprocess.Popen(
            [sys.executable, "-m", "recorder", "run", "-c", str(config)],
            cwd=ROOT, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        wait_for(daemon, "worker_ready")
        sender = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.end_to_end", "--send", endpoint,
             "--protocol", protocol, "--images", str(images)],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        wait_for(daemon, "series_started")
        begun = time.perf_counter()
        sealed = wait_for(daemon, "run_sealed")
        seconds = time.perf_counter() - begun - 0.1
        daemon.terminate()
        daemon.wait()
        sender.wait()
        journal = Journal(folder / "journal.sqlite", read_only=True)
        count = journal.image_count()
        journal.close()
    if count != images or '"unprocessed": {}' not in sealed:
        raise SystemExit(f"not all images were classified: {sealed}")
    what = f"ZMQ in to journal, {protocol}, {workers} worker{'s' * (workers > 1)}"
    return Row(what, images / seconds, "sender on the same cores")


def wait_for(daemon: subprocess.Popen[str], event: str) -> str:
    """The daemon's next line with this event."""
    if daemon.stderr is None:
        raise SystemExit("the daemon has no log")
    for line in daemon.stderr:
        if f'"{event}"' in line:
            return line
    raise SystemExit(f"the daemon ended before {event}")


def table(rows: list[Row], images: int) -> str:
    """Markdown, with the ratio to decode on one core."""
    base = next(row.per_second for row in rows if row.what.startswith("decode only"))
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    lines = [
        f"Measured {datetime.now().astimezone():%Y-%m-%d}, {os.cpu_count()} cores "
        f"({platform.machine()}), "
        f"Python {platform.python_version()}, load average {load}; "
        f"{SHAPE[0]} x {SHAPE[1]} uint16 bslz4, {HIT_SHARE:.0%} hits, {images} images.",
        "",
        "| what | images/s | share of decode only | |",
        "|---|---:|---:|---|",
    ]
    lines += [
        f"| {row.what} | {row.per_second:.0f} | {row.per_second / base:.2f} | "
        f"{row.note} |"
        for row in rows
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--protocol", default="stream1", choices=sorted(PROTOCOLS))
    parser.add_argument("--send", metavar="ENDPOINT", help="be the sender")
    parser.add_argument("--write", type=Path, help="keep the table there")
    arguments = parser.parse_args()
    if arguments.send:
        send(arguments.send, arguments.protocol, arguments.images)
        return
    rows = reference_rows(make_series(100))
    for protocol in ("stream1", "stream2"):
        for workers in (1, 2):
            rows.append(end_to_end(protocol, arguments.images, workers))
    text = table(rows, arguments.images)
    print(text)
    if arguments.write:
        head = "# Benchmarks\n\n`make bench` prints this table.\n\n"
        arguments.write.write_text(head + text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
