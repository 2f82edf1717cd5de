"""A simulated experiment: announcements, timing events and a detector's stream."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiomqtt
import zmq
import zmq.asyncio

from recorder.config import Settings
from recorder.errors import RecorderError
from recorder.mqtt import client
from recorder.records import Json, Payload
from recorder.simulate.faults import Fate, Faults, fates
from recorder.simulate.messages import PROTOCOLS, Message
from recorder.simulate.series import Series, default_chains, dump_line, with_frame_time

EVENT_BATCH_S = 0.2
CLOCK = "simulated-timing"
DETECTOR_EPOCH_NS = 143_051_295_370
"""The detector's clock has an epoch of its own, as real ones do."""


NO_FAULTS = Faults()


@dataclass(frozen=True, slots=True)
class SimulatedRun:
    """One run to simulate."""

    number: int
    images: int
    rate_hz: float
    protocol: str = "stream1"
    faults: Faults = NO_FAULTS
    seed: int = 1
    laser_every: int = 2
    """The laser fires before every n-th trigger; 0: never."""
    delay_s: float = 0.0
    experiment: str = "simulated"
    sample: str = "lysozyme"
    truth: Path | None = None

    @property
    def period_s(self) -> float:
        """Time between triggers."""
        return 1.0 / self.rate_hz


@asynccontextmanager
async def detector_socket(endpoint: str) -> AsyncIterator[zmq.asyncio.Socket]:
    """The detector's PUSH socket; what was sent is delivered before it closes."""
    context = zmq.asyncio.Context()
    socket = context.socket(zmq.PUSH)
    socket.sndhwm = 200
    socket.immediate = True
    socket.linger = 30_000
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        context.destroy(linger=0)
        raise RecorderError(
            f"{endpoint}: cannot listen: {error}; is another detector or simulator "
            "running there?"
        ) from error
    try:
        yield socket
    finally:
        socket.close()
        await asyncio.to_thread(context.term)


