"""A detector whose images are their numbers: 2 kB each, paced.

python -m benchmarks.scale.sender --to tcp://127.0.0.1:9 --images 9 --rate 9 --header 9
"""

from __future__ import annotations

import argparse
import time

import zmq

from benchmarks.scale.worker import SIDE
from recorder.records import DetectorInfo, Payload
from recorder.simulate.stream.messages import PROTOCOLS

_BATCH_S = 0.004
"""Seconds of images that are sent together: a timer is not much finer."""


def send(endpoint: str, images: int, rate_hz: float, header_hz: float) -> None:
    """Send one series, and stay until the end of input.

    Args:
        endpoint: Where it listens.
        images: How many.
        rate_hz: How many a second.
        header_hz: How many the header says.
    """
    info = DetectorInfo(
        shape=(SIDE, SIDE),
        dtype="uint16",
        pixel_size=(75e-6, 75e-6),
        distance=0.1,
        beam_center=(SIDE / 2, SIDE / 2),
        wavelength=1.0,
        photon_energy=12398.4,
        saturation=65534.0,
        frame_time_s=1 / header_hz,
        exposure_time_s=0.5 / header_hz,
        flatfield_applied=True,
    )
    stream = PROTOCOLS["stream1"](1, info, images)
    context = zmq.Context()
    socket = context.socket(zmq.PUSH)
    socket.immediate = True
    socket.sndhwm = 0
    socket.bind(endpoint)
    print("ready", flush=True)
    socket.send_multipart(stream.start())
    begun = time.monotonic()
    for n in range(images):
        ahead = begun + n / rate_hz - time.monotonic()
        if ahead > _BATCH_S:
            time.sleep(ahead)
        data = n.to_bytes(8, "little") + bytes(2 * SIDE * SIDE - 8)
        payload = Payload(data, "raw", (SIDE, SIDE), "<u2")
        socket.send_multipart(stream.image(n, payload, n * 10**6))
    socket.send_multipart(stream.end())
    input()  # whoever started it has seen enough
    context.destroy(linger=0)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", required=True)
    parser.add_argument("--images", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--header", type=float, required=True)
    arguments = parser.parse_args()
    send(arguments.to, arguments.images, arguments.rate, arguments.header)


if __name__ == "__main__":
    main()
