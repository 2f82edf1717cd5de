"""What receiving an image costs in either protocol: from a message to a record."""

from __future__ import annotations

import time

import numpy as np
import zmq

from benchmarks.sender import SHAPE
from benchmarks.wire.sender import image, info
from benchmarks.wire.through import Copies
from recorder.config import DetectorSection
from recorder.simulate.stream.messages import PROTOCOLS
from recorder.sources.dectris.source import DectrisSource

MESSAGES, ROUNDS = 40, 8


def decoding_copies() -> dict[str, float]:
    """CPU of an image of 1.2 MB in each protocol, in copies; the median."""
    copies, payload = Copies(), image(SHAPE)
    took: dict[str, list[float]] = {"stream1": [], "stream2": []}
    for _ in range(ROUNDS):
        for protocol, each in took.items():
            stream = PROTOCOLS[protocol](1, info(SHAPE), MESSAGES)
            source = DectrisSource(DetectorSection(endpoint="tcp://127.0.0.1:1"))
            source.decode([zmq.Frame(bytes(part)) for part in stream.start()], 1)
            for n in range(MESSAGES):
                parts = stream.image(n, payload, n * 10**6)
                frames = [zmq.Frame(bytes(part)) for part in parts]
                begun = time.thread_time_ns()
                source.decode(frames, 1)
                each.append((time.thread_time_ns() - begun) / 1000)
            copies.measure()
    return {
        name: float(np.median(each)) / copies.median_us for name, each in took.items()
    }
