"""Control events from the broker: nothing is acknowledged before it is journalled."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

import aiomqtt

from recorder.config import MqttSection
from recorder.runtime.host_clock import arrival_ns
from recorder.runtime.mqtt import granted_qos
from recorder.runtime.mqtt_receiver import Acknowledge, Received, Receiver
from recorder.runtime.retry import backoff
from recorder.sources.control.messages import READINGS, parse_message
from recorder.sources.control.outages import STABLE_S, Outages
from recorder.sources.control.subscriptions import Subscriptions
from recorder.sources.protocols import SourcePort

TOPICS = ("collection/start", "collection/end", "event", *READINGS)


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
        self._outages = Outages(settings, client_id)
        self._subscriptions = Subscriptions(settings)
        self.connected = asyncio.Event()
        self.problem = ""
        """Why the broker could not be reached at the last attempt, or what it refuses
        since."""

    async def run(self, port: SourcePort) -> None:
        """Stay connected for ever; log only changes from working to failing."""
        while True:
            try:
                async with self._receiver(port) as connection:
                    await self._subscribe(connection)
                    await self._stay(connection)
            except aiomqtt.MqttError as error:
                self.connected.clear()
                self.problem = str(error) or "no answer"
                failures = self._outages.failed(error)
                await asyncio.sleep(backoff(failures, 10.0))

    def _receiver(self, port: SourcePort) -> Receiver:
        return Receiver(
            partial(self._take, port),
            port.held,
            self._settings,
            self._client_id,
            persistent=True,
            receive_maximum=self._settings.receive_maximum,
        )

    async def _subscribe(self, connection: Receiver) -> None:
        granted = {
            topic: await granted_qos(connection, f"{self._prefix}/{topic}")
            for topic in TOPICS
        }
        self.problem = self._subscriptions.granted(granted)
        self.connected.set()
        self._outages.connected()

    async def _stay(self, connection: Receiver) -> None:
        """Until the connection is over: receiving needs nobody to wait for it."""
        ended = asyncio.ensure_future(connection.ended())
        done, _ = await asyncio.wait((ended,), timeout=STABLE_S)
        if not done:
            self._outages.stable()
        await ended

    def _take(
        self, port: SourcePort, messages: Sequence[Received], acknowledge: Acknowledge
    ) -> None:
        now_ns, left = arrival_ns(), len(messages)
        for message in messages:  # one is forgotten before the next is parsed
            left -= 1
            records = parse_message(
                message.topic.removeprefix(f"{self._prefix}/"),
                message.payload,
                now_ns,
                retained=message.retained,
            )
            port.feed_control(records, None if left else acknowledge)
