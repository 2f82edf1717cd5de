"""A detector that nodes receive from, for home: what they are told of it."""

from __future__ import annotations

from collections import deque
from typing import Any

from recorder.config import DetectorSection
from recorder.nodes.pulling.reports import HEADER, pack_body
from recorder.pool.wire import Message
from recorder.sources.dectris.source import DectrisSource

KEPT_HEADERS = 4
"""Headers of a detector that a node which comes later is told: as many as a decoder
remembers."""
_SENT = {
    "name", "endpoint", "socket", "protocol", "channel", "other_channels",
    "receive_hwm", "max_message_mb", "max_pixels",
}  # fmt: skip
"""Settings that a node needs; files of this host are of no use there."""


class Detector:
    """Reads what is no image, and remembers headers.

    Args:
        section: Endpoint, protocol and limits.
    """

    def __init__(self, section: DetectorSection) -> None:
        self._name = section.name
        self.source = DectrisSource(section)
        self.headers: deque[Message] = deque(maxlen=KEPT_HEADERS)
        """Messages for nodes, the latest last."""
        self.body: dict[str, Any] = section.model_dump(mode="json", include=_SENT)
        """What a node is told to receive."""

    def keep(self, frames: Message, received_ns: int) -> Message:
        """Remember a header: what other nodes are told of it."""
        body = {"source": self._name, "received_ns": received_ns}
        header = pack_body(HEADER, body, *frames)
        self.headers.append(header)
        return header
