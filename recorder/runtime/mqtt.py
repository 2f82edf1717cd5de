"""One place that knows how to reach the broker, and what it allows."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, TypeVar

import aiomqtt
from paho.mqtt.client import Client as Paho
from paho.mqtt.client import ConnectFlags
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from recorder.config import MqttSection
from recorder.runtime.tls import tls_context

T = TypeVar("T")
TIMEOUT_S = 10.0
"""Seconds that an answer of the broker may take. Chosen, not tuned."""
FAILURE = 0x80
"""First of MQTT's codes that mean a refusal."""
VERSIONS = {
    "3.1.1": aiomqtt.ProtocolVersion.V311,
    "5": aiomqtt.ProtocolVersion.V5,
}


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a broker says of itself when a client connects; only MQTT 5 has it."""

    retain: bool = True
    """It keeps retained messages."""
    qos: int = 2
    """Highest quality of service."""
    receive_maximum: int = 65_535
    """Messages that a publisher may have under way."""
    packet_bytes: int | None = None
    """Largest message; None: no bound was named."""


class Client(aiomqtt.Client):
    """A client for ``async with``.

    It knows what the broker allows, and ends without asyncio's complaint: aiomqtt keeps
    the reason of an end in a future. Who publishes learns of it by an error of its own,
    and the future would be logged as never retrieved when it is collected.

    Args:
        settings: Broker and credentials.
        client_id: Id at the broker.
        persistent: Keep the session at the broker while we are away.
        will: What the broker says when we vanish.
        receive_maximum: How many messages it may send before the first of them is
            acknowledged (MQTT 5); None: as many as MQTT counts.
        timeout_s: Seconds that an answer of the broker may take.

    Raises:
        ConfigError: A certificate or key cannot be read.
    """

    def __init__(
        self,
        settings: MqttSection,
        client_id: str,
        *,
        persistent: bool = False,
        will: aiomqtt.Will | None = None,
        receive_maximum: int | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._version5 = settings.protocol == "5"
        session: dict[str, Any] = {"clean_session": not persistent}
        if self._version5:
            expiry = settings.session_expiry_s if persistent else None
            session = {
                "clean_start": not persistent,
                "properties": _asked(expiry, receive_maximum),
            }
        secret, tls = settings.password, None
        if settings.tls:
            files = settings.ca_file, settings.cert_file, settings.key_file
            tls = tls_context("mqtt", *files)
        super().__init__(
            hostname=settings.host,
            port=settings.port,
            identifier=client_id,
            protocol=VERSIONS[settings.protocol],
            username=settings.username,
            password=None if secret is None else secret.get_secret_value(),
            tls_context=tls,
            will=will,
            timeout=timeout_s,
            **session,
        )
        self.allowed: Allowed | None = None
        """Since the last connection; None: it did not say (MQTT 3.1.1)."""

    async def _wait_for(
        self,
        fut: Awaitable[T],
        timeout: float | None,  # noqa: ASYNC109 - as aiomqtt calls it
    ) -> T:
        """As aiomqtt's, but who is cancelled while an answer comes stays cancelled.

        `asyncio.wait_for` before Python 3.12 hands out the answer and forgets the rest:
        a demonstration that publishes all the time did not hear its Ctrl-C.
        """
        seconds = self.timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(None if seconds == math.inf else seconds):
                return await fut
        except TimeoutError:
            raise aiomqtt.MqttError("Operation timed out") from None

    def _on_connect(
        self,
        client: Paho,
        userdata: Any,
        flags: ConnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        """Aiomqtt throws away what the broker allows."""
        if self._version5 and properties is not None:
            self.allowed = read_allowed(properties)
        super()._on_connect(client, userdata, flags, reason_code, properties)

    async def __aexit__(self, *reason: Any) -> None:
        await super().__aexit__(*reason)
        ended = self._disconnected
        if ended.done() and not ended.cancelled():
            ended.exception()


def read_allowed(connack: Properties) -> Allowed:
    """What a broker's answer to a connection says; what is absent has MQTT's default.

    Args:
        connack: Properties of the answer.
    """
    said = connack.json()  # type: ignore[no-untyped-call]
    return Allowed(
        retain=bool(said.get("RetainAvailable", 1)),
        qos=said.get("MaximumQoS", 2),
        receive_maximum=said.get("ReceiveMaximum", 65_535),
        packet_bytes=said.get("MaximumPacketSize"),
    )


def reason_code(error: aiomqtt.MqttError) -> int | None:
    """MQTT 5's reason for a refusal or an end, None if there is none."""
    code = getattr(error, "rc", None)
    return code.value if isinstance(code, ReasonCode) else None


async def granted_qos(client: aiomqtt.Client, topic: str) -> int | None:
    """Subscribe with QoS 1.

    Args:
        client: A connected client.
        topic: What to subscribe to.

    Returns:
        The QoS that the broker gives; None: it refuses.

    Raises:
        MqttError: The connection is over.
    """
    (code,) = await client.subscribe(topic, qos=1)
    value = code if isinstance(code, int) else code.value
    return value if value < FAILURE else None


def _asked(expiry_s: int | None, receive_maximum: int | None) -> Properties:
    """What is asked of the broker when a client connects (MQTT 5)."""
    asked = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    if expiry_s is not None:
        asked.SessionExpiryInterval = expiry_s
    if receive_maximum is not None:
        asked.ReceiveMaximum = receive_maximum
    return asked
