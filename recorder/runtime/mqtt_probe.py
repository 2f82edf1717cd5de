"""Finds out what a broker does with a burst, and with a retained message.

Nothing tells a client how long the broker's queue is. So a few messages are sent to a
topic of our own, and what comes back is counted: they are small, no session outlives
them, and nobody else subscribes there.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import aiomqtt

from recorder.config import MqttSection
from recorder.runtime.mqtt import Client
from recorder.runtime.mqtt_receiver import Acknowledge, Received, Receiver

MESSAGES = 1100
"""Messages of a probe: a little more than a default mosquitto keeps for a subscriber
(20 under way and 1000 in its queue), and some 100 kB with all they need."""
AT_ONCE = 10
"""Messages that are sent before the broker has acknowledged them: fewer than any broker
allows by default (20 for mosquitto)."""
QUIET_S = 0.3
"""Seconds without a message after which no more are believed to be under way. Chosen,
not tuned: a broker in the same building answers in milliseconds."""
PROBE_S = 10.0
"""Seconds that one probe may take; it then has no result. Chosen, not tuned."""
_LAST = b"last"


@dataclass(frozen=True, slots=True)
class Burst:
    """What became of a burst that nobody acknowledged at first."""

    sent: int
    ahead: int
    """Messages that came before the first was acknowledged."""
    kept: int | None
    """Messages that came in all; None: it cannot be told."""


class _Subscriber:
    """Counts, and acknowledges nothing until it is told to."""

    def __init__(self) -> None:
        self.count = 0
        self.last = asyncio.Event()
        self._waiting: list[Acknowledge] = []
        self._releases = False

    def take(self, messages: Sequence[Received], acknowledge: Acknowledge) -> None:
        for message in messages:
            if message.payload == _LAST:
                self.last.set()
            else:
                self.count += 1
        self._waiting.append(acknowledge)
        if self._releases:
            self.release()

    def release(self) -> None:
        """Acknowledge all that came, and from now on each at once."""
        self._releases = True
        waiting, self._waiting = self._waiting, []
        for acknowledge in waiting:
            acknowledge()

    async def quiet(self) -> int:
        """How many have come once no more do."""
        count = -1
        while count != self.count:
            count = self.count
            await asyncio.sleep(QUIET_S)
        return count


async def probe_burst(settings: MqttSection, topic: str, window: int) -> Burst:
    """Send a burst to a subscriber that does not acknowledge, then let it.

    Args:
        settings: Broker and credentials.
        topic: One of our own.
        window: Messages that the broker may send before the first is acknowledged
            (MQTT 5; with 3.1.1 the broker decides).

    Raises:
        MqttError: The broker cannot be reached, or ends the connection.
        ConfigError: A certificate or key cannot be read.
        TimeoutError: It takes longer than `PROBE_S`.
    """
    subscriber = _Subscriber()
    name = f"check-{uuid.uuid4().hex[:8]}"
    receiver = Receiver(
        subscriber.take, lambda: False, settings, name, receive_maximum=window
    )
    publisher = Client(settings, f"{name}-p")
    async with asyncio.timeout(PROBE_S), receiver, publisher:
        await receiver.subscribe(topic, qos=1)
        await asyncio.gather(*(_send(publisher, topic) for _ in range(AT_ONCE)))
        ahead = await subscriber.quiet()
        subscriber.release()
        await subscriber.quiet()
        # The queue is empty now: what was sent last comes last, or nothing is certain.
        await publisher.publish(topic, _LAST, qos=1)
        kept: int | None = None
        try:
            async with asyncio.timeout(PROBE_S / 4):
                await subscriber.last.wait()
            kept = subscriber.count
        except TimeoutError:
            pass
    return Burst(MESSAGES, ahead, kept)


async def _send(publisher: Client, topic: str) -> None:
    """One of AT_ONCE senders: each waits for its own acknowledgements only."""
    for _ in range(MESSAGES // AT_ONCE):
        await publisher.publish(topic, b"probe", qos=1)


async def probe_retained(settings: MqttSection, topic: str) -> bool:
    """Whether a message is retained: one is, is asked for, and is taken away again.

    Args:
        settings: Broker and credentials.
        topic: One of our own; what is sent there must come back.

    Raises:
        MqttError: The broker cannot be reached.
        ConfigError: A certificate or key cannot be read.
    """
    name = f"check-{uuid.uuid4().hex[:8]}"
    async with Client(settings, name, timeout_s=PROBE_S / 4) as client:
        try:
            await client.publish(topic, b"probe", qos=1, retain=True)
            await client.subscribe(topic, qos=1)
            async with asyncio.timeout(PROBE_S / 4):
                found = (await anext(client.messages)).retain
        except (aiomqtt.MqttError, TimeoutError):
            return False  # it closes the connection, or lost the message
        await client.publish(topic, b"", qos=1, retain=True)
    return found
