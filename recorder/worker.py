"""One worker process: pulls images, decodes and classifies them, pushes results.

It knows nothing of its host: it is given one address to connect to.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
from collections import OrderedDict
from typing import Any

import zmq
from numpy.typing import NDArray

from recorder.errors import ImageError
from recorder.records import Classification, ClassifierSetup, Payload
from recorder.sources.encodings import decode
from recorder.ssx.classify import Classifier
from recorder.wire import (
    pack_result,
    unpack_payload,
    unpack_setup,
)

KEPT_SETUPS = 4
READY, DONE, FAILED, SETUP, IMAGE, STOP = (
    b"ready", b"done", b"failed", b"setup", b"image", b"stop",
)  # fmt: skip


class Engine:
    """Decodes into a kept buffer and classifies; one for each worker."""

    def __init__(self) -> None:
        self._classifiers: OrderedDict[int, Classifier] = OrderedDict()
        self._buffers: dict[int, Any] = {}

    def prepare(self, number: int, setup: ClassifierSetup) -> None:
        """Make the classifier of a setup before its first image."""
        self._classifiers[number] = Classifier(setup)
        self._buffers.pop(number, None)
        while len(self._classifiers) > KEPT_SETUPS:
            old, _ = self._classifiers.popitem(last=False)
            self._buffers.pop(old, None)

    def knows(self, number: int) -> bool:
        """Whether a setup was prepared (and is still kept)."""
        return number in self._classifiers

    def classify(self, number: int, payload: Payload) -> Classification:
        """Decode and classify one image.

        Raises:
            ImageError: The pixels cannot be had.
        """
        pixels: NDArray[Any] = decode(payload, self._buffers.get(number))
        self._buffers[number] = pixels
        return self._classifiers[number].classify(pixels)


def keep_memory() -> bool:
    """Tell glibc to keep freed pages: page faults cost decoding a factor of 3.

    Returns:
        Whether the allocator has these settings.
    """
    try:
        libc = ctypes.CDLL(None)
        threshold, trim = -3, -1  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD
        return bool(libc.mallopt(threshold, 1 << 30) and libc.mallopt(trim, 1 << 30))
    except (OSError, AttributeError):
        return False


def serve(address: str) -> None:
    """Work until told to stop."""
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.linger = 0
    socket.connect(address)
    engine = Engine()
    socket.send_multipart([READY, str(os.getpid()).encode()])
    while True:
        if not socket.poll(5000):
            if os.getppid() == 1:  # the daemon is gone: nobody waits for results
                break
            continue
        parts = socket.recv_multipart()
        if parts[0] == STOP:
            break
        if parts[0] == SETUP:
            engine.prepare(int(parts[1]), unpack_setup(parts[2:]))
        elif parts[0] == IMAGE:
            socket.send_multipart(_answer(engine, parts))
    context.destroy()


def _answer(engine: Engine, parts: list[bytes]) -> list[bytes]:
    token, number = parts[1], int(parts[2])
    try:
        payload = unpack_payload(parts[3], parts[4])
        return [DONE, token, pack_result(engine.classify(number, payload))]
    except ImageError as error:
        return [FAILED, token, error.reason.encode(), str(error).encode()]


def main() -> None:
    """Entry point of the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connect", required=True, help="address of the pool")
    arguments = parser.parse_args()
    # Ctrl-C is for the daemon, which tells us to stop when the images are done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_memory()
    serve(arguments.connect)


if __name__ == "__main__":
    main()
