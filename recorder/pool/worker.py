"""One worker process: pulls images, decodes and classifies them, pushes results.

It knows nothing of its host: it is given one address to connect to.
"""

from __future__ import annotations

import argparse
import os
import signal
from dataclasses import dataclass, field
from typing import Any

import zmq
from numpy.typing import NDArray

from recorder.errors import ImageError
from recorder.pool.wire import (
    Frame,
    pack_learned,
    pack_result,
    unpack_learned,
    unpack_lesson,
    unpack_payload,
    unpack_setup,
)
from recorder.records import (
    Classification,
    ClassifierSetup,
    Learned,
    Lesson,
    Payload,
    WorkLevel,
)
from recorder.runtime.memory import give_back_memory, keep_memory
from recorder.sources.pixels import decode
from recorder.ssx.classification.classifier import Classifier

READY, DONE, FAILED, STOP = b"ready", b"done", b"failed", b"stop"
SETUP, FORGET, LEARNED = b"setup", b"forget", b"learned"
IMAGE, LESSON = b"image", b"lesson"


@dataclass(eq=False)
class _Series:
    """What is kept for one setup."""

    classifier: Classifier
    buffer: NDArray[Any] | None = None
    learned: Learned = field(default_factory=lambda: Learned(0))


class Classifiers:
    """One for each setup: decodes into a kept buffer and classifies."""

    def __init__(self) -> None:
        self._series: dict[int, _Series] = {}

    def prepare(self, number: int, setup: ClassifierSetup) -> None:
        """Make the classifier of a setup before its first image."""
        self._series[number] = _Series(Classifier(setup))

    def forget(self, number: int) -> None:
        """Drop a setup and what its run has taught."""
        del self._series[number]

    def take(self, number: int, learned: Learned) -> None:
        """Take over what the run of a setup has taught."""
        series = self._series[number]
        series.classifier.take(learned)
        series.learned = learned

    def classify(
        self, number: int, payload: Payload, learned: int, effort: WorkLevel
    ) -> Classification:
        """Decode and classify one image.

        Raises:
            ImageError: The pixels cannot be had.
        """
        series = self._series[number]
        series.buffer = decode(payload, series.buffer)
        return series.classifier.classify(series.buffer, learned, effort)

    def learn(self, number: int, lesson: Lesson) -> Learned:
        """Learn from images of a run, starting from what was taken over last.

        Raises:
            ImageError: The pixels of an image cannot be had.
        """
        series = self._series[number]
        return series.classifier.learn(
            lesson.number,
            series.learned,
            [decode(payload) for payload in lesson.images],
            lesson.non_hits,
            lesson.hits,
        )


def serve(address: str) -> None:
    """Work until told to stop."""
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.linger = 0
    socket.connect(address)
    classifiers = Classifiers()
    socket.send_multipart([READY, str(os.getpid()).encode()])
    while True:
        if not socket.poll(5000):
            if os.getppid() == 1:  # the daemon is gone: nobody waits for results
                break
            continue
        parts = socket.recv_multipart()
        kind = parts[0]
        if kind == STOP:
            break
        if kind == FORGET:
            classifiers.forget(int(parts[1]))
        elif kind == SETUP:
            classifiers.prepare(int(parts[1]), unpack_setup(parts[2:]))
        elif kind == LEARNED:
            classifiers.take(int(parts[1]), unpack_learned(parts[2:]))
        else:
            socket.send_multipart(_answer(classifiers, parts))
        del parts
        if kind != IMAGE:  # rare, and needs 5 to 10 times as much as an image
            give_back_memory()
    context.destroy()


def _answer(classifiers: Classifiers, parts: list[bytes]) -> list[Frame]:
    """To an image: kind, token, setup, learned, effort, payload; or to a lesson."""
    kind, token, setup = parts[0], parts[1], int(parts[2])
    try:
        if kind == LESSON:
            taught = classifiers.learn(setup, unpack_lesson(parts[3:]))
            return [DONE, token, *pack_learned(taught)]
        learned, effort = int(parts[3]), WorkLevel(int(parts[4]))
        payload = unpack_payload(parts[5], parts[6])
        result = classifiers.classify(setup, payload, learned, effort)
        return [DONE, token, *pack_result(result)]
    except ImageError as error:
        return [FAILED, token, error.reason.encode(), str(error).encode()]


def main() -> None:
    """Entry point of the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connect", required=True, help="address of the pool")
    arguments = parser.parse_args()
    # Ctrl-C is for the daemon, which tells us to stop when the images are done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_memory(arenas=1)
    serve(arguments.connect)


if __name__ == "__main__":
    main()
