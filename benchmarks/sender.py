"""The sender of the benchmarks, in a process of its own.

python -m benchmarks.sender --to tcp://127.0.0.1:9999 --protocol stream1 --images 400
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cbor2
import zmq

from recorder.records import Geometry
from recorder.simulate.stills.render import StillSettings, default_geometry
from recorder.simulate.stream.messages import PROTOCOLS, Message
from recorder.simulate.stream.series import Series, synthetic_series

SHAPE = (2162, 2068)
HIT_SHARE = 0.2
SEED = 4


def make_series(images: int) -> Series:
    """A 4-megapixel detector; the same stills in every process."""
    settings = StillSettings(geometry=geometry(), hit_share=HIT_SHARE)
    return synthetic_series(images, SEED, pool=40, settings=settings)


def geometry() -> Geometry:
    """Of a 4-megapixel detector."""
    square = default_geometry(SHAPE[1])
    return Geometry(
        SHAPE, square.pixel_size, square.distance, square.beam_center, square.wavelength
    )


def send(endpoint: str, protocol: str, images: int, rate_hz: float = 0.0) -> None:
    """The sender; 0 Hz is as fast as the daemon takes the images."""
    series = make_series(images)
    stream = PROTOCOLS[protocol](1, series.info, images, mask=series.mask)

    def image(n: int) -> Message:
        return stream.image(n, series.frame(n).payload, n * 10**7)

    with pushing(endpoint) as socket:
        socket.send_multipart(stream.start())
        send_images(socket, images, rate_hz, image)
        socket.send_multipart(stream.end())


@contextmanager
def pushing(endpoint: str) -> Iterator[zmq.Socket[bytes]]:
    """A socket as a detector's, that says when it listens; all is sent at its end."""
    context = zmq.Context()
    socket = context.socket(zmq.PUSH)
    socket.immediate = True
    socket.bind(endpoint)
    print("ready", flush=True)
    yield socket
    socket.close()
    context.term()


def send_images(
    socket: zmq.Socket[bytes],
    images: int,
    rate_hz: float,
    image: Callable[[int], Message],
) -> None:
    """Send images, each when it is time for it; 0 Hz is as fast as they are taken."""
    begun = time.monotonic()
    for n in range(images):
        wait_for_image(begun, n, rate_hz)
        socket.send_multipart(image(n), copy=False)


def send_results(endpoint: str, images: int, rate_hz: float = 0.0) -> None:
    """The sender of images that need no pixels: their classes come with them.

    Args:
        endpoint: Where it listens.
        images: How many.
        rate_hz: How many a second; 0: as fast as they are taken.
    """
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
    with pushing(endpoint) as socket:
        socket.send(cbor2.dumps(start))
        begun = time.monotonic()
        for n, message in enumerate(messages):
            wait_for_image(begun, n, rate_hz)
            socket.send(message)  # copied: it is small
        socket.send(cbor2.dumps({"type": "end", **series}))


def wait_for_image(begun: float, n: int, rate_hz: float) -> None:
    """Until it is time for image n."""
    if rate_hz and (ahead := begun + n / rate_hz - time.monotonic()) > 0:
        time.sleep(ahead)


def main() -> None:
    """Send one series."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", required=True, metavar="ENDPOINT")
    parser.add_argument("--protocol", default="stream1")
    parser.add_argument("--images", type=int, required=True)
    parser.add_argument(
        "--rate", type=float, default=0.0, help="Hz; 0: as fast as taken"
    )
    arguments = parser.parse_args()
    if arguments.protocol == "results":
        send_results(arguments.to, arguments.images, arguments.rate)
    else:
        send(arguments.to, arguments.protocol, arguments.images, arguments.rate)


if __name__ == "__main__":
    main()
