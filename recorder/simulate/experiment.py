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
from typing import Any, Protocol

import aiomqtt
import zmq
import zmq.asyncio

from recorder.config import Settings
from recorder.errors import RecorderError
from recorder.mqtt import client
from recorder.records import Json, Payload
from recorder.simulate.faults import Fate, Faults, fates
from recorder.simulate.messages import PROTOCOLS, Message
from recorder.simulate.panda import LASER_BIT, PandaServer
from recorder.simulate.series import Series, default_chains, dump_line, with_frame_time
from recorder.simulate.timing import Plan, detector_times, make_plan
from recorder.simulate.timing_messages import Mail, TimingRows

EVENT_BATCH_S = 0.2
MAX_EVENTS = 1000
"""Events in one message."""
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
    chains: tuple[Json, ...] = ()
    """Event chains to play instead of that laser."""
    gap_s: float = 0.1
    """Mean time from one position to the next, for chains of scope ``position``."""
    speed: float = 1.0
    """How much faster than real time everything goes."""
    experiment: str = "simulated"
    sample: str = "lysozyme"
    truth: Path | None = None

    @property
    def period_s(self) -> float:
        """Time between triggers."""
        return 1.0 / self.rate_hz

    @property
    def event_chains(self) -> tuple[Json, ...]:
        """What is announced and played."""
        if self.chains:
            return self.chains
        chains = default_chains(
            self.images, self.period_s, self.laser_every, self.delay_s
        )
        return tuple(chains)


Parcel = tuple[Message, Json]
"""An image's message, and its entry in the truth."""


class _Shelf:
    """Holds back images that later ones overtake."""

    def __init__(self) -> None:
        self._held: list[tuple[int, Parcel]] = []

    def pass_by(self, parcel: Parcel, fate: Fate) -> list[Parcel]:
        """What is sent now that this image was made."""
        due = [item for left, item in self._held if left <= 1]
        self._held = [(left - 1, item) for left, item in self._held if left > 1]
        if fate.lost:
            return due
        copies = [parcel, parcel] if fate.duplicate else [parcel]
        if fate.later:
            self._held += [(fate.later, item) for item in copies]
            return due
        return [*copies, *due]

    def rest(self) -> list[Parcel]:
        """All that is still held."""
        return [item for _, item in self._held]


