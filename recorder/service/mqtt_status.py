"""Publishes the recorder's state over MQTT, retained, with ``offline`` as last will."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import aiomqtt

from recorder.config import MqttSection
from recorder.records import Json
from recorder.runtime.mqtt import Allowed, Client
from recorder.runtime.retry import backoff
from recorder.service.outbox import Outbox
from recorder.service.status_manner import StatusManner


class StatusPublisher:
    """Keeps ``<prefix>/status`` up to date, in the way that the broker allows.

    Args:
        settings: Broker and credentials.
        prefix: Topic prefix.
        client_id: Id at the broker, not the subscriber's.
        status: Gives the state of the moment.
        changed: Set at each change of state.
        reached: Whether the subscriber is connected: it says that the broker is away.
        outbox: What else is to be published, not retained.
    """

    def __init__(
        self,
        settings: MqttSection,
        prefix: str,
        client_id: str,
        status: Callable[[], Json],
        changed: asyncio.Event,
        reached: Callable[[], bool],
        outbox: Outbox | None = None,
    ) -> None:
        self._settings = settings
        self._prefix = prefix
        self._topic = f"{prefix}/status"
        self._outbox = Outbox() if outbox is None else outbox
        self._client_id = client_id
        self._status = status
        self._changed = changed
        self._manner = StatusManner(settings, reached)

    async def run(self) -> None:
        """Publish until cancelled; the broker's absence is the subscriber's to log."""
        while True:
            offline = json.dumps({"state": "offline"})
            way = self._manner.way
            will = aiomqtt.Will(
                self._topic, offline, qos=min(1, way.qos), retain=way.retain
            )
            try:
                async with Client(
                    self._settings, self._client_id, will=will
                ) as connection:
                    if self._manner.fits(connection.allowed):
                        await self._publish(connection, way)
            except aiomqtt.MqttError as error:
                failures = self._manner.failed(error)
                await asyncio.sleep(backoff(failures, 10.0))

    async def _tell(
        self, connection: aiomqtt.Client, qos: int, topic: str, text: str
    ) -> None:
        await connection.publish(f"{self._prefix}/{topic}", text, qos=qos)

    async def _publish(self, connection: aiomqtt.Client, way: Allowed) -> None:
        qos = min(1, way.qos)
        try:
            while True:
                self._changed.clear()
                body = {"time": datetime.now(UTC).isoformat(), **self._status()}
                text = json.dumps(body, default=str)
                await connection.publish(self._topic, text, qos=qos, retain=way.retain)
                self._manner.works()
                await self._outbox.publish(partial(self._tell, connection, qos))
                try:
                    async with asyncio.timeout(self._settings.status_interval_s):
                        await self._changed.wait()
                except TimeoutError:
                    continue
        except asyncio.CancelledError:
            # A clean end sends no last will: say it ourselves. If the broker is gone
            # it has told already; nothing may stand in the way of the cancellation.
            with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
                async with asyncio.timeout(1.0):
                    text = json.dumps({"state": "offline"})
                    await connection.publish(
                        self._topic, text, qos=qos, retain=way.retain
                    )
            raise
