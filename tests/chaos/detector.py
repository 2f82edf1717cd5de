"""A simulated beamline that outlives what is done to its neighbours.

The detector drops images that nobody takes, as real ones do when their buffer is full;
the timing system keeps its messages until the broker has them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from pathlib import Path
from typing import Any

import aiomqtt

from recorder.config import Settings
from recorder.records import Json
from recorder.runtime.mqtt import Client
from recorder.simulate.stream.connections import detector_socket
from recorder.simulate.stream.experiment import Simulator
from recorder.simulate.stream.messages import Message
from recorder.simulate.stream.series import Series
from recorder.simulate.stream.simulated_run import SimulatedRun

RETRY_S = 0.2
DELIVERY_S = 120.0


class PatientBroker:
    """Publishes in order, again and again until the broker has confirmed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._waiting: deque[tuple[str, str]] = deque()
        self._news = asyncio.Event()
        self._empty = asyncio.Event()

    async def publish(self, topic: str, payload: str, qos: int = 1) -> None:
        """Take a message."""
        self._waiting.append((topic, payload))
        self._empty.clear()
        self._news.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            with contextlib.suppress(aiomqtt.MqttError):
                async with Client(self._settings.mqtt, "chaos-timing") as broker:
                    await self._deliver(broker)
            await asyncio.sleep(RETRY_S)

    async def _deliver(self, broker: aiomqtt.Client) -> None:
        while True:
            while self._waiting:
                topic, payload = self._waiting[0]
                await broker.publish(topic, payload, qos=1)
                self._waiting.popleft()
            self._empty.set()
            self._news.clear()
            await self._news.wait()

    async def delivered(self) -> None:
        """Wait until the broker has everything.

        Raises:
            TimeoutError: It does not come back.
        """
        async with asyncio.timeout(DELIVERY_S):
            while self._waiting:
                await self._empty.wait()


class ForgetfulDetector(Simulator):
    """Drops images that nobody takes at once, and knows when it sent the others.

    Args:
        arguments: As of a simulator.
        status: How the end of its runs is announced.
        options: As of a simulator.
    """

    def __init__(self, *arguments: Any, status: str, **options: Any) -> None:
        super().__init__(*arguments, patience_s=0.0, **options)
        self._status = status
        self.sent: dict[int, float] = {}
        """Monotonic time at which each image was handed over, by image_id."""

    def _ending(self, uid: str, truth: list[Json]) -> Json:
        return {
            **super()._ending(uid, truth),
            "status": self._status,
            "reason": "" if self._status == "success" else "no beam",
        }

    async def _offer(self, message: Message, entry: Json) -> bool:
        taken = await super()._offer(message, entry)
        if taken:
            self.sent.setdefault(entry["image_id"], time.monotonic())
        return taken


async def play(
    settings: Settings, endpoint: str, run: SimulatedRun, series: Series, status: str
) -> tuple[str, list[Json], dict[int, float]]:
    """Play a run: its uid, the truth of each trigger, and when images were sent."""
    broker = PatientBroker(settings)
    delivering = asyncio.create_task(broker.run())
    truth_file = run.truth
    assert truth_file is not None
    try:
        async with detector_socket(endpoint) as socket:
            detector = ForgetfulDetector(
                settings,
                socket,
                broker,
                status=status,
                connect_timeout_s=DELIVERY_S,
            )
            counts = await detector.simulate(run, series)
        await broker.delivered()
    finally:
        delivering.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await delivering
    return counts["uid"], read_truth(truth_file), detector.sent


def read_truth(path: Path) -> list[Json]:
    """The lines of a truth file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
