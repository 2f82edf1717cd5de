"""A simulated beamline for everything that is not serial."""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from dataclasses import replace
from typing import Any

import zmq.asyncio

from recorder.config import Settings
from recorder.errors import UsageError
from recorder.records import Json
from recorder.simulate.mx.absorption import SimulatedEnergyScan
from recorder.simulate.mx.exposures import Exposures
from recorder.simulate.mx.fluorescence import SimulatedSpectrum
from recorder.simulate.mx.grids import SimulatedGrid
from recorder.simulate.mx.mx_control import (
    mx_announcement,
    mx_ending,
    point_messages,
    spectrum_message,
)
from recorder.simulate.mx.mx_run import MxRun, write_truth
from recorder.simulate.mx.mx_truth import image_counts, image_entry
from recorder.simulate.mx.sweeps import SimulatedSweeps
from recorder.simulate.stream.connections import (
    Publisher,
    publish_body,
    send_message,
)
from recorder.simulate.stream.messages import PROTOCOLS
from recorder.simulate.stream.reorder_buffer import ReorderBuffer
from recorder.simulate.stream.series import Series
from recorder.simulate.timing.events import CLOCK, TICK_NS
from recorder.simulate.timing.faults import fates
from recorder.simulate.timing.plan import on_its_clock

DETECTOR_EPOCH_NS = 98_271_004_113_250
"""The detector's clock has an epoch of its own, as real ones do."""
EVENTS = 500
"""Rows of the timing hardware in one message. Chosen, not tuned."""
DEAD_S = 1e-7
"""Of the period, between two exposures of a sweep: what a detector that counts without
a pause needs. Chosen, not tuned."""