class Simulator:
    """Behaves like a detector and a timing system.

    Args:
        settings: Broker, topics and proposal.
        socket: The detector's socket.
        broker: Where to announce and to publish events; None: nowhere.
    """

    def __init__(
        self,
        settings: Settings,
        socket: zmq.asyncio.Socket,
        broker: aiomqtt.Client | None,
        connect_timeout_s: float = 30.0,
    ) -> None:
        self._settings = settings
        self._socket = socket
        self._broker = broker
        self._timeout_s = connect_timeout_s
        self._series_ids = itertools.count(1)

    async def simulate(self, run: SimulatedRun, series: Series) -> Json:
        """Simulate one run; the counts that are true of it.

        Raises:
            RecorderError: Nobody takes the images.
        """
        uid = str(uuid.uuid4())
        series = with_frame_time(series, run.period_s)
        stream = PROTOCOLS[run.protocol](
            next(self._series_ids),
            series.info,
            run.images,
            appendix={"recorder_uid": uid},
            mask=series.mask,
        )
        await self._publish("collection/start", self._announcement(run, series, uid))
        if not run.faults.no_header:
            await self._send(stream.start())
        truth = await self._images(run, series, stream, uid)
        stopped = run.faults.stop is not None
        if not (run.faults.no_end or stopped):
            await self._send(stream.end())
        if not stopped:
            end = {
                "schema": "recorder.collection/1",
                "uid": uid,
                "time": datetime.now(UTC).isoformat(),
                "status": "success",
            }
            await self._publish("collection/end", end)
        if run.truth is not None:
            run.truth.parent.mkdir(parents=True, exist_ok=True)
            run.truth.write_text("".join(map(dump_line, truth)), encoding="utf-8")
        return {"uid": uid, **truth_counts(truth)}

    async def _images(
        self, run: SimulatedRun, series: Series, stream: Any, uid: str
    ) -> list[Json]:
        truth: list[Json] = []
        events: list[Json] = []
        begun, image_id, flushed = time.monotonic(), 0, 0.0
        epoch_ns = time.time_ns()
        for ordinal, fate in enumerate(fates(run.faults, run.images, run.seed)):
            if run.faults.stop is not None and image_id >= run.faults.stop:
                break
            after = ordinal * run.period_s
            await asyncio.sleep(max(0.0, begun + after - time.monotonic()))
            entry = self._entry(run, series, ordinal, image_id, fate)
            truth.append(entry)
            events += self._events(run, entry, uid, epoch_ns)
            if not fate.missed:
                await self._image(series, stream, image_id, fate, entry)
                image_id += 1
            if after - flushed >= EVENT_BATCH_S:
                flushed = after
                await self._publish("event", events)
                events = []
        if events:
            await self._publish("event", events)
        return truth

    @staticmethod
    def _entry(
        run: SimulatedRun, series: Series, ordinal: int, image_id: int, fate: Fate
    ) -> Json:
        """What is true of one trigger."""
        frame = series.frame(image_id)
        every = run.laser_every
        light = bool(every) and ordinal % every == 0
        offset = ordinal * run.period_s + (run.delay_s if every else 0.0)
        known = frame.kind is not None
        return {
            "ordinal": ordinal,
            "image_id": None if fate.missed else image_id,
            "delivered": not (fate.missed or fate.lost),
            "corrupt": fate.corrupt,
            "kind": frame.kind,
            "class": ("non_hit" if frame.kind == "miss" else "indexed")
            if known
            else None,
            "lattices": len(frame.orientations) if known else None,
            "orientations": [list(o) for o in frame.orientations],
            **frame.artefacts,
            "pump": "light" if light else "dark",
            "dark_n": ordinal % every if every else None,
            "delay": run.delay_s if light else None,
            "start_time_ns": DETECTOR_EPOCH_NS + round(offset * 1e9),
        }

    async def _image(
        self, series: Series, stream: Any, image_id: int, fate: Fate, entry: Json
    ) -> None:
        payload = series.frame(image_id).payload
        if fate.corrupt:
            cut: Payload = replace(payload, data=payload.data[: len(payload.data) // 2])
            payload = cut
        message: Message = stream.image(image_id, payload, entry["start_time_ns"])
        if fate.lost:
            return
        await self._send(message)
        if fate.duplicate:
            await self._send(message)

    @staticmethod
    def _events(run: SimulatedRun, entry: Json, uid: str, epoch_ns: int) -> list[Json]:
        """Rows of the timing hardware for one trigger."""
        ordinal = entry["ordinal"]
        start_ns = epoch_ns + entry["start_time_ns"] - DETECTOR_EPOCH_NS
        common = {
            "schema": "recorder.event/1",
            "collection": uid,
            "trigger": ordinal,
            "clock": CLOCK,
            "evidence": "captured",
        }
        xray = {"uid": f"{uid}/x{ordinal}", "type": "XrayDetection"}
        rows = [{**common, **xray, "time_ns": start_ns}]
        if entry["pump"] == "light":
            laser = {
                "uid": f"{uid}/l{ordinal}",
                "type": "LaserExcitation",
                "name": "pump",
                "duration": 1e-8,
                "time_ns": start_ns - round(run.delay_s * 1e9),
            }
            rows.append({**common, **laser})
        return rows

    def _announcement(self, run: SimulatedRun, series: Series, uid: str) -> Json:
        place = self._settings.unannounced
        parts = [
            {"name": f"mixed {letter}", "type": "Ligand"} for letter in ("a", "b", "c")
        ]
        return {
            "schema": "recorder.collection/1",
            "uid": uid,
            "time": datetime.now(UTC).isoformat(),
            "proposal": place.proposal,
            "visit": place.visit,
            "experiment": {"name": run.experiment, "type": "SSX-Jet"},
            "sample": {
                "name": run.sample,
                "support": "SSX-Jet",
                "protein": {"acronym": run.sample[:45], "name": run.sample},
                "components": parts,
            },
            "run": run.number,
            "images": run.images,
            "unit_cell": series.unit_cell,
            "space_group": series.space_group,
            "beam": {"wavelength": series.info.wavelength, "transmission": 100.0},
            "ssx": {"repetition_rate": run.rate_hz},
            "event_chains": default_chains(
                run.images, run.period_s, run.laser_every, run.delay_s
            ),
        }

    async def _send(self, message: Message) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._socket.send_multipart(message, copy=False)
        except TimeoutError as error:
            raise RecorderError(
                f"nobody has taken an image for {self._timeout_s:g} s: start "
                "`recorder run` with the same detector endpoint"
            ) from error

    async def _publish(self, topic: str, body: Any) -> None:
        if self._broker is not None:
            await self._broker.publish(
                f"{self._settings.topic_prefix}/{topic}", json.dumps(body), qos=1
            )


@asynccontextmanager
async def timing_broker(settings: Settings) -> AsyncIterator[aiomqtt.Client | None]:
    """The timing system's connection to the broker; None if MQTT is off.

    Raises:
        RecorderError: The broker cannot be reached.
    """
    if not settings.mqtt.enabled:
        yield None
        return
    where = f"{settings.mqtt.host}:{settings.mqtt.port}"
    try:
        async with client(settings.mqtt, f"simulator-{uuid.uuid4().hex[:8]}") as broker:
            yield broker
    except aiomqtt.MqttError as error:
        raise RecorderError(
            f"broker {where}: {error}; start it, set mqtt.host and mqtt.port, or "
            "simulate a bare detector with --no-mqtt"
        ) from error


def truth_counts(truth: list[Json]) -> Json:
    """Sums over the truth: what a report must say."""
    made = [entry for entry in truth if entry["image_id"] is not None]
    here = [entry for entry in made if entry["delivered"]]
    good = [entry for entry in here if not entry["corrupt"]]
    return {
        "triggers": len(truth),
        "expected": len(made),
        "received": len(here),
        "lost": len(made) - len(here),
        "missed": len(truth) - len(made),
        "corrupt": len(here) - len(good),
        "hits": sum(entry["kind"] in ("hit", "multi") for entry in good),
        "non_hits": sum(entry["kind"] == "miss" for entry in good),
        "light": sum(entry["pump"] == "light" for entry in here),
        "dark": sum(entry["pump"] == "dark" for entry in here),
    }
