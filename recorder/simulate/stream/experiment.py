"""A simulated experiment: announcements, timing events and a detector's stream."""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from dataclasses import replace
from typing import Any

import zmq
import zmq.asyncio

from recorder.config import Settings
from recorder.records import Json, Payload
from recorder.simulate.stream.chip import well_entry
from recorder.simulate.stream.connections import (
    Publisher,
    publish_body,
    send_message,
)
from recorder.simulate.stream.control import aborted, announcement, ending
from recorder.simulate.stream.messages import PROTOCOLS, Message
from recorder.simulate.stream.reorder_buffer import ReorderBuffer
from recorder.simulate.stream.series import (
    Frame,
    Series,
    dump_line,
    with_frame_time,
)
from recorder.simulate.stream.simulated_run import SimulatedRun
from recorder.simulate.stream.truth import truth_counts, truth_entry
from recorder.simulate.timing.events import Mail, TimingRows
from recorder.simulate.timing.faults import Fate, fates
from recorder.simulate.timing.panda import LASER_BIT, PandaServer
from recorder.simulate.timing.plan import Plan, detector_times, make_plan

EVENT_BATCH_S = 0.2
"""Seconds of the run whose timing rows are sent together. Chosen, not tuned."""
MAX_EVENTS = 1000
"""Events in one message."""
DETECTOR_EPOCH_NS = 143_051_295_370
"""The detector's clock has an epoch of its own, as real ones do."""


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
            run = replace(
                run, faults=again, number=run.number + 1, seed=run.seed + 1, uid=None
            )
        uid = run.uid or str(uuid.uuid4())
        self._taken.clear()
        series = with_frame_time(series, run.period_s)
        stream = PROTOCOLS[run.protocol](
            next(self._series_ids),
            series.info,
            run.images,
            appendix=self._appendix(run, uid),
            mask=series.mask,
        )
        plan = make_plan(run.event_chains, run.images, run.faults, run.seed, run.gap_s)
        place = self._settings.unannounced
        proposal = run.proposal or place.proposal
        start = announcement(run, series, uid, proposal, place.number)
        await self._publish("collection/start", start)
        if not (run.faults.no_header or run.faults.join_late):
            await self._send(stream.start())
        truth = await self._images(run, series, stream, plan, uid)
        if not (run.faults.no_end or run.faults.stop is not None):
            await self._send(stream.end())
            end = self._ending(uid, truth) | aborted(run.faults)
            await self._publish("collection/end", end)
        if run.truth is not None:
            run.truth.parent.mkdir(parents=True, exist_ok=True)
            run.truth.write_text("".join(map(dump_line, truth)), encoding="utf-8")
        return {"uid": uid, **truth_counts(truth)}

    def _appendix(self, run: SimulatedRun, uid: str) -> Json | None:
        """What the header carries; a bare detector knows of no run.

        A uid that nobody announced would keep the header from any announcement that
        somebody else makes.
        """
        if self._broker is None and run.uid is None:
            return None
        return {"recorder_uid": uid}

    def _ending(self, uid: str, truth: list[Json]) -> Json:
        """How the end of a run is announced."""
        return ending(uid, truth)

    async def _images(
        self, run: SimulatedRun, series: Series, stream: Any, plan: Plan, uid: str
    ) -> list[Json]:
        truth: list[Json] = []
        epoch_ns = time.time_ns()
        rows = TimingRows(plan, run.faults, uid, epoch_ns, run.seed)
        box: list[tuple[int, int]] = []
        if self._panda is not None:
            await self._panda.begin(epoch_ns)
        mail, shelf = Mail(run.faults, run.seed), ReorderBuffer()
        mail.post(rows.reactions(), 0.0)
        walk = run.chip.walk(plan.size) if run.chip else []
        times = detector_times(plan, run.faults, DETECTOR_EPOCH_NS, run.seed)
        begun, image_id, flushed = time.monotonic(), 0, 0.0
        most = run.faults.most_images
        first_ns = int(plan.due_ns[0]) if plan.size else 0
        for ordinal, fate in enumerate(fates(run.faults, plan.due_ns, run.seed)):
            if most is not None and image_id >= most:
                break
            after = (int(plan.due_ns[ordinal]) - first_ns) / 1e9
            wait = begun + after / run.speed - time.monotonic()
            await asyncio.sleep(max(0.0, wait))
            start_ns = int(times[ordinal])
            frame = series.frame(image_id if run.chip is None else ordinal)
            entry = truth_entry(plan, frame, ordinal, image_id, fate, start_ns)
            if run.chip is not None:
                entry |= well_entry(run.chip, walk[ordinal], ordinal)
            truth.append(entry)
            if self._panda is None:
                mail.post(rows.of_trigger(ordinal), after)
            else:
                lit = bool(plan.light[ordinal]) << LASER_BIT
                box.append((int(plan.xray_ns[ordinal]), lit))
            if not fate.missed:
                message = self._image(frame, stream, image_id, fate, start_ns)
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
    def _image(
        frame: Frame, stream: Any, image_id: int, fate: Fate, start_ns: int
    ) -> Message:
        payload = frame.payload
        if fate.corrupt:
            cut: Payload = replace(payload, data=payload.data[: len(payload.data) // 2])
            payload = cut
        message: Message = stream.image(image_id, payload, start_ns)
        return message

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
        await send_message(self._socket, message, self._timeout_s)

    async def _publish(self, topic: str, body: Any) -> None:
        await publish_body(self._broker, self._settings, topic, body)
