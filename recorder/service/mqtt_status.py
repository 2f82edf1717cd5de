"""Publishes the recorder's state over MQTT, retained, with ``offline`` as last will."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime

import aiomqtt

from recorder.config import MqttSection
from recorder.records import Json
from recorder.runtime.mqtt import client
from recorder.runtime.retry import backoff


class StatusPublisher:
    """Keeps ``<prefix>/status`` up to date.

    Args:
        settings: Broker and credentials.
        prefix: Topic prefix.
        client_id: Id at the broker, not the subscriber's.
        status: Gives the state of the moment.
        changed: Set at each change of state.
    """

    def __init__(
        self,
        settings: MqttSection,
        prefix: str,
        client_id: str,
        status: Callable[[], Json],
        changed: asyncio.Event,
    ) -> None:
        self._settings = settings
        self._topic = f"{prefix}/status"
        self._client_id = client_id
        self._status = status
        self._changed = changed

    async def run(self) -> None:
        """Publish until cancelled; the broker's absence is the subscriber's to log."""
        will = aiomqtt.Will(
            self._topic, json.dumps({"state": "offline"}), qos=1, retain=True
        )
        failures = 0
        while True:
            try:
                async with client(
                    self._settings, self._client_id, will=will
                ) as connection:
                    failures = 0
                    await self._publish(connection)
            except aiomqtt.MqttError:
                failures += 1
                await asyncio.sleep(backoff(failures, 10.0))

    async def _publish(self, connection: aiomqtt.Client) -> None:
        try:
            while True:
                self._changed.clear()
                body = {"time": datetime.now(UTC).isoformat(), **self._status()}
                await connection.publish(
                    self._topic, json.dumps(body, default=str), qos=1, retain=True
                )
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
                    body = {"state": "offline"}
                    await connection.publish(
                        self._topic, json.dumps(body), qos=1, retain=True
                    )
            raise
