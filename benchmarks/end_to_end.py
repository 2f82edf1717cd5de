"""Milliseconds of an image, and images per second from ZeroMQ into the journal.

A 4-megapixel uint16 stream at 20 % hits, sent by a process of its own on the same
cores, received and classified by a real daemon. Everything is measured in one run, so
that the ratios hold on a loaded machine, too.

    make bench                     # prints the tables
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
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import cbor2
import zmq

from benchmarks.per_image import per_image_lines
from recorder.journal import Journal
from recorder.records import Geometry
from recorder.simulate.stills.render import StillSettings, default_geometry
from recorder.simulate.stream.broker import free_port
from recorder.simulate.stream.messages import PROTOCOLS
from recorder.simulate.stream.series import Series, synthetic_series

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
    return synthetic_series(images, SEED, pool=40, settings=settings)


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
[classify]
upstream = "{upstream}"
"""


def end_to_end(protocol: str, images: int, workers: int) -> Row:
    """One series through a real daemon; images per second until all are journalled."""
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
            [sys.executable, "-m", "recorder", "run", "-c", str(config)],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for(daemon, "worker_ready")
        sender = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "benchmarks.end_to_end",
                "--send",
                endpoint,
                "--protocol",
                protocol,
                "--images",
                str(images),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
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
    if protocol == "results":
        what = "bookkeeping: ZMQ to journal, classes sent with the images"
        return Row(what, images / seconds, "goal 3000")
    what = f"ZMQ to journal, {protocol}, 4 Mpx, {workers} worker{'s' * (workers > 1)}"
    return Row(what, images / seconds, "20 % hits, sender on the same cores; goal 200")


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


def send_results(endpoint: str, images: int) -> None:
    """The sender of images that need no pixels: their classes come with them."""
    series = {"series_id": 1, "series_unique_id": "b"}
    start = {
        "type": "start",
        **series,
        "number_of_images": images,
        "image_size_x": 8,
        "image_size_y": 8,
    }
    pixels = cbor2.CBORTag(40, [[8, 8], cbor2.CBORTag(69, bytes(128))])
    body = {
        "type": "image",
        **series,
        "data": {"default": pixels},
        "spot_count": 12,
        "indexing_result": False,
    }
    messages = [
        cbor2.dumps({**body, "image_id": n, "start_time": [n, 1000]})
        for n in range(images)
    ]
    context = zmq.Context()
    socket = context.socket(zmq.PUSH)
    socket.immediate = True
    socket.bind(endpoint)
    print("ready", flush=True)
    socket.send(cbor2.dumps(start))
    for message in messages:
        socket.send(message)
    socket.send(cbor2.dumps({"type": "end", **series}))
    socket.close()
    context.term()


def end_to_end_rows(images: int) -> list[Row]:
    """Whole images through both protocols, and bookkeeping alone."""
    rows = [
        end_to_end(protocol, images, workers)
        for protocol in ("stream1", "stream2")
        for workers in (1, 2)
    ]
    return [*rows, end_to_end("results", 40 * images, 1)]


def main() -> None:
    """Print and keep all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=800)
    parser.add_argument("--protocol", default="stream1")
    parser.add_argument("--send", metavar="ENDPOINT", help="be the sender")
    parser.add_argument("--write", type=Path, help="keep the tables there")
    arguments = parser.parse_args()
    if arguments.send and arguments.protocol == "results":
        send_results(arguments.send, arguments.images)
        return
    if arguments.send:
        send(arguments.send, arguments.protocol, arguments.images)
        return
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    lines = [
        "# Benchmarks",
        "",
        "`make bench` prints this page.",
        "",
        f"Measured {datetime.now().astimezone():%Y-%m-%d}, {os.cpu_count()} cores "
        f"({platform.machine()}), Python {platform.python_version()}, load average "
        f"{load} at the start. uint16, bitshuffle + LZ4, 0.6 photons/px, at least 30 "
        "strong spots in a hit; indexed, further lattices looked for.",
        "",
        "## One image on one core",
        "",
        *per_image_lines(),
        "",
        "## Through the daemon",
        "",
        *table(end_to_end_rows(arguments.images)),
    ]
    text = "\n".join(lines)
    print(text)
    if arguments.write:
        arguments.write.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
