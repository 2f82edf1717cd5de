"""Sends one image of 1.2 MB again and again, as a 4-megapixel detector would.

python -m benchmarks.wire.sender --to tcp://127.0.0.1:9999 --protocol stream2 --images 9
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.sender import SHAPE, geometry, pushing, send_images, send_results
from recorder.records import DetectorInfo, Payload
from recorder.simulate.stream.bslz4 import bslz4_chunk
from recorder.simulate.stream.messages import PROTOCOLS, Message

COUNTS = 0.6
"""Photons in a pixel: bitshuffle and LZ4 make 1.1 MB of such 4 megapixels."""

SMALL = (32, 32)
"""Pixels of images whose bytes cost nothing."""


def info(shape: tuple[int, int]) -> DetectorInfo:
    """A header with all that a classifier needs."""
    known = geometry()
    return DetectorInfo(
        shape=shape,
        dtype="uint16",
        pixel_size=known.pixel_size,
        distance=known.distance,
        beam_center=known.beam_center,
        wavelength=known.wavelength,
        saturation=65534.0,
    )


def image(shape: tuple[int, int]) -> Payload:
    """Photons of a flat background."""
    pixels = np.random.default_rng(1).poisson(COUNTS, shape).astype("<u2")
    return Payload(bslz4_chunk(pixels), "bslz4", shape, "<u2")


def send(
    endpoint: str,
    protocol: str,
    images: int,
    rate_hz: float,
    shape: tuple[int, int] = SHAPE,
) -> None:
    """The sender; 0 Hz is as fast as the daemon takes the images."""
    stream = PROTOCOLS[protocol](1, info(shape), images)
    payload = image(shape)

    def message(n: int) -> Message:
        return stream.image(n, payload, n * 10**6)

    with pushing(endpoint) as socket:
        socket.send_multipart(stream.start())
        send_images(socket, images, rate_hz, message)
        socket.send_multipart(stream.end())


def main() -> None:
    """Send one series."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", required=True)
    parser.add_argument("--protocol", required=True)
    parser.add_argument("--images", type=int, required=True)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--small", action="store_true", help="images of 0.6 kB")
    arguments = parser.parse_args()
    if arguments.protocol == "results":
        send_results(arguments.to, arguments.images, arguments.rate)
    else:
        shape = SMALL if arguments.small else SHAPE
        send(arguments.to, arguments.protocol, arguments.images, arguments.rate, shape)


if __name__ == "__main__":
    main()
