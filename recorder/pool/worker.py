"""One worker process: pulls images, decodes and classifies them, pushes results.

It knows nothing of its host: it is given one address to connect to.
"""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

import numpy as np
import zmq
from numpy.typing import NDArray

from recorder.errors import ImageError, UnsupportedImageError
from recorder.pool.pictures import Artist
from recorder.pool.wire import (
    ANSWERS_HEAD,
    DONE,
    FORGET,
    IMAGE,
    LEARNED,
    LESSON,
    READY,
    SETUP,
    STOP,
    Frame,
    failed_answer,
    kind_of,
    make_head,
    pack_answer,
    pack_learned,
    pack_result,
    pack_shown,
    read_head,
    read_image,
    token_of,
    unpack_learned,
    unpack_lesson,
    unpack_setup,
)
from recorder.records import (
    Classification,
    ClassifierSetup,
    Learned,
    Lesson,
    Payload,
    Unprocessed,
    WorkLevel,
)
from recorder.records.pictures import NOTHING_SHOWN, Shown, Wish
from recorder.runtime.boundary import boundary
from recorder.runtime.log import configure
from recorder.runtime.memory import give_back_memory, keep_memory
from recorder.sources.pixels import decode
from recorder.sources.stored_chunks import StoredChunks
from recorder.ssx.classification.classifier import Classifier
from recorder.ssx.learning.lattice import When

LOOK_MS = 5000
"""Milliseconds without work after which a worker looks whether the daemon is still
there. Chosen, not tuned."""
NOT_PREPARED = (
    "no classifier could be made for this run; see step_failed in the log, and look at "
    "its geometry, cell and mask"
)
UNFORESEEN = "the classifier failed on this image; see step_failed in the log"


@dataclass(eq=False)
class _Series:
    """What is kept for one setup."""

    classifier: Classifier
    artist: Artist
    buffer: NDArray[Any]
    """Of the setup's shape and type: an image of another kind does not decode."""
    learned: Learned = field(default_factory=lambda: Learned(0))


class _Decoded(Sequence[NDArray[Any]]):
    """Images that are decoded when they are asked for: mostly few of them are."""

    def __init__(self, payloads: Sequence[Payload], files: StoredChunks) -> None:
        self._payloads, self._files = payloads, files

    def __len__(self) -> int:
        return len(self._payloads)

    @overload
    def __getitem__(self, place: int) -> NDArray[Any]: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[NDArray[Any]]: ...
    def __getitem__(self, place: int | slice) -> NDArray[Any] | Sequence[NDArray[Any]]:
        if isinstance(place, slice):
            return _Decoded(self._payloads[place], self._files)
        return decode(self._files.whole(self._payloads[place]))


class Classifiers:
    """One for each setup: decodes into a kept buffer and classifies.

    Args:
        readable: Folders with files in which images may lie.
    """

    def __init__(self, readable: Iterable[Path] = ()) -> None:
        self._files = StoredChunks(readable)
        self._series: dict[int, _Series] = {}

    def prepare(self, number: int, setup: ClassifierSetup) -> None:
        """Make the classifier of a setup before its first image."""
        buffer = np.empty(setup.shape, np.dtype(setup.dtype).newbyteorder("="))
        classifier = Classifier(setup)
        artist = Artist(setup, classifier)
        self._series[number] = _Series(classifier, artist, buffer)

    def forget(self, number: int) -> None:
        """Drop a setup and what its run has taught."""
        self._series.pop(number, None)

    def take(self, number: int, learned: Learned) -> None:
        """Take over what the run of a setup has taught."""
        series = self._of(number)
        series.classifier.take(learned)
        series.learned = learned

    def classify(
        self,
        number: int,
        payload: Payload,
        learned: int,
        effort: WorkLevel,
        wish: int = Wish.NOTHING,
    ) -> tuple[Classification, Shown]:
        """Decode and classify one image.

        Returns:
            Its class, and what else was wanted; nothing of it if that fails.

        Raises:
            ImageError: The pixels cannot be had, or are not what was prepared for.
        """
        series = self._of(number)
        decode(self._files.whole(payload), series.buffer)
        look = series.classifier.look(series.buffer, learned, effort)
        shown = NOTHING_SHOWN
        if wish:
            with boundary("draw a picture of an image"):
                shown = series.artist.show(look, wish)
        return look.classification, shown

    def learn(self, number: int, lesson: Lesson) -> Learned:
        """Learn from images of a run, starting from what was taken over last.

        Raises:
            ImageError: The pixels of an image cannot be had.
        """
        series = self._of(number)
        return series.classifier.learn(
            lesson.number,
            series.learned,
            _Decoded(lesson.images, self._files),
            lesson.non_hits,
            lesson.hits,
            When(lesson.hit_ids, lesson.used_at, lesson.last)
            if lesson.hit_ids
            else None,
        )

    def _of(self, number: int) -> _Series:
        series = self._series.get(number)
        if series is None:
            raise UnsupportedImageError(NOT_PREPARED)
        return series


