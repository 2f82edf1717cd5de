"""Messages that are told once, beside the status: they wait for the broker."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable

import aiomqtt

from recorder.records import Json
from recorder.runtime.log import get_logger

log = get_logger("mqtt")

MOST = 100
"""Messages that wait while the broker is away; of more, the oldest are given up: who
waits for a crystal's centre does not wait for a hundred. Chosen, not tuned."""
TRIES = 3
"""Connections on which a message is tried: a broker that does not let us publish it
must not keep the status away. Chosen, not tuned."""
HINT = (
    "whoever waits for it does not get it from the broker; it is in the run's report. "
    "Look at the rights of the recorder's user, and at the broker's log"
)
Publish = Callable[[str, str], Awaitable[None]]
"""Publishes a text on a topic below the prefix."""


class Outbox:
    """What is to be published, oldest first.

    Args:
        changed: Set when there is something.
    """

    def __init__(self, changed: asyncio.Event | None = None) -> None:
        self._changed = changed or asyncio.Event()
        self._waiting: deque[tuple[str, str]] = deque()
        self._tries = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, topic: str, body: Json) -> None:
        """Have a message published.

        Args:
            topic: Below the prefix.
            body: The message.
        """
        self._waiting.append((topic, json.dumps(body)))
        self._changed.set()
        if len(self._waiting) > MOST:
            self._give_up("the broker was away for too long")

    async def publish(self, publish: Publish) -> None:
        """Publish all that waits.

        Raises:
            aiomqtt.MqttError: The broker did not take one; it waits for the next
                connection, unless it was tried often enough.
        """
        while self._waiting:
            topic, text = self._waiting[0]
            self._tries += 1
            try:
                await publish(topic, text)
            except aiomqtt.MqttError as error:
                if self._tries >= TRIES:
                    self._give_up(str(error))
                raise
            self._waiting.popleft()
            self._tries = 0

    def _give_up(self, why: str) -> None:
        topic, text = self._waiting.popleft()
        self._tries = 0
        uid = json.loads(text).get("uid")
        log.warning("message_not_published", topic=topic, uid=uid, error=why, hint=HINT)
