"""Workers that sleep instead of working, several in one process.

They speak the real wire: what they are sent, in which order, and what they answer is as
of real ones. ``recorder.pool.processes`` starts this module in place of its own.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import zmq

from benchmarks.scale.stamps import Stamps
from recorder.pool.wire import (
    ANSWERS_HEAD,
    DONE,
    IMAGE,
    LEARNED,
    LESSON,
    READY,
    STOP,
    Message,
    kind_of,
    make_head,
    pack_answer,
    pack_learned,
    pack_result,
    pack_shown,
    read_head,
    read_image,
    token_of,
)
from recorder.records import Classification, ImageClass, Lattice, Learned
from recorder.records.learning import LearnedBackground
from recorder.records.pictures import NOTHING_SHOWN

ORDERS = "RECORDER_SCALE"
"""Environment variable with :class:`Orders` as JSON."""
SIDE = 32
"""Pixels of an image each way: 2 kB, of which the first 8 bytes are its number."""
HIT_EVERY = 5
"""Every fifth image is a hit: 20 %."""
LESSON_ID = -1
"""Stands for the number of an image where there is none."""
_LOST_S = 5.0
"""Seconds without work after which the daemon is looked for."""


@dataclass(frozen=True)
class Orders:
    """What the workers of a process are."""

    folder: str
    workers: int
    image_s: float
    lesson_s: float
    take_s: float

    def to_environment(self) -> dict[str, str]:
        """For the process, and what starts it."""
        return {ORDERS: json.dumps(self.__dict__)}


_LATTICE = Lattice((79.0, 79.0, 38.0, 90.0, 90.0, 90.0), (1.0,) * 9, 40, -60.0, 0.001)
_HIT = Classification(
    ImageClass.INDEXED,
    60,
    lattices=(_LATTICE,),
    positions=np.full((60, 2), 7, np.float32),
)
_BLANK = Classification(ImageClass.NON_HIT, 2)


class _Worker:
    """One of them: does its jobs one after the other."""

    def __init__(self, orders: Orders, address: str) -> None:
        self._orders = orders
        self._free = 0.0
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
        self.socket = context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(address)
        self.socket.send(make_head(READY, os.getpid()))

    def take(self, parts: Message, stamps: Stamps) -> tuple[float, int, bytes] | None:
        """When a job will be done, which image it is, and the answer; None: no job."""
        now = time.monotonic()
        self._free = max(self._free, now)
        kind, orders = kind_of(parts[0]), self._orders
        if kind == LEARNED:
            self._free += orders.take_s
        if kind not in (IMAGE, LESSON):
            return None
        if kind == IMAGE:
            head, payload = read_image(parts)
            image = int.from_bytes(payload.data[:8], "little")
            kind_of_image = _BLANK if image % HIT_EVERY else _HIT
            found = replace(kind_of_image, learned=head.learned)
            stamps.came(now, image)
            frames = [*pack_result(found), *pack_shown(NOTHING_SHOWN)]
            self._free += orders.image_s
        else:
            image, number = LESSON_ID, read_head(parts[0]).number
            frames = pack_learned(_learned(number))
            self._free += orders.lesson_s
        answer = pack_answer(DONE, token_of(parts[0]), frames)
        return self._free, image, answer


def _learned(number: int) -> Learned:
    grid = np.ones((SIDE // 8, SIDE // 8), np.float32)
    bad = np.zeros((SIDE, SIDE), np.bool_)
    return Learned(number, LearnedBackground(grid, bad, 1.0))


def serve(address: str, orders: Orders) -> None:
    """Work until told to stop, or until the daemon is gone."""
    stamps, parent = Stamps(Path(orders.folder)), os.getppid()
    poller = zmq.Poller()
    workers: dict[zmq.Socket[bytes], _Worker] = {}
    for _ in range(orders.workers):
        worker = _Worker(orders, address)
        workers[worker.socket] = worker
        poller.register(worker.socket, zmq.POLLIN)
    waiting: list[tuple[float, int, int, bytes, zmq.Socket[bytes]]] = []
    count = 0
    while os.getppid() == parent:
        until = waiting[0][0] - time.monotonic() if waiting else _LOST_S
        for socket, _ in poller.poll(max(0, round(1000 * until))):
            parts = socket.recv_multipart()
            if kind_of(parts[0]) == STOP:
                return
            job = workers[socket].take(parts, stamps)
            if job is not None:
                count += 1
                heapq.heappush(waiting, (job[0], count, *job[1:], socket))
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, image, answer, socket = heapq.heappop(waiting)
            if image != LESSON_ID:
                stamps.done(time.monotonic(), image)
            socket.send_multipart([ANSWERS_HEAD, answer])


def main() -> None:
    """Entry point of the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connect", required=True)
    arguments, _ = parser.parse_known_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    serve(arguments.connect, Orders(**json.loads(os.environ[ORDERS])))


if __name__ == "__main__":
    main()
