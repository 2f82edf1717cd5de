"""What ``recorder check`` says of the broker: reached, allowed, and what it keeps."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aiomqtt

from recorder.config import MqttSection, Settings
from recorder.errors import RecorderError
from recorder.records import CheckLine
from recorder.runtime.looking import TIMEOUT_S
from recorder.runtime.mqtt import Allowed, Client, granted_qos
from recorder.runtime.mqtt_probe import MESSAGES, Burst, probe_burst, probe_retained
from recorder.sources.control.mqtt import TOPICS

SMALL_WINDOW = 20
"""Messages ahead with which the length of the queue is asked: what a default mosquitto
gives to MQTT 3.1.1, so that the same number of messages is enough."""
SMALL_PACKET = 1 << 20
"""Bytes of a message below which a broker's bound is worth a warning: an array of
10 000 events has 2 MB, an announcement with all it may say some 10 kB."""
T = TypeVar("T")
CURE = "mosquitto: `max_queued_messages 0`"
BAD = (aiomqtt.MqttError, RecorderError, TimeoutError)


async def broker_lines(settings: Settings) -> list[CheckLine]:
    """One line for each thing that matters about the broker.

    Args:
        settings: The configuration.
    """
    mqtt = settings.mqtt
    where = f"{mqtt.host}:{mqtt.port} (MQTT {mqtt.protocol})"
    if not mqtt.enabled:
        return [CheckLine("broker", True, "off (mqtt.enabled = false)")]
    try:
        async with asyncio.timeout(TIMEOUT_S):
            async with Client(mqtt, _name()) as client:
                topics = await _topics(client, settings.topic_prefix)
                allowed = client.allowed
    except BAD as error:
        text = str(error) or "no answer"
        hint = "start it, or mend mqtt.host, port, tls, username and password"
        return [CheckLine("broker", False, f"{where}: {text}; {hint}")]
    reached = CheckLine("broker", True, f"{where}, topics {settings.topic_prefix}/…")
    lines = [reached, topics]
    if mqtt.protocol != "5":
        allowed = await _asked_with_mqtt5(mqtt)
        lines.append(_version_line(allowed))
    if allowed is not None:
        lines += [_qos_line(allowed), _size_line(allowed)]
    topic = f"{settings.topic_prefix}/check/{uuid.uuid4().hex[:8]}"
    if allowed is not None and allowed.qos == 0:
        return [*lines, retain_line(allowed.retain)]  # what is sent is not acknowledged
    bursts, known = await _burst_lines(mqtt, topic)
    retains = allowed.retain if allowed is not None else None
    if retains is None and known:
        retains = await _or_none(lambda: probe_retained(mqtt, topic))
    return [*lines, retain_line(retains), *bursts]


def _name() -> str:
    return f"check-{uuid.uuid4().hex[:8]}"


async def _or_none(ask: Callable[[], Awaitable[T]]) -> T | None:
    try:
        return await ask()
    except BAD:
        return None


async def _topics(client: Client, prefix: str) -> CheckLine:
    """Whether we may subscribe, as the daemon does."""
    refused, low = [], []
    for topic in TOPICS:
        qos = await granted_qos(client, f"{prefix}/{topic}")
        if qos is None:
            refused.append(topic)
        elif qos < 1:
            low.append(topic)
    if refused:
        text = f"{', '.join(refused)}: the broker refuses the subscription"
        hint = "give the recorder's user the right to read below the prefix"
        return CheckLine("broker topics", False, f"{text}; {hint}")
    if low:
        text = f"{', '.join(low)}: QoS 0 only, messages can be lost without a trace"
        return CheckLine("broker topics", True, f"{text}; allow QoS 1", warning=True)
    return CheckLine("broker topics", True, "subscribed with QoS 1")


async def _asked_with_mqtt5(mqtt: MqttSection) -> Allowed | None:
    """What the broker allows, by the version of MQTT that says it."""
    newer = mqtt.model_copy(update={"protocol": "5"})

    async def ask() -> Allowed | None:
        async with asyncio.timeout(TIMEOUT_S):
            async with Client(newer, _name()) as client:
                return client.allowed

    return await _or_none(ask)


def _version_line(allowed: Allowed | None) -> CheckLine:
    what = "broker version"
    if allowed is None:
        text = "it does not speak MQTT 5, so it does not say what it allows"
        return CheckLine(what, True, text)
    text = (
        'it speaks MQTT 5, too: with mqtt.protocol = "5" it sends a burst ahead, and '
        "less waits in its queue"
    )
    return CheckLine(what, True, text, warning=True)


def _qos_line(allowed: Allowed) -> CheckLine:
    if allowed.qos == 0:
        text = "QoS 0 only: messages can be lost without a trace; allow QoS 1"
        return CheckLine("broker QoS", True, f"{text} (mosquitto: max_qos)", True)
    text = f"up to {allowed.qos}, {allowed.receive_maximum} messages of a publisher "
    return CheckLine("broker QoS", True, f"{text}under way")


def _size_line(allowed: Allowed) -> CheckLine:
    what, most = "broker size", allowed.packet_bytes
    if most is None:
        return CheckLine(what, True, "no bound on messages is named")
    text = f"messages of at most {most} bytes"
    if most >= SMALL_PACKET:
        return CheckLine(what, True, text)
    hint = "long announcements and arrays of events are refused"
    cure = f"raise it to {SMALL_PACKET} or more (mosquitto: max_packet_size)"
    return CheckLine(what, True, f"{text}: {hint}; {cure}", warning=True)


def retain_line(retains: bool | None) -> CheckLine:
    """What is said of retained messages.

    Args:
        retains: Whether the broker keeps them; None: it cannot be told.
    """
    what = "broker retain"
    if retains is None:
        text = "whether it keeps retained messages cannot be told from here"
        cure = "see its configuration (mosquitto: `retain_available true`)"
        return CheckLine(what, True, f"{text}; {cure}", warning=True)
    if retains:
        return CheckLine(what, True, "retained messages are kept")
    text = (
        "it keeps no retained messages: who asks for the status sees nothing before "
        "the next one, nor `offline` after the end, and an announcement that was sent "
        "before the recorder started is lost; mosquitto: `retain_available true`"
    )
    return CheckLine(what, True, text, warning=True)


async def _burst_lines(mqtt: MqttSection, topic: str) -> tuple[list[CheckLine], bool]:
    """What happens to a burst, and whether our probes come back at all."""
    window = mqtt.receive_maximum
    ours = await _or_none(lambda: probe_burst(mqtt, topic, window))
    if ours is None or ours.kept is None:
        return [unknown_line(topic)], False
    lines = [burst_line(ours)]
    if ours.ahead > SMALL_WINDOW:  # else its queue was met already
        slow = await _or_none(lambda: probe_burst(mqtt, topic, SMALL_WINDOW))
        lines.append(queue_line(slow, topic))
    return lines, True


def unknown_line(topic: str) -> CheckLine:
    """Nothing came back."""
    text = (
        f"whether it keeps a burst cannot be told: messages to {topic} do not come "
        f"back (rights, or it takes too long); see its configuration ({CURE})"
    )
    return CheckLine("broker burst", True, text, warning=True)


def burst_line(burst: Burst) -> CheckLine:
    """What is said of a burst while the recorder runs.

    Args:
        burst: With the window that the daemon asks for.
    """
    what, kept = "broker burst", burst.kept or 0
    if burst.ahead >= burst.sent:
        text = f"it sends {burst.ahead} messages and more ahead of acknowledgements"
        return CheckLine(what, True, text)
    text = f"it sends {burst.ahead} messages ahead of acknowledgements"
    if kept >= burst.sent:
        text += f" and queues {kept - burst.ahead} and more"
        return CheckLine(what, True, text)
    text += (
        f", queues {kept - burst.ahead} and DROPS the rest, also while the recorder is "
        "away"
    )
    cure = f'{CURE}, or mqtt.protocol = "5"'
    return CheckLine(what, True, f"{text}; {cure}", warning=True)


def queue_line(burst: Burst | None, topic: str) -> CheckLine:
    """What is said of events that come while the recorder is away.

    Args:
        burst: With a small window; None: the probe failed.
        topic: Where it was sent.
    """
    if burst is None or burst.kept is None:
        return unknown_line(topic)
    what = "broker queue"
    if burst.kept >= MESSAGES:
        text = f"it queues {burst.kept - burst.ahead} messages and more"
        return CheckLine(what, True, f"{text} for a recorder that is away")
    text = (
        f"it queues {burst.kept - burst.ahead} messages for a recorder that is away or "
        f"slow and DROPS the rest; {CURE}"
    )
    return CheckLine(what, True, text, warning=True)
