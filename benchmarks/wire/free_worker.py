"""A worker that answers at once with results as real ones are: one of five is a hit."""

from __future__ import annotations

import argparse
import os

import numpy as np
import zmq

from recorder.pool.wire import (
    ANSWERS_HEAD,
    DONE,
    IMAGE,
    LESSON,
    READY,
    STOP,
    kind_of,
    make_head,
    pack_answer,
    pack_learned,
    pack_result,
    read_head,
)
from recorder.records import Classification, ImageClass, Lattice, Learned

SPOTS = 60
"""Of a hit."""


def results() -> list[list[bytes | memoryview]]:
    """Frames of a hit that is indexed, and of four that are none."""
    rng = np.random.default_rng(3)
    lattice = Lattice(
        (79.11, 79.09, 38.22, 90.01, 89.98, 90.0),
        tuple(rng.normal(0, 50, 9).round(4).tolist()),
        45,
        -31.5,
        0.0008,
    )
    hit = Classification(
        ImageClass.INDEXED,
        SPOTS,
        (lattice,),
        1.93,
        0.612,
        saturated_pixels=2,
        positions=rng.uniform(0, 2000, (SPOTS, 2)).astype(np.float32),
    )
    miss = Classification(ImageClass.NON_HIT, 3, (), None, 0.598)
    return [pack_result(hit), *[pack_result(miss)] * 4]


def serve(address: str) -> None:
    """Answer until told to stop, or until the daemon is gone."""
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.linger = 0
    socket.connect(address)
    socket.send(make_head(READY, os.getpid()))
    made, done, parent = results(), 0, os.getppid()
    while os.getppid() == parent:
        if not socket.poll(1000):
            continue
        head, *_ = socket.recv_multipart(copy=False)
        kind = kind_of(head.bytes)
        if kind == STOP:
            break
        if kind == IMAGE:
            frames = made[done % len(made)]
            done += 1
        elif kind == LESSON:
            frames = pack_learned(Learned(read_head(head.bytes).number))
        else:
            continue
        answer = pack_answer(DONE, read_head(head.bytes).token, frames)
        socket.send_multipart([ANSWERS_HEAD, answer])
    context.destroy()


def serve_as_before(address: str) -> None:
    """The same in the messages of before, for images alone."""
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.linger = 0
    socket.connect(address)
    socket.send_multipart([b"ready", b"%d" % os.getpid()])
    made, done, parent = results(), 0, os.getppid()
    while os.getppid() == parent:
        if not socket.poll(1000):
            continue
        kind, *rest = socket.recv_multipart(copy=False)
        if kind.bytes != b"image":
            break
        frames = made[done % len(made)]
        done += 1
        socket.send_multipart([b"done", rest[0].bytes, *frames])
    context.destroy()


def main() -> None:
    """Entry point of the process; most of its arguments are those of a real worker."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connect", required=True)
    parser.add_argument("--before", action="store_true")
    arguments = parser.parse_known_args()[0]
    (serve_as_before if arguments.before else serve)(arguments.connect)


if __name__ == "__main__":
    main()
