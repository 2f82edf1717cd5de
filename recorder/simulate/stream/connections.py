"""Connections of the simulated detector and timing system."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import aiomqtt
import zmq
import zmq.asyncio

from recorder.config import Settings
from recorder.config.endpoints import parse_endpoint
from recorder.errors import RecorderError, UsageError
from recorder.runtime.addresses import only_ipv6
from recorder.runtime.mqtt import Client
from recorder.simulate.stream.messages import Message


class Publisher(Protocol):
    """What takes announcements and events to the broker."""

    async def publish(self, topic: str, payload: str, qos: int = 0) -> None:
        """Publish one message."""


ANY_PORT = "tcp://127.0.0.1:*"
"""A free port of this host: ``LAST_ENDPOINT`` of the socket says which."""


@asynccontextmanager
async def detector_socket(endpoint: str) -> AsyncIterator[zmq.asyncio.Socket]:
    """The detector's PUSH socket; sent messages are delivered before it closes.

    Args:
        endpoint: Where it listens; ``ANY_PORT`` of this host is a free one.

    Raises:
        UsageError: The endpoint is none.
        RecorderError: It is taken, or is not on this host.
    """
    context = zmq.asyncio.Context()
    socket = context.socket(zmq.PUSH)
    socket.sndhwm = 200
    socket.immediate = True
    socket.linger = 30_000
    try:
        if endpoint != ANY_PORT:
            peer = parse_endpoint(endpoint)
            socket.ipv6 = peer.scheme == "tcp" and only_ipv6(peer.host)
        socket.bind(endpoint)
    except ValueError as error:
        context.destroy(linger=0)
        raise UsageError(f"endpoint {endpoint}: {error}") from error
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
        async with Client(settings.mqtt, f"simulator-{uuid.uuid4().hex[:8]}") as broker:
            yield broker
    except aiomqtt.MqttError as error:
        raise RecorderError(
            f"broker {where}: {error}; start it, set mqtt.host and mqtt.port, or "
            "simulate a bare detector with --no-mqtt"
        ) from error


async def send_message(
    socket: zmq.asyncio.Socket, message: Message, timeout_s: float
) -> None:
    """Send a message of the detector.

    Args:
        socket: The detector's.
        message: Its parts.
        timeout_s: Longest wait for somebody who takes it.

    Raises:
        RecorderError: Nobody takes it.
    """
    try:
        async with asyncio.timeout(timeout_s):
            await socket.send_multipart(message, copy=False)
    except TimeoutError as error:
        raise RecorderError(
            f"nobody has taken an image for {timeout_s:g} s: start "
            "`recorder run` with the same detector endpoint"
        ) from error


async def publish_body(
    broker: Publisher | None, settings: Settings, topic: str, body: Any
) -> None:
    """Publish a control message; to nobody if there is no broker."""
    if broker is not None:
        await broker.publish(f"{settings.topic_prefix}/{topic}", json.dumps(body), 1)
