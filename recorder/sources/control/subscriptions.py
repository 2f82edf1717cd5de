"""What is said of a broker that gives us less than we subscribe to."""

from __future__ import annotations

from collections.abc import Mapping

from recorder.config import MqttSection
from recorder.runtime.log import get_logger

log = get_logger("mqtt")

REFUSED_HINT = "give the recorder's user the right to read these topics"
LOW_HINT = (
    "messages can be lost without a trace, all of them while the recorder is away: "
    "allow QoS 1 (mosquitto: max_qos)"
)


class Subscriptions:
    """Says each change for the worse once, however often the connection is made.

    Args:
        settings: Which broker.
    """

    def __init__(self, settings: MqttSection) -> None:
        self._settings = settings
        self._said: tuple[list[str], list[str]] = ([], [])

    def granted(self, qos: Mapping[str, int | None]) -> str:
        """The broker answered.

        Args:
            qos: What it gives, by topic; None: it refuses.

        Returns:
            What is wrong with it, for people; empty if nothing is.
        """
        refused = [topic for topic, given in qos.items() if given is None]
        low = [topic for topic, given in qos.items() if given is not None and given < 1]
        if (refused, low) != self._said:
            self._said = (refused, low)
            where = {"host": self._settings.host, "port": self._settings.port}
            if refused:
                log.error(
                    "subscription_refused", **where, topics=refused, hint=REFUSED_HINT
                )
            if low:
                log.warning(
                    "subscription_without_qos", **where, topics=low, hint=LOW_HINT
                )
        if refused:
            return f"it refuses {', '.join(refused)}: {REFUSED_HINT}"
        return f"{', '.join(low)} with QoS 0 only: {LOW_HINT}" if low else ""