class MxSimulator:
    """Behaves like the control system of a beamline, and like its detector.

    Args:
        settings: Topics and proposal.
        socket: The detector's socket; None: it has no images to send.
        broker: Where to announce; None: nowhere.
        timeout_s: Longest wait for somebody who takes a message.
    """

    def __init__(
        self,
        settings: Settings,
        socket: zmq.asyncio.Socket | None,
        broker: Publisher | None,
        timeout_s: float = 30.0,
    ) -> None:
        self._settings = settings
        self._socket = socket
        self._broker = broker
        self._timeout_s = timeout_s
        self._series_ids = itertools.count(1)

    async def simulate(self, run: MxRun) -> Json:
        """Simulate one run; the counts that are true of it.

        Raises:
            RecorderError: Nobody takes the images.
            UsageError: A run of messages, and no broker.
        """
        uid = run.uid or str(uuid.uuid4())
        plan = run.plan
        if self._broker is None and not run.takes_images:
            raise UsageError(f"{run.technique} is nothing but messages: it needs MQTT")
        place = self._settings.unannounced
        proposal = run.proposal or place.proposal
        start = mx_announcement(run, uid, proposal, place.number)
        await self._publish("collection/start", start)
        if isinstance(plan, SimulatedEnergyScan):
            counts = await self._scan(run, plan, uid)
        elif isinstance(plan, SimulatedSpectrum):
            counts = await self._spectrum(run, plan, uid)
        else:
            counts = await self._series(run, plan, uid)
        return {"uid": uid, **counts}

    async def _scan(self, run: MxRun, plan: SimulatedEnergyScan, uid: str) -> Json:
        """An energy scan, from its first points to its end."""
        messages = point_messages(plan, uid, run.seed)
        if (most := run.faults.abort) is not None:
            messages = [message for message in messages if message["first"] < most]
        lost = plan.lost(run.faults, run.seed).tolist()
        points: list[Json] = []
        for message, gone in zip(messages, lost, strict=False):
            size = len(message["energy"])
            await asyncio.sleep(size * plan.point_s / run.speed)
            if not gone:
                await self._publish("scan/points", message)
                if run.faults.duplicate:
                    await self._publish("scan/points", message)
            points += [
                {"point": message["first"] + n, "energy": energy, "delivered": not gone}
                for n, energy in enumerate(message["energy"])
            ]
        if not run.faults.no_end:
            end = mx_ending(run, uid, None) | {"points": len(points)}
            await self._publish("collection/end", end)
        write_truth(run, [plan.truth, *points])
        here = sum(point["delivered"] for point in points)
        counts = {"received": here, "lost": len(points) - here}
        return {"technique": run.technique, **plan.truth, **counts}

    async def _spectrum(self, run: MxRun, plan: SimulatedSpectrum, uid: str) -> Json:
        """A spectrum, its message and its end."""
        await asyncio.sleep(plan.exposure / run.speed)
        message = spectrum_message(plan, uid, run.seed)
        gone = run.faults.lost >= 1 or run.faults.abort is not None
        if not gone:
            await self._publish("spectrum", message)
            if run.faults.duplicate:
                await self._publish("spectrum", message)
        if not run.faults.no_end:
            await self._publish("collection/end", mx_ending(run, uid, None))
        write_truth(run, [plan.truth])
        return {"technique": run.technique, **plan.truth, "delivered": not gone}

    async def _series(
        self, run: MxRun, plan: SimulatedSweeps | SimulatedGrid, uid: str
    ) -> Json:
        """A series of images, from header to end."""
        exposures = plan.exposures(run.period_s)
        series = _timed(run)
        stream = PROTOCOLS[run.protocol](
            next(self._series_ids),
            series.info,
            exposures.size,
            appendix=self._appendix(run, uid),
            mask=series.mask,
            arming=exposures.arming,
            axes=plan.axes,
        )
        if not (run.faults.no_header or run.faults.join_late):
            await self._send(stream.start())
        truth = await self._images(run, exposures, series, stream, uid)
        if not (run.faults.no_end or run.faults.stop is not None):
            await self._send(stream.end())
            made = sum(entry["image_id"] is not None for entry in truth)
            await self._publish("collection/end", mx_ending(run, uid, made))
        write_truth(run, truth)
        return image_counts(run, exposures, truth)

    def _appendix(self, run: MxRun, uid: str) -> Json | None:
        """What the header carries; a bare detector knows of no run."""
        if self._broker is None and run.uid is None:
            return None
        return {"recorder_uid": uid}

    async def _images(
        self, run: MxRun, plan: Exposures, series: Series, stream: Any, uid: str
    ) -> list[Json]:
        """Send the images that are made; the truth of each one that was due."""
        planned: Any = run.plan
        truth: list[Json] = []
        shelf, rows = ReorderBuffer(), []
        most, image_id = run.faults.most_images, 0
        times = on_its_clock(plan.after_ns, run.faults, DETECTOR_EPOCH_NS, run.seed)
        due = fates(run.faults, plan.after_ns, run.seed, plan.trigger)
        begun, epoch_ns = time.monotonic(), time.time_ns()
        for n, fate in enumerate(due):
            if most is not None and image_id >= most:
                break
            at = begun + int(plan.after_ns[n]) / 1e9 / run.speed
            if (wait := at - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            frame, start_ns = series.frame(n), int(times[n])
            entry = image_entry(plan, n, frame, image_id, fate, start_ns)
            truth.append(entry)
            row = _row(uid, n, epoch_ns + int(plan.after_ns[n]))
            rows.append({**row, "positions": planned.positions(plan, n)})
            if fate.missed:
                continue
            payload = frame.payload
            if fate.corrupt:
                payload = replace(payload, data=payload.data[: len(payload.data) // 2])
            message = stream.image(image_id, payload, start_ns)
            for item, _ in shelf.pass_by((message, entry), fate):
                await self._send(item)
            image_id += 1
            if len(rows) >= EVENTS:
                rows = await self._events(run, rows)
        for item, _ in shelf.rest():
            await self._send(item)
        await self._events(run, rows)
        return truth

    async def _events(self, run: MxRun, rows: list[Json]) -> list[Json]:
        """Send what the timing hardware captured, if it does; what is left to send."""
        if rows and getattr(run.plan, "captured", False):
            await self._publish("event", rows)
        return []

    async def _send(self, message: Any) -> None:
        if self._socket is None:
            raise UsageError("there is no detector to send images with")
        await send_message(self._socket, message, self._timeout_s)

    async def _publish(self, topic: str, body: Any) -> None:
        await publish_body(self._broker, self._settings, topic, body)


def _timed(run: MxRun) -> Series:
    """The series of a run; the header's times follow its rate."""
    if run.series is None:
        raise UsageError(f"{run.technique}: there are no pictures to send")
    exposure = max(run.period_s - DEAD_S, run.period_s / 2)
    info = replace(run.series.info, frame_time_s=run.period_s, exposure_time_s=exposure)
    return replace(run.series, info=info)


def _row(uid: str, n: int, time_ns: int) -> Json:
    """What the timing hardware captured of one exposure."""
    return {
        "schema": "recorder.event/1",
        "uid": f"{uid}/x{n}",
        "collection": uid,
        "type": "XrayDetection",
        "trigger": n,
        "clock": CLOCK,
        "evidence": "captured",
        "time_ns": time_ns // TICK_NS * TICK_NS,
    }
