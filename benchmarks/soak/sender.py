"""A detector in a process of its own, as fast as asked or as fast as it is let.

    python -m benchmarks.soak.sender tcp://127.0.0.1:9999 --images 1000 --rate 600

It says ``ready`` once it listens and has its images, begins when a line comes on stdin,
and ends with one line of JSON: what it delivered. A rate of 0 waits for the receiver;
otherwise an image that finds the queue full is dropped, as a detector's buffer does.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass

import zmq

from recorder.records import Json
from recorder.simulate.stills.render import StillSettings, default_geometry
from recorder.simulate.stream.messages import PROTOCOLS
from recorder.simulate.stream.series import Series, synthetic_series, with_frame_time

PIXELS = 1024
STILLS = 40
SEED = 7
HIT_SHARE, MULTI_SHARE = 0.8, 0.8
"""Most images have several lattices: indexing costs as much as it can."""
QUEUE = 200
"""Images that the detector keeps while nobody takes them."""
START_NS = 143_051_295_370
"""Of the first image, on the detector's own clock."""
CONNECT_S = 30.0


@dataclass(frozen=True, slots=True)
class Order:
    """What to send."""

    endpoint: str
    images: int
    rate_hz: float
    """0: as fast as it is taken."""
    period_s: float
    """Between the start times of two images, whatever the rate."""


def make_series() -> Series:
    """Stills of many lattices; the same ones in every process."""
    stills = StillSettings(
        geometry=default_geometry(PIXELS), hit_share=HIT_SHARE, multi_share=MULTI_SHARE
    )
    return synthetic_series(1000, SEED, pool=STILLS, settings=stills)


def start_ns(image_id: int, period_s: float) -> int:
    """Start time of an image."""
    return START_NS + round(image_id * period_s * 1e9)


def send(order: Order) -> Json:
    """Send one series; the counts that are true of it.

    Raises:
        zmq.Again: Nobody connected.
    """
    series = with_frame_time(make_series(), order.period_s)
    stream = PROTOCOLS["stream1"](1, series.info, order.images, mask=series.mask)
    context = zmq.Context()
    socket = context.socket(zmq.PUSH)
    socket.immediate = True
    socket.sndhwm = QUEUE
    socket.linger = 60_000
    socket.sndtimeo = round(CONNECT_S * 1000)
    socket.bind(order.endpoint)
    print("ready", flush=True)
    sys.stdin.readline()
    socket.send_multipart(stream.start())
    counts: Counter[str] = Counter()
    begun = time.monotonic()
    for n in range(order.images):
        if order.rate_hz:
            ahead = begun + n / order.rate_hz - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
        frame = series.frame(n)
        message = stream.image(n, frame.payload, start_ns(n, order.period_s))
        try:
            flags = zmq.NOBLOCK if order.rate_hz else 0
            socket.send_multipart(message, flags, copy=False)
        except zmq.Again:
            counts["dropped"] += 1
            continue
        counts["delivered"] += 1
        counts["light" if n % 2 == 0 else "dark"] += 1
        counts["hits" if frame.kind in ("hit", "multi") else "non_hits"] += 1
    seconds = time.monotonic() - begun
    socket.send_multipart(stream.end())
    socket.close()
    context.term()
    message_bytes = max(len(frame.payload.data) for frame in series.frames)
    return {**counts, "seconds": seconds, "message_mb": message_bytes / 2**20}


def main() -> None:
    """Entry point of the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("endpoint")
    parser.add_argument("--images", type=int, required=True)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--period", type=float, default=0.01)
    given = parser.parse_args()
    done = send(Order(given.endpoint, given.images, given.rate, given.period))
    print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main()