class Publisher(Protocol):
    """What takes announcements and events to the broker."""

    async def publish(self, topic: str, payload: str, qos: int = 0) -> None:
        """Publish one message."""


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
        connect_timeout_s: Longest wait for somebody who takes a message.
        panda: Sends the triggers instead of the broker.
        patience_s: So long the detector holds an image that nobody takes, then it is
            dropped, as by one whose buffer is full; None: as long as for others.
    """

    def __init__(
        self,
        settings: Settings,
        socket: zmq.asyncio.Socket,
        broker: Publisher | None,
        connect_timeout_s: float = 30.0,
        panda: PandaServer | None = None,
        patience_s: float | None = None,
    ) -> None:
        self._settings = settings
        self._socket = socket
        self._broker = broker
        self._timeout_s = connect_timeout_s
        self._panda = panda
        self._patience_s = patience_s
        self._taken: set[int] = set()
        self._series_ids = itertools.count(1)

    async def simulate(self, run: SimulatedRun, series: Series) -> Json:
        """Simulate one run; the counts that are true of it.

        Raises:
            RecorderError: Nobody takes the images.
        """
        if run.faults.restart is not None:
            first = replace(run.faults, stop=run.faults.restart, restart=None)
            await self.simulate(replace(run, faults=first, truth=None), series)
            again = replace(run.faults, restart=None)
            run = replace(run, faults=again, number=run.number + 1, seed=run.seed + 1)
        uid = str(uuid.uuid4())
        self._taken.clear()
        series = with_frame_time(series, run.period_s)
        stream = PROTOCOLS[run.protocol](
            next(self._series_ids),
            series.info,
            run.images,
            appendix={"recorder_uid": uid},
            mask=series.mask,
        )
        plan = make_plan(run.event_chains, run.images, run.faults, run.seed, run.gap_s)
        await self._publish("collection/start", self._announcement(run, series, uid))
        if not (run.faults.no_header or run.faults.join_late):
            await self._send(stream.start())
        truth = await self._images(run, series, stream, plan, uid)
        if not (run.faults.no_end or run.faults.stop is not None):
            await self._send(stream.end())
            await self._publish("collection/end", self._ending(uid, truth))
        if run.truth is not None:
            run.truth.parent.mkdir(parents=True, exist_ok=True)
            run.truth.write_text("".join(map(dump_line, truth)), encoding="utf-8")
        return {"uid": uid, **truth_counts(truth)}

    def _ending(self, uid: str, truth: list[Json]) -> Json:
        return {
            "schema": "recorder.collection/1",
            "uid": uid,
            "time": datetime.now(UTC).isoformat(),
            "status": "success",
            "images": sum(entry["image_id"] is not None for entry in truth),
        }

    async def _images(
        self, run: SimulatedRun, series: Series, stream: Any, plan: Plan, uid: str
    ) -> list[Json]:
        truth: list[Json] = []
        epoch_ns = time.time_ns()
        rows = TimingRows(plan, run.faults, uid, epoch_ns, run.seed)
        box: list[tuple[int, int]] = []
        if self._panda is not None:
            await self._panda.begin(epoch_ns)
        mail, shelf = Mail(run.faults, run.seed), _Shelf()
        mail.post(rows.reactions(), 0.0)
        times = detector_times(plan, run.faults, DETECTOR_EPOCH_NS, run.seed)
        begun, image_id, flushed = time.monotonic(), 0, 0.0
        first_ns = int(plan.due_ns[0]) if plan.size else 0
        for ordinal, fate in enumerate(fates(run.faults, plan.due_ns, run.seed)):
            if run.faults.stop is not None and image_id >= run.faults.stop:
                break
            after = (int(plan.due_ns[ordinal]) - first_ns) / 1e9
            wait = begun + after / run.speed - time.monotonic()
            await asyncio.sleep(max(0.0, wait))
            start_ns = int(times[ordinal])
            entry = self._entry(plan, series, ordinal, image_id, fate, start_ns)
            truth.append(entry)
            if self._panda is None:
                mail.post(rows.of_trigger(ordinal), after)
            else:
                lit = bool(plan.light[ordinal]) << LASER_BIT
                box.append((int(plan.xray_ns[ordinal]), lit))
            if not fate.missed:
                message = self._image(series, stream, image_id, fate, start_ns)
                for item in shelf.pass_by((message, entry), fate):
                    await self._offer(*item)
                image_id += 1
            if after - flushed >= EVENT_BATCH_S * run.speed:
                flushed = after
                await self._events(mail.delivered(after))
                box = await self._capture(box)
        for item in shelf.rest():
            await self._offer(*item)
        await self._events(mail.rest())
        if self._panda is not None:
            await self._capture(box)
            await self._panda.end()
        return truth

    async def _capture(self, box: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Send what the PandABox captured; what is left to send."""
        if self._panda is not None:
            await self._panda.samples(box)
        return []

    async def _events(self, rows: list[Json]) -> None:
        for n in range(0, len(rows), MAX_EVENTS):
            await self._publish("event", rows[n : n + MAX_EVENTS])

    @staticmethod
    def _entry(
        plan: Plan, series: Series, ordinal: int, image_id: int, fate: Fate,
        start_ns: int,
    ) -> Json:  # fmt: skip
        """What is true of one trigger."""
        frame = series.frame(image_id)
        light, dark_n = bool(plan.light[ordinal]), int(plan.dark_n[ordinal])
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
            "dark_n": dark_n if dark_n >= 0 else None,
            "delay": int(plan.delay_ns[ordinal]) / 1e9 if light else None,
            "slot": int(plan.slot[ordinal]),
            "start_time_ns": start_ns,
        }

    @staticmethod
    def _image(
        series: Series, stream: Any, image_id: int, fate: Fate, start_ns: int
    ) -> Message:
        payload = series.frame(image_id).payload
        if fate.corrupt:
            cut: Payload = replace(payload, data=payload.data[: len(payload.data) // 2])
            payload = cut
        message: Message = stream.image(image_id, payload, start_ns)
        return message

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
            "event_chains": list(run.event_chains),
        }

    async def _offer(self, message: Message, entry: Json) -> bool:
        """Send an image; False if nobody took it and the detector dropped it."""
        if self._patience_s is None:
            await self._send(message)
            return True
        try:
            async with asyncio.timeout(self._patience_s):
                await self._socket.send_multipart(message, copy=False)
        except TimeoutError:
            entry["delivered"] = entry["image_id"] in self._taken
            return False
        self._taken.add(entry["image_id"])
        return True

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
