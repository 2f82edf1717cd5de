"""Control events from the broker: nothing is acknowledged before it is journalled."""

from __future__ import annotations

import asyncio
import time

import aiomqtt

from recorder.config import MqttSection
from recorder.runtime.log import get_logger
from recorder.runtime.mqtt import client
from recorder.runtime.retry import backoff
from recorder.sources.control.messages import parse_message
from recorder.sources.protocols import SourcePort

log = get_logger("mqtt")

TOPICS = ("collection/start", "collection/end", "event")


class MqttSource:
    """Subscribes to the control topics and delivers what they say.

    Args:
        settings: Broker and credentials.
        prefix: Topic prefix.
        client_id: Id of the persistent session.
    """

    name = "mqtt"

    def __init__(self, settings: MqttSection, prefix: str, client_id: str) -> None:
        self._settings = settings
        self._prefix = prefix
        self._client_id = client_id
        self.connected = asyncio.Event()
        self.problem = ""
        """Why the broker could not be reached at the last attempt."""

    async def run(self, port: SourcePort) -> None:
        """Stay connected for ever; log only changes from working to failing."""
        failures = 0
        while True:
            try:
                async with self._client() as connection:
                    await self._subscribe(connection, failures)
                    failures = 0
                    await self._receive(connection, port)
            except aiomqtt.MqttError as error:
                self.connected.clear()
                self.problem = str(error) or "no answer"
                failures += 1
                if failures == 1:
                    log.warning(
                        "broker_unreachable",
                        host=self._settings.host,
                        port=self._settings.port,
                        error=str(error),
                        hint="is the broker running, and are mqtt.host, port, "
                        "tls and the password right? Trying on.",
                    )
            await asyncio.sleep(backoff(failures, 10.0))

    def _client(self) -> aiomqtt.Client:
        """A client that acknowledges only when told to.

        aiomqtt 2.5 acknowledges before we have the message (its issue 345); paho's
        manual acknowledgement is the way round until aiomqtt 3. It is set before
        connecting: a persistent session's messages come at once.
        """
        made = client(self._settings, self._client_id, persistent=True)
        made._client.manual_ack_set(True)  # noqa: SLF001
        return made

    async def _subscribe(self, connection: aiomqtt.Client, failures: int) -> None:
        for topic in TOPICS:
            await connection.subscribe(f"{self._prefix}/{topic}", qos=1)
        self.connected.set()
        self.problem = ""
        log.info(
            "broker_connected",
            host=self._settings.host,
            port=self._settings.port,
            after_failures=failures,
        )

    async def _receive(self, connection: aiomqtt.Client, port: SourcePort) -> None:
        paho = connection._client  # noqa: SLF001
        async for message in connection.messages:
            mid, qos = message.mid, message.qos
            topic = str(message.topic).removeprefix(f"{self._prefix}/")
            payload = message.payload
            raw = payload if isinstance(payload, bytes) else str(payload or "").encode()
            records = parse_message(
                topic, raw, time.time_ns(), retained=bool(message.retain)
            )

            def acknowledge(mid: int = mid, qos: int = qos) -> None:
                paho.ack(mid, qos)

            port.feed_control(records, acknowledge)