def serve(address: str, parent: int, readable: Iterable[Path] = ()) -> None:
    """Work until told to stop, or until the daemon is gone.

    Args:
        address: Of the pool.
        parent: Process id of the daemon.
        readable: Folders with files in which images may lie.
    """
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.linger = 0
    socket.connect(address)
    classifiers = Classifiers(readable)
    socket.send(make_head(READY, os.getpid()))
    while True:
        # The daemon may be process 1, of a container: what counts is that it changes.
        if not socket.poll(LOOK_MS):
            if os.getppid() != parent:  # nobody waits for results
                break
            continue
        # the pixels stay where ZeroMQ put them
        head, *blobs = socket.recv_multipart(copy=False)
        parts: list[Frame] = [head.bytes, *(blob.buffer for blob in blobs)]
        kind = kind_of(parts[0])
        if kind == STOP:
            break
        if kind in (IMAGE, LESSON):
            # Each answer at once: it says which job the next one is, and so which one
            # a worker died of.
            socket.send_multipart([ANSWERS_HEAD, _answer(classifiers, parts)])
        else:
            # what fails here is told with each image that needs it
            with boundary("prepare to classify"):
                _brief(classifiers, parts)
        del parts, head, blobs
        if kind != IMAGE:  # rare, and needs 5 to 10 times as much as an image
            give_back_memory()
    context.destroy()


def _brief(classifiers: Classifiers, parts: list[Frame]) -> None:
    """What is to be known of a setup."""
    head = read_head(parts[0])
    if head.kind == FORGET:
        classifiers.forget(head.setup)
    elif head.kind == SETUP:
        classifiers.prepare(head.setup, unpack_setup(parts[1:]))
    elif head.kind == LEARNED:
        classifiers.take(head.setup, unpack_learned(parts[1:]))


def _answer(classifiers: Classifiers, parts: list[Frame]) -> bytes:
    """To an image or a lesson: whatever happens, what became of it."""
    token = token_of(parts[0])
    answer = failed_answer(token, Unprocessed.WORKER_LOST, UNFORESEEN)
    try:
        with boundary("classify an image", (ImageError,)):
            answer = pack_answer(DONE, token, _done(classifiers, parts))
    except ImageError as error:
        answer = failed_answer(token, Unprocessed(error.reason), str(error))
    return answer


def _done(classifiers: Classifiers, parts: list[Frame]) -> list[Frame]:
    """What a job was to find."""
    if kind_of(parts[0]) == LESSON:
        setup = read_head(parts[0]).setup
        return pack_learned(classifiers.learn(setup, unpack_lesson(parts[1:])))
    head, payload = read_image(parts)
    result, shown = classifiers.classify(
        head.setup, payload, head.learned, head.effort, head.wish
    )
    return [*pack_result(result), *pack_shown(shown)]


def main() -> None:
    """Entry point of the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connect", required=True, help="address of the pool")
    parser.add_argument("--parent", type=int, help="process id of the daemon")
    parser.add_argument("--read", action="append", default=[], help="readable folder")
    parser.add_argument("--level", default="info", help="least level of log lines")
    parser.add_argument("--format", default="auto", help="format of log lines")
    arguments = parser.parse_args()
    # Ctrl-C, and systemd's SIGTERM to all, are for the daemon, which tells us to stop
    # when the images are done.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    configure(arguments.level, arguments.format)
    keep_memory(arenas=1)
    parent = os.getppid() if arguments.parent is None else arguments.parent
    serve(arguments.connect, parent, map(Path, arguments.read))


if __name__ == "__main__":
    main()
