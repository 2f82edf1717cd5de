"""One place that knows how to reach the broker."""

from __future__ import annotations

from typing import Any

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from recorder.config import MqttSection
from recorder.runtime.tls import tls_context

VERSIONS = {
    "3.1.1": aiomqtt.ProtocolVersion.V311,
    "5": aiomqtt.ProtocolVersion.V5,
}


class Client(aiomqtt.Client):
    """Ends without asyncio's complaint that nobody asked why the broker went.

    aiomqtt keeps the reason in a future. Who publishes learns of it by an error of its
    own, and the future would be logged as never retrieved when it is collected.
    """

    async def __aexit__(self, *reason: Any) -> None:
        await super().__aexit__(*reason)
        ended = self._disconnected
        if ended.done() and not ended.cancelled():
            ended.exception()


def client(
    settings: MqttSection,
    client_id: str,
    *,
    persistent: bool = False,
    will: aiomqtt.Will | None = None,
) -> Client:
    """A client for ``async with``.

    Args:
        settings: Broker and credentials.
        client_id: Id at the broker.
        persistent: Keep the session at the broker while we are away.
        will: What the broker says when we vanish.

    Raises:
        ConfigError: A certificate or key cannot be read.
    """
    options = client_options(settings, client_id, persistent=persistent, will=will)
    return Client(**options)


def client_options(
    settings: MqttSection,
    client_id: str,
    *,
    persistent: bool = False,
    will: aiomqtt.Will | None = None,
) -> dict[str, Any]:
    """What a client is made with.

    Args:
        settings: Broker and credentials.
        client_id: Id at the broker.
        persistent: Keep the session at the broker while we are away.
        will: What the broker says when we vanish.

    Raises:
        ConfigError: A certificate or key cannot be read.
    """
    options: dict[str, Any] = {}
    if settings.protocol == "5":
        options["clean_start"] = not persistent
        if persistent:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = settings.session_expiry_s
            properties.ReceiveMaximum = settings.receive_maximum
            options["properties"] = properties
    else:
        options["clean_session"] = not persistent
    password = settings.password
    return {
        "hostname": settings.host,
        "port": settings.port,
        "identifier": client_id,
        "protocol": VERSIONS[settings.protocol],
        "username": settings.username,
        "password": None if password is None else password.get_secret_value(),
        "tls_context": (
            tls_context("mqtt", settings.ca_file, settings.cert_file, settings.key_file)
            if settings.tls
            else None
        ),
        "will": will,
        "timeout": 10.0,
        **options,
    }
