"""What the receiver does with private parts of aiomqtt and paho, at a real broker.

A release that changes one of them must fail here
(docs/decisions/0002-aiomqtt.md says which).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

import aiomqtt
import pytest

from recorder.config import MqttSection
from recorder.runtime.mqtt import VERSIONS
from recorder.runtime.mqtt_receiver import Acknowledge, Received, Receiver
from tests.publisher import BurstPublisher

PROTOCOLS = pytest.mark.parametrize("protocol", sorted(VERSIONS))
MESSAGES = 500


class Taken:
    """What was handed over; nothing is acknowledged unless a test does it."""

    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []
        self.acknowledge: list[Acknowledge] = []
        self.held = False
        self._moved = asyncio.Event()

    def take(self, messages: Sequence[Received], acknowledge: Acknowledge) -> None:
        self.batches.append([message.payload for message in messages])
        self.acknowledge.append(acknowledge)
        self._moved.set()

    @property
    def payloads(self) -> list[bytes]:
        return [payload for batch in self.batches for payload in batch]

    async def wait(self, test: Callable[[], bool]) -> None:
        async with asyncio.timeout(120):
            while not test():
                self._moved.clear()
                await self._moved.wait()


def receiver(broker, taken: Taken, protocol: str, **more) -> Receiver:
    section = MqttSection(**broker.section(protocol=protocol))
    return Receiver(taken.take, lambda: taken.held, section, "receiver", **more)


def publish(broker, first: int = 0, count: int = MESSAGES) -> list[bytes]:
    bodies = [b"%d" % n for n in range(first, first + count)]
    publisher = BurstPublisher(broker.port)
    publisher.send("t", bodies)
    publisher.close()
    return bodies


@PROTOCOLS
async def test_many_messages_cost_few_reads_of_the_socket(make_mosquitto, protocol):
    broker = make_mosquitto(persistent=False, lines=("max_inflight_messages 1000",))
    taken = Taken()
    async with receiver(broker, taken, protocol) as client:
        reads = 0
        read = client._paho_sock_recv

        def counted(size: int) -> bytes:
            nonlocal reads
            reads += 1
            return read(size)

        client._paho_sock_recv = counted
        await client.subscribe("t", qos=1)
        sent = await asyncio.to_thread(publish, broker)
        await taken.wait(lambda: len(taken.payloads) == MESSAGES)
    assert taken.payloads == sent
    assert max(map(len, taken.batches)) > 1
    # paho alone asks three times for each message
    assert 0 < reads < MESSAGES


@PROTOCOLS
async def test_what_is_not_acknowledged_comes_again_and_nothing_else(
    make_mosquitto, protocol
):
    """aiomqtt alone acknowledges at once: nothing would come again."""
    broker = make_mosquitto(persistent=False, lines=("max_inflight_messages 1000",))
    taken = Taken()
    client = receiver(broker, taken, protocol, persistent=True)
    async with client:
        await client.subscribe("t", qos=1)
        sent = await asyncio.to_thread(publish, broker)
        await taken.wait(lambda: len(taken.payloads) == MESSAGES)
        first = len(taken.batches[0])
        taken.acknowledge[0]()
        # an answer to what is asked after it says that the broker has it
        await client.subscribe("u", qos=1)
    again = Taken()
    async with receiver(broker, again, protocol, persistent=True):
        await again.wait(lambda: len(again.payloads) >= MESSAGES - first)
    assert sorted(again.payloads, key=int) == sent[first:]


@PROTOCOLS
async def test_one_packet_acknowledges_a_batch(make_mosquitto, protocol):
    broker = make_mosquitto(persistent=False, lines=("max_inflight_messages 1000",))
    taken = Taken()
    async with receiver(broker, taken, protocol) as client:
        await client.subscribe("t", qos=1)
        await asyncio.to_thread(publish, broker)
        await taken.wait(lambda: len(taken.payloads) == MESSAGES)
        before = len(client._client._out_packet)
        for acknowledge in taken.acknowledge:
            acknowledge()
        packets = len(client._client._out_packet) - before
        assert packets == len(taken.batches)
        await client.subscribe("u", qos=1)
        await asyncio.to_thread(publish, broker, MESSAGES, 10)  # the window is open
        await taken.wait(lambda: len(taken.payloads) == MESSAGES + 10)


@PROTOCOLS
async def test_while_it_is_held_the_socket_is_not_read_and_goes_on_after(
    make_mosquitto, protocol
):
    broker = make_mosquitto(persistent=False, lines=("max_inflight_messages 1000",))
    taken = Taken()
    async with receiver(broker, taken, protocol) as client:
        await client.subscribe("t", qos=1)
        taken.held = True
        sent = await asyncio.to_thread(publish, broker)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await taken.wait(lambda: bool(taken.batches))
        taken.held = False
        await taken.wait(lambda: len(taken.payloads) == MESSAGES)
        assert taken.payloads == sent


@PROTOCOLS
async def test_the_end_of_a_connection_is_learned_without_asking(
    make_mosquitto, protocol
):
    broker = make_mosquitto(persistent=False)
    with contextlib.suppress(aiomqtt.MqttError):
        async with receiver(broker, Taken(), protocol) as client:
            broker.kill()
            with pytest.raises(aiomqtt.MqttError):
                async with asyncio.timeout(120):
                    await client.ended()
