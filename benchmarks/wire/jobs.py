"""The wire alone: jobs to a free worker and back, now and as it was before.

Before: ``zmq.asyncio``, eight frames a job, each answer a message. Both are
measured in the same run, with images of 0.6 kB, so that only messages count.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import zmq
import zmq.asyncio

from benchmarks.end_to_end import ROOT
from benchmarks.wire.sender import SMALL, image
from recorder.pool.exchange import Exchange
from recorder.pool.wire import (
    STOP,
    ImageHead,
    Message,
    image_message,
    make_head,
    read_answer,
    read_head,
)
from recorder.records import WorkLevel

CREDIT = 64
"""Jobs on their way: so many that nobody waits."""


@dataclass(frozen=True)
class Wire:
    """Of one job and its answer."""

    loop_us: float
    """CPU of the event loop."""
    thread_us: float
    """CPU of the thread that owns the socket; without one 0."""
    per_second: float


async def exchange(jobs: int) -> Wire:
    """Through an exchange."""
    pixels, done = image(SMALL), asyncio.Event()
    sent, answered, peer = 0, 0, b""

    def give() -> None:
        nonlocal sent
        while sent < min(jobs, answered + CREDIT):
            sent += 1
            head = ImageHead(sent, 1, 0, WorkLevel.FULL, 0)
            wire.send([peer, *image_message(head, pixels)])

    def received(messages: list[Message]) -> None:
        nonlocal answered, peer
        for identity, head, *answers in messages:
            peer = bytes(identity)
            read_head(head)
            for answer in answers:
                read_answer(answer)
                answered += 1
        give()
        if answered == jobs:
            done.set()

    with tempfile.TemporaryDirectory() as folder:
        wire = Exchange("router", f"ipc://{folder}/wire", received)
        worker = _worker(wire.start())
        begun, used, before = time.monotonic(), time.thread_time(), _wire_us()
        await done.wait()
        loop_us = 1e6 * (time.thread_time() - used)
        seconds, thread_us = time.monotonic() - begun, _wire_us() - before
        wire.close([[peer, make_head(STOP)]])
        await wire.closed()
        worker.wait()
    return Wire(loop_us / jobs, thread_us / jobs, jobs / seconds)


def _wire_us() -> float:
    thread = next(t for t in threading.enumerate() if t.name == "wire")
    path = Path(f"/proc/self/task/{thread.native_id}/schedstat")
    return int(path.read_text().split()[0]) / 1000


async def before(jobs: int) -> Wire:
    """With ``zmq.asyncio``, as the pool did it until 2026."""
    pixels, context = image(SMALL), zmq.asyncio.Context()
    socket = context.socket(zmq.ROUTER)
    socket.sndhwm = socket.rcvhwm = 0
    free = asyncio.Semaphore(CREDIT)

    async def send(identity: bytes) -> None:
        for n in range(jobs):
            await free.acquire()
            numbers = [b"%d" % number for number in (n, 1, 0, 0, 0)]
            kind = json.dumps([pixels.encoding, pixels.shape, pixels.dtype, False])
            frames = [identity, b"image", *numbers, kind.encode(), pixels.data]
            await socket.send_multipart(frames, copy=False)

    with tempfile.TemporaryDirectory() as folder:
        socket.bind(address := f"ipc://{folder}/wire")
        worker = _worker(address, "--before")
        identity, *_ = await socket.recv_multipart()
        begun, used = time.monotonic(), time.thread_time()
        sending = asyncio.create_task(send(identity))
        for _ in range(jobs):
            await socket.recv_multipart()
            free.release()
        loop_us = 1e6 * (time.thread_time() - used)
        seconds = time.monotonic() - begun
        await sending
        await socket.send_multipart([identity, make_head(STOP)])
        worker.wait()
        context.destroy(linger=0)
    return Wire(loop_us / jobs, 0.0, jobs / seconds)


def _worker(address: str, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmarks.wire.free_worker"]
    return subprocess.Popen([*command, "--connect", address, *options], cwd=ROOT)


def measured(jobs: int, rounds: int = 3) -> dict[str, Wire]:
    """Both ways, the round with the least CPU of each."""
    found: dict[str, list[Wire]] = {"now": [], "before": []}
    for _ in range(rounds):
        found["now"].append(asyncio.run(exchange(jobs)))
        found["before"].append(asyncio.run(before(jobs)))
    return {
        name: min(wires, key=lambda one: one.loop_us) for name, wires in found.items()
    }
