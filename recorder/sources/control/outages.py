"""What is said of a broker that is away, or of a second client that has our id."""

from __future__ import annotations

import time

import aiomqtt

from recorder.config import MqttSection
from recorder.runtime.log import get_logger
from recorder.runtime.mqtt import reason_code

log = get_logger("mqtt")

STABLE_S = 30.0
"""Seconds that a connection holds before a quarrel about it is over: two clients with
one id take the session from each other at each attempt, and ours are at most 10 s
apart."""
SHORT = 2
"""Connections in a row that were lost within STABLE_S, from which on it is said that
something closes them: MQTT 3.1.1 gives no reason. Chosen, not tuned."""
TAKEN_OVER = 0x8E
"""MQTT 5's reason: another client connected with our client id."""

LOST = "the connection was lost; trying on"
"""What is said where there was one."""
AWAY = (
    "is the broker running, and are mqtt.host, port, tls and the password right? "
    "Trying on."
)
"""What to look for where there was no connection at all."""


class Outages:
    """Says each change from working to failing once, however often it is tried.

    Args:
        settings: Which broker.
        client_id: Our id there.
    """

    def __init__(self, settings: MqttSection, client_id: str) -> None:
        self._settings = settings
        self._client_id = client_id
        self._failures = 0
        self._taken = 0
        self._short = 0
        self._said: set[str] = set()
        self._since: float | None = None
        """Monotonic time of the connection, None while there is none."""

    @property
    def quarrel(self) -> bool:
        """Something takes or closes our connections: none is believed at once."""
        return self._taken > 0 or self._short >= SHORT

    def connected(self) -> None:
        """There is a connection."""
        self._since = time.monotonic()
        if not self.quarrel:
            self._over()

    def stable(self) -> None:
        """It has held for STABLE_S."""
        if self.quarrel:
            self._over()
        self._taken = self._short = 0

    def _over(self) -> None:
        log.info(
            "broker_connected",
            host=self._settings.host,
            port=self._settings.port,
            after_failures=self._failures,
        )
        self._failures = 0
        self._said.clear()

    def failed(self, error: aiomqtt.MqttError) -> int:
        """There is no connection, or no longer.

        Returns:
            How often it failed in a row, for the next wait.
        """
        self._failures += 1
        since, self._since = self._since, None
        if since is None:
            self._short = 0  # the broker is away: that explains what was lost
        elif time.monotonic() - since < STABLE_S:
            self._short += 1
        if reason_code(error) == TAKEN_OVER:
            self._taken += 1
            self._say_taken()
        elif self.quarrel:
            self._say_closed()
        else:
            self._say_away(AWAY if since is None else LOST, error)
        return self._failures

    def _say_taken(self) -> None:
        hint = (
            f"another client connected with our client id {self._client_id!r}: give "
            "each recorder and each tool an mqtt.client_id of its own; until then both "
            "take the session from each other, and events come late"
        )
        if self._is_news("client_id_taken"):
            log.error(
                "client_id_taken",
                host=self._settings.host,
                port=self._settings.port,
                client_id=self._client_id,
                hint=hint,
            )

    def _say_closed(self) -> None:
        hint = (
            "the broker closes the connection again and again: another client with our "
            f"client id {self._client_id!r} (mqtt.client_id), or a limit of the "
            "broker; its log says which"
        )
        if self._is_news("broker_closes"):
            log.error(
                "broker_closes",
                host=self._settings.host,
                port=self._settings.port,
                client_id=self._client_id,
                hint=hint,
            )

    def _say_away(self, hint: str, error: aiomqtt.MqttError) -> None:
        if self._is_news("broker_unreachable"):
            log.warning(
                "broker_unreachable",
                host=self._settings.host,
                port=self._settings.port,
                error=str(error),
                hint=hint,
            )

    def _is_news(self, event: str) -> bool:
        new = event not in self._said
        self._said.add(event)
        return new
