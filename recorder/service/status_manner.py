"""In which way the status may be published: retained or not, with which QoS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import aiomqtt

from recorder.config import MqttSection
from recorder.runtime.log import get_logger
from recorder.runtime.mqtt import Allowed, reason_code

log = get_logger("mqtt")

NO_RETAIN, NO_QOS = 0x9A, 0x9B
"""MQTT 5's reasons: the broker keeps no retained messages; it has not that QoS."""
SURE = 2
"""Failures in a row, while the subscriber is connected, after which something else than
an outage explains them. MQTT 3.1.1 gives no reason. Chosen, not tuned."""
RETAIN_HINT = (
    "the status is published without: who asks for it sees nothing before the next "
    "one, nor that the recorder is offline, and an announcement that was sent before "
    "the recorder started is lost; mosquitto: retain_available true"
)
PUBLISH_HINT = (
    "the recorder is connected, but may not publish its status: look at the rights of "
    "its user, and at the broker's log. Trying on."
)


class StatusManner:
    """Starts with what is best, and gives up what the broker has not.

    Args:
        settings: Which broker.
        reached: Whether another connection of ours to the broker holds.
    """

    def __init__(self, settings: MqttSection, reached: Callable[[], bool]) -> None:
        self._settings = settings
        self._reached = reached
        self._failures = 0
        self._refused = 0
        """Failures in a row while the broker was there."""
        self._said: set[str] = set()
        self.way = Allowed()
        """How to publish now."""

    def fits(self, allowed: Allowed | None) -> bool:
        """Connected: whether to go on like this, or to connect in another way.

        Args:
            allowed: What the broker says that it allows; None: it does not say.
        """
        if allowed is None:
            return True
        wanted = replace(self.way, retain=allowed.retain, qos=allowed.qos)
        fits = (self.way.retain, min(1, self.way.qos)) == (
            wanted.retain,
            min(1, wanted.qos),
        )
        self.way = wanted
        return fits

    def works(self) -> None:
        """Something was published."""
        self._failures = self._refused = 0
        self._said.discard("status_not_published")
        if self.way.retain:
            self._said.discard("status_not_retained")
        else:
            self._say("status_not_retained", RETAIN_HINT)

    def failed(self, error: aiomqtt.MqttError) -> int:
        """It could not connect, or publish, or was cut off.

        Returns:
            How often it failed in a row, for the next wait.
        """
        self._failures += 1
        self._refused = self._refused + 1 if self._reached() else 0
        reason = reason_code(error)
        if reason in (NO_RETAIN, NO_QOS):
            self.way = replace(
                self.way,
                retain=self.way.retain and reason != NO_RETAIN,
                qos=0 if reason == NO_QOS else self.way.qos,
            )
        elif self._refused >= SURE and self._settings.protocol != "5":
            self.way = replace(self.way, retain=not self.way.retain)
        else:
            self.way = Allowed()
        if self._refused > SURE:
            self._say("status_not_published", PUBLISH_HINT, error=str(error))
        return self._failures

    def _say(self, event: str, hint: str, **fields: str) -> None:
        if event not in self._said:
            self._said.add(event)
            host, port = self._settings.host, self._settings.port
            log.warning(event, host=host, port=port, **fields, hint=hint)
